//! Canonicalization against dkimpy and Mail::DKIM over odd headers and bodies, in every chunking.
//! Where one of them differs, RFC 6376 decides, and the case has a test of its own.

#[path = "support/peers.rs"]
mod peers;

use data_encoding::HEXLOWER;
use dkim_core::{
    Canon,
    canon::{BodyCanonicalizer, canonical_field},
    header::{HeaderSection, LeadingSpace},
};
use peers::Chance;

/// Cases of each kind.
const CASES: usize = 4000;

/// Reads `canon body HEX` or `canon header HEX(name) HEX(value)`, writes the canonical octets.
const DKIMPY: &str = r#"
import sys
from dkim.canonicalization import ALGORITHMS
for line in sys.stdin:
    canon, kind, *data = line.split(' ')
    algorithm = ALGORITHMS[canon.encode()]
    data = [bytes.fromhex(d.strip()) for d in data]
    if kind == 'body':
        out = algorithm.canonicalize_body(data[0])
    else:
        (name, value), = algorithm.canonicalize_headers([(data[0], data[1] + b'\r\n')])
        out = name + b':' + value
    print(out.hex())
"#;

const MAIL_DKIM: &str = r#"
use strict; use warnings;
use Mail::DKIM::Signature;
use Mail::DKIM::Canonicalization::simple;
use Mail::DKIM::Canonicalization::relaxed;
while (my $line = <STDIN>) {
    chomp $line;
    my ($canon, $kind, @data) = split / /, $line, -1;
    @data = map { pack 'H*', $_ } @data;
    my $class = "Mail::DKIM::Canonicalization::$canon";
    my $method = $class->new(Signature => Mail::DKIM::Signature->new);
    my $out;
    if ($kind eq 'body') {
        $method->add_body($data[0]) if length $data[0];
        $method->finish_body;
        $out = $method->result;
    } else {
        $out = $method->canonicalize_header("$data[0]:$data[1]") . "\r\n";
    }
    print unpack('H*', $out), "\n";
}
"#;

fn word(canon: Canon) -> &'static str {
    match canon {
        Canon::Simple => "simple",
        Canon::Relaxed => "relaxed",
    }
}

fn body_case(canon: Canon, body: &[u8]) -> String {
    format!("{} body {}", word(canon), HEXLOWER.encode(body))
}

fn header_case(canon: Canon, name: &[u8], value: &[u8]) -> String {
    let (name, value) = (HEXLOWER.encode(name), HEXLOWER.encode(value));
    format!("{} header {name} {value}", word(canon))
}

fn ask_dkimpy(cases: &[String]) -> Vec<String> {
    peers::ask("/usr/bin/python3", "-c", DKIMPY, cases)
}

fn ask_mail_dkim(cases: &[String]) -> Vec<String> {
    peers::ask("perl", "-e", MAIL_DKIM, cases)
}

/// Our canonical body, fed in chunks of random size.
fn canonical_body(canon: Canon, body: &[u8], chance: &mut Chance) -> String {
    let mut out = Vec::new();
    let mut canonicalizer = BodyCanonicalizer::new(canon);
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(1 + chance.below(rest.len()));
        canonicalizer.update(chunk, &mut |octets| out.extend_from_slice(octets));
        rest = after;
    }
    canonicalizer.finish(&mut |octets| out.extend_from_slice(octets));
    HEXLOWER.encode(&out)
}

fn canonical_header(canon: Canon, name: &[u8], value: &[u8]) -> String {
    let mut section = HeaderSection::default();
    section.push(name, value, LeadingSpace::Kept);
    let mut out = Vec::new();
    canonical_field(canon, section.get(0).unwrap(), &mut out);
    HEXLOWER.encode(&out)
}

/// Bodies and our canonical form of them.
fn bodies(canon: Canon, seed: u64, keep: impl Fn(&[u8]) -> bool) -> (Vec<String>, Vec<String>) {
    const TOKENS: [&[u8]; 12] = [
        b"a",
        b"word",
        b" ",
        b"\t",
        b"  ",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b"\0",
        b"\xe9",
        b"a line of some length, which is copied as it is because nothing in it changes at all\r\n",
    ];
    let mut chance = Chance(seed);
    let (mut cases, mut ours) = (Vec::new(), Vec::new());
    while cases.len() < CASES {
        let mut body = chance.tokens(&TOKENS, 24);
        if chance.one_in(2) {
            body.extend(b"\r\n");
        }
        if keep(&body) {
            cases.push(body_case(canon, &body));
            ours.push(canonical_body(canon, &body, &mut chance));
        }
    }
    (cases, ours)
}

/// Headers and our canonical form of them.
fn headers(canon: Canon, seed: u64) -> (Vec<String>, Vec<String>) {
    const NAME: [&[u8]; 5] = [b"A", b"b", b"-", b"From", b"x9"];
    const VALUE: [&[u8]; 10] = [
        b"a",
        b"B:c",
        b" ",
        b"\t",
        b"   ",
        b"\r\n ",
        b"\r\n\t",
        b"\xc3\xa9",
        b"\"q;=\"",
        b"\xe9",
    ];
    let mut chance = Chance(seed);
    let (mut cases, mut ours) = (Vec::new(), Vec::new());
    while cases.len() < CASES {
        let mut name = [b"X", chance.tokens(&NAME, 4).as_slice()].concat();
        if chance.one_in(4) {
            name.extend(chance.tokens(&[b" ", b"\t"], 2));
        }
        let value = chance.tokens(&VALUE, 16);
        cases.push(header_case(canon, &name, &value));
        ours.push(canonical_header(canon, &name, &value));
    }
    (cases, ours)
}

fn assert_same(cases: &[String], ours: &[String], theirs: &[String], who: &str) {
    for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        assert_eq!(ours, theirs, "{who} differs about {case}");
    }
}

/// dkimpy leaves white space at the end of a last line without CRLF.
fn ends_in_unterminated_white_space(body: &[u8]) -> bool {
    matches!(body.last(), Some(b' ' | b'\t'))
}

#[test]
fn simple_bodies_equal_those_of_dkimpy_and_mail_dkim() {
    if peers::left_out() {
        return;
    }
    let (cases, ours) = bodies(Canon::Simple, 1, |_| true);
    assert_same(&cases, &ours, &ask_dkimpy(&cases), "dkimpy");
    let (cases, ours) = bodies(Canon::Simple, 6, |body| {
        body.is_empty() || body.ends_with(b"\r\n")
    });
    assert_same(&cases, &ours, &ask_mail_dkim(&cases), "Mail::DKIM");
}

/// RFC 6376 section 3.4.3: "If there is no body or no trailing CRLF on the message body, a CRLF is
/// added." dkimpy agrees.
#[test]
fn mail_dkim_leaves_a_simple_body_unterminated_and_we_do_not() {
    if peers::left_out() {
        return;
    }
    let cases = [body_case(Canon::Simple, b"a")];
    let ours = [canonical_body(Canon::Simple, b"a", &mut Chance(0))];
    assert_eq!(ours, [HEXLOWER.encode(b"a\r\n")]);
    assert_same(&cases, &ours, &ask_dkimpy(&cases), "dkimpy");
    assert_eq!(ask_mail_dkim(&cases), [HEXLOWER.encode(b"a")]);
}

#[test]
fn relaxed_bodies_equal_those_of_dkimpy_and_mail_dkim() {
    if peers::left_out() {
        return;
    }
    let (cases, ours) = bodies(Canon::Relaxed, 2, |body| {
        !ends_in_unterminated_white_space(body)
    });
    assert_same(&cases, &ours, &ask_dkimpy(&cases), "dkimpy");
    let (cases, ours) = bodies(Canon::Relaxed, 3, |_| true);
    assert_same(&cases, &ours, &ask_mail_dkim(&cases), "Mail::DKIM");
}

#[test]
fn header_fields_equal_those_of_dkimpy_and_mail_dkim() {
    if peers::left_out() {
        return;
    }
    for (canon, seed) in [(Canon::Simple, 4), (Canon::Relaxed, 5)] {
        let (cases, ours) = headers(canon, seed);
        assert_same(&cases, &ours, &ask_dkimpy(&cases), "dkimpy");
        assert_same(&cases, &ours, &ask_mail_dkim(&cases), "Mail::DKIM");
    }
}

/// RFC 6376 section 3.4.4: "Ignore all whitespace at the end of lines", and the last line is one.
/// Mail::DKIM agrees.
#[test]
fn dkimpy_keeps_white_space_at_the_end_of_an_unterminated_line_and_we_do_not() {
    if peers::left_out() {
        return;
    }
    let cases = [body_case(Canon::Relaxed, b"a \t")];
    let ours = [canonical_body(Canon::Relaxed, b"a \t", &mut Chance(0))];
    assert_eq!(ours, [HEXLOWER.encode(b"a\r\n")]);
    assert_same(&cases, &ours, &ask_mail_dkim(&cases), "Mail::DKIM");
    assert_eq!(ask_dkimpy(&cases), [HEXLOWER.encode(b"a \r\n")]);
}

/// RFC 6376 section 2.8: WSP is SP and HTAB only. Both peers drop the form feed.
#[test]
fn the_peers_drop_a_form_feed_at_the_start_of_a_value_and_we_keep_it() {
    if peers::left_out() {
        return;
    }
    let cases = [header_case(Canon::Relaxed, b"X", b" \x0ca")];
    let ours = canonical_header(Canon::Relaxed, b"X", b" \x0ca");
    assert_eq!(ours, HEXLOWER.encode(b"x:\x0ca\r\n"));
    assert_eq!(ask_dkimpy(&cases), [HEXLOWER.encode(b"x:a\r\n")]);
    assert_eq!(ask_mail_dkim(&cases), [HEXLOWER.encode(b"x:a\r\n")]);
}
