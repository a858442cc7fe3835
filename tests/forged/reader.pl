#!/usr/bin/perl
# Whether Mail::AuthenticationResults takes fields for the word of mail.example.com: one a line in hexadecimal, an answer a line.
use strict;
use warnings;
use Encode ();
use Mail::AuthenticationResults::Parser;

sub ours {
    my ($value) = @_;
    my $id = eval { Mail::AuthenticationResults::Parser->new()->parse($value)->value()->value() };
    return 0 unless defined $id;
    # What the module leaves to its callers: blanks, a job, the dot at the end.
    $id =~ s/^\s+//;
    $id =~ s/\s+$//;
    $id =~ s{/.*}{}s;
    $id =~ s/\.$//;
    return lc $id eq 'mail.example.com';
}

while (my $line = <STDIN>) {
    chomp $line;
    my $octets = pack 'H*', $line;
    my $ours = ours($octets);
    if (!$ours && $octets =~ /[\x80-\xff]/) {
        my $text = eval { Encode::decode('UTF-8', my $copy = $octets, Encode::FB_CROAK) };
        $ours = defined $text && ours($text);
    }
    print $ours ? "ours\n" : "other\n";
}
