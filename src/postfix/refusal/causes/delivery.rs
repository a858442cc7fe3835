//! Causes that lie on the way, at the recipient, or in the message.

use dkimd_advice::text;

use super::causes;
use crate::refusal::{Cause, Turn};

causes! {
    in DELIVERY;

    GREYLISTED = "greylisted", Nobody, None;
    text!("the receiver wants to see that this server tries again (greylisting)");
    text!("nothing: Postfix tries again in some minutes");

    SPAM = "taken-for-spam", Author, Some("reputation");
    text!("the receiver takes the message for spam by its content, its links, or the reputation of its \
     domain");
    text!("send a plain text message without links to compare; newsletters need one-click unsubscribe \
     (`dkimd doctor --sample FILE --only unsubscribe`)");

    MALFORMED = "malformed", Author, Some("self-test");
    text!("the message breaks RFC 5322: no or several From, Date, Message-ID or Subject fields, or one \
     that can't be read");
    text!("mend the program that writes the message; postconf -e always_add_missing_headers=yes adds \
     Date, From and Message-ID before the signature is made");

    FROM_FORM = "from-malformed", Author, None;
    text!("the receiver finds no address, or more than one, in the From field: most often the display name \
     holds a comma and is not in quotation marks, `From: Doe, Jane <jane@example.com>`");
    text!("have the program that writes the message put the name into quotation marks: `From: \"Doe, Jane\" \
     <jane@example.com>`; `dkimd doctor --sample FILE --only unsubscribe` examines a saved message");

    DUPLICATE_SIGNATURE = "duplicate-signature", Ours, Some("milter");
    text!("the relay (Amazon SES) adds a DKIM-Signature of its own and refuses messages that bring more \
     than one");
    text!("sign with one key alone for this way (no second key in SigningTable), or leave signing to \
     SES: take the filter out of smtpd_milters and non_smtpd_milters");

    NOT_VERIFIED = "relay-unverified-sender", Ours, None;
    text!("the relay does not know the sender's address or domain as yours");
    text!("verify the domain in the account of the relay's provider");

    AUTHENTICATION = "authentication", Ours, None;
    text!("the relay wants a user name and a password, or does not accept these");
    text!("put `[HOST]:587 user:password` into smtp_sasl_password_maps, run postmap on it, set \
     smtp_sasl_auth_enable=yes, install libsasl2-modules; Gmail and Microsoft want an app password");

    RELAY_DENIED = "relay-denied", Ours, Some("mx");
    text!("that server is not responsible for the recipient's domain and does not pass mail on for us");
    text!("is the domain's MX record right, and does relayhost, transport_maps or /etc/hosts send it \
     astray? A relay wants a login: smtp_sasl_password_maps");

    USER_UNKNOWN = "user-unknown", Author, None;
    text!("there is no such mailbox");
    text!("correct the address; strike it off newsletters at once, since unknown recipients spoil the \
     reputation");

    MAILBOX_FULL = "mailbox-full", Nobody, None;
    text!("the recipient's mailbox is full");
    text!("nothing here; the recipient must make room");

    MAILBOX_DISABLED = "mailbox-disabled", Author, None;
    text!("the mailbox exists, but is closed or takes no mail now");
    text!("reach the recipient by another way");

    TOO_LARGE = "too-large", Author, None;
    text!("the message is larger than the receiver takes");
    text!("send a link in place of the attachment");

    RECIPIENT_RATE = "recipient-rate", Nobody, None;
    text!("the recipient gets more mail than the receiver lets through at a time");
    text!("nothing: Postfix tries again");

    HELO = "helo-refused", Ours, Some("hostname");
    text!("the receiver does not like the name that this server greets with");
    text!("greet with a full name that has an address: postconf -e myhostname=mail.example.com && \
     postfix reload");

    SENDER_DOMAIN = "sender-domain", Ours, Some("mx");
    text!("the domain of the envelope sender does not exist, or has neither MX nor address");
    text!("mail of local programs leaves as user@$myorigin: postconf -e myorigin=example.com with a \
     domain that takes mail");

    SENDER_NULL_MX = "sender-null-mx", Ours, Some("mx");
    text!("the sender's domain says by a null MX (RFC 7505) that it takes no mail, so answers could not \
     reach it");
    text!("send from a domain with a real MX, or publish one");

    NULL_MX = "recipient-null-mx", Author, None;
    text!("the recipient's domain takes no mail (null MX, RFC 7505)");
    text!("correct the address");

    TIMED_OUT = "connection-timeout", Ours, Some("port25");
    text!("no connection came about. If it is so with every receiver, the provider of this server blocks \
     port 25 on the way out");
    text!("`dkimd doctor --only port25` tries several receivers; have the provider open port 25, or send \
     through a relay on port 587");

    IPV6_UNREACHABLE = "ipv6-unreachable", Ours, Some("addresses");
    text!("Postfix tried an IPv6 address, and this server has no way to the IPv6 internet");
    text!("harmless where IPv4 follows; to be rid of it: postconf -e inet_protocols=ipv4, then restart \
     Postfix");

    UNREACHABLE = "unreachable", Others, Some("port25");
    text!("there is no way to the receiver's host, or nobody listens there");
    text!("if it is one receiver alone, it is theirs to mend, and Postfix tries again; if it is all, look \
     at this server's firewall and route: `dkimd doctor --only port25`");

    LOST_CONNECTION = "connection-lost", Nobody, None;
    text!("the receiver hung up or fell silent in the midst of the talk: overloaded, or it does not want \
     this address");
    text!("Postfix tries again; if it is always after DATA, look for a path with a smaller MTU or a \
     firewall that meddles with SMTP");

    DOMAIN_NOT_FOUND = "domain-not-found", Author, None;
    text!("the recipient's domain does not exist, or has neither MX nor address");
    text!("correct the address; if the domain is right, ask its owner");

    DNS = "dns-failure", Ours, Some("resolver");
    text!("the name server gave no answer about the recipient's domain");
    text!("`dkimd doctor --only resolver` asks the servers of /etc/resolv.conf; a chrooted Postfix reads \
     its own copy: cp /etc/resolv.conf /var/spool/postfix/etc/");

    TLS_FAILED = "tls-failed", Nobody, Some("tls");
    text!("the TLS handshake with the receiver failed");
    text!("with smtp_tls_security_level=may Postfix goes on in clear at the next try; if it is all \
     receivers, look at smtp_tls_protocols, smtp_tls_ciphers and the clock");

    TLS_NOT_OFFERED = "tls-not-offered", Others, Some("tls");
    text!("this server insists on TLS, and the receiver does not offer it");
    text!("for all receivers `may` is right: postconf -e smtp_tls_security_level=may; insist for single \
     domains in smtp_tls_policy_maps");

    TLS_NOT_TRUSTED = "tls-not-trusted", Others, Some("tls");
    text!("this server insists on a certificate that can be verified (verify, secure, dane), and the \
     receiver's can't");
    text!("ask the receiver; for all receivers `may` or `dane` is right: smtp_tls_security_level, \
     smtp_tls_policy_maps");

    LOOP = "loops-back", Ours, Some("mx");
    text!("the domain's MX points to this server, but Postfix does not hold the domain for its own");
    text!("name the domain in mydestination, virtual_mailbox_domains, virtual_alias_domains or \
     relay_domains (in one of them alone), or correct the MX");

    HOPS = "too-many-hops", Ours, Some("mx");
    text!("the message goes round in circles between servers or forwardings");
    text!("look at its Received fields: postcat -q QUEUEID; undo the forwarding that sends it back");

    SMTPUTF8 = "smtputf8", Author, None;
    text!("an address or header field has letters beyond ASCII, and the receiver can't take that");
    text!("write to an address in ASCII; if only header fields are concerned, the program must encode \
     them (RFC 2047), or set smtputf8_autodetect_classes=sendmail, verify");

    FILTER_DOWN = "filter-down", Ours, Some("milter");
    text!("Postfix could not reach a filter (milter), or the filter hung up, and the mail was put off so \
     that it does not leave unsigned");
    text!("`dkimd doctor --only milter` tries the socket as Postfix would; the line before in the log \
     names it: warning: connect to Milter service …");

    SIGNING_FAILED = "signing-failed", Ours, Some("configuration");
    text!("dkimd should have signed and could not; the word in brackets says why");
    text!("`dkimd check` names the table, the key or the mode that is wrong; `dkimd explain \
     AUTHOR@DOMAIN` shows the way to the key");

    LOCAL_DELIVERY = "local-delivery", Ours, None;
    text!("the program that puts mail into mailboxes (Dovecot's LMTP, a pipe) can't be reached");
    text!("is it running, and may Postfix open its socket? virtual_transport, mailbox_transport; \
     systemctl status dovecot");

    TRANSPORT = "transport", Ours, None;
    text!("a service that this mail needs is missing in master.cf or fails to start");
    text!("the log names it: grep -E 'fatal|panic|transport' in the mail log; postfix check");

    STORAGE = "storage", Ours, None;
    text!("there is too little room on the disk");
    text!("df -h on the side that said it; Postfix wants 1.5 times message_size_limit free");

    BUSY = "receiver-busy", Nobody, None;
    text!("the receiver is overloaded or has a fault of its own");
    text!("nothing: Postfix tries again for maximal_queue_lifetime (five days)");

    CONNECTIONS = "too-many-connections", Ours, None;
    text!("the receiver takes fewer connections or messages at a time from one server");
    text!("Postfix tries again; for this receiver a transport with a lower \
     default_destination_concurrency_limit helps");

    POLICY = "receiver-policy", Others, None;
    text!("the receiver refuses by a rule of its own, which it does not name");
    text!("run `dkimd doctor` first; if all is well, ask the receiver's postmaster with the whole reply");
}
