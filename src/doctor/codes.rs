//! Every code that a finding of doctor's can have, once: its word, the check that gives it, what it means.
//!
//! docs/doctor.md, in each language, is printed from this list ([`all`]).

use dkimd_advice::{Code, text, text::Text};

/// A code, and what it means.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// The code.
    pub code: Code,
    /// What it means, in a few words.
    pub meaning: Text,
}

macro_rules! codes {
    ($($check:literal { $($name:ident = $word:literal: $meaning:expr;)* })*) => {
        $($(pub(crate) const $name: Code = Code::new($word);)*)*

        // Not by their names: so the compiler tells of a code that no check gives.
        /// All codes, in the order in which they are documented: the checks, each with its codes.
        pub fn all() -> Vec<(&'static str, Vec<Meaning>)> {
            vec![$(($check, vec![$(Meaning { code: Code::new($word), meaning: $meaning }),*])),*]
        }
    };
}

codes! {
    "configuration" {
        CONFIGURATION_ERROR = "configuration-error": text!("the server does not start with this, or defers mail");
        CONFIGURATION_UNSIGNED = "configuration-unsigned": text!("a broken table line: mail that it is for leaves unsigned or waits");
        CONFIGURATION_WARNING = "configuration-warning": text!("works, but not as it was meant");
    }
    "resolver" {
        RESOLVER_STRIPS_DNSSEC = "resolver-strips-dnssec": text!("DNSSEC records get lost on the way");
        RESOLVER_NOT_VALIDATING = "resolver-not-validating": text!("DANE is asked for, but nobody validates DNSSEC");
        RESOLVER_SILENT = "resolver-silent": text!("no name server answers");
        RESOLVER_REFUSES = "resolver-refuses": text!("the name servers answer only with errors");
        RESOLVER_PARTLY_SILENT = "resolver-partly-silent": text!("some of the name servers do not answer");
        RESOLVER_NO_TCP = "resolver-no-tcp": text!("no answers over TCP: large keys can't be read");
        RESOLVER_PUBLIC = "resolver-public": text!("a public resolver: block lists don't answer through it");
        RESOLVER_CHROOT_DIFFERS = "resolver-chroot-differs": text!("Postfix's chroot has another resolv.conf");
        RESOLVER_CHROOT_MISSING = "resolver-chroot-missing": text!("Postfix's chroot lacks a file for looking up names");
    }
    "domains" {
        DOMAIN_MISSING = "domain-missing": text!("the domain does not exist");
        DNSSEC_BOGUS = "dnssec-bogus": text!("the domain's DNSSEC is broken: who validates sees nothing of it");
    }
    "postfix" {
        POSTFIX_NOT_INSTALLED = "postfix-not-installed": text!("Postfix is not installed");
        POSTFIX_UNREADABLE = "postfix-unreadable": text!("Postfix's settings can't be read");
        POSTFIX_COMPLAINT = "postfix-complaint": text!("Postfix complains of a setting, or does not know it");
        POSTFIX_NOT_RUNNING = "postfix-not-running": text!("Postfix does not run");
    }
    "hostname" {
        HELO_NOT_QUALIFIED = "helo-not-qualified": text!("the server greets with a name that is not whole");
        HELO_UNRESOLVABLE = "helo-unresolvable": text!("that name has no address");
        HELO_ELSEWHERE = "helo-elsewhere": text!("that name leads to another host");
        HELO_NOT_BOTH = "helo-not-both": text!("it leads to one leaving address, not to the other");
        HOSTS_LOOPBACK = "hosts-loopback": text!("/etc/hosts gives the server's name a loopback address");
        ORIGIN_NOT_QUALIFIED = "origin-not-qualified": text!("local mail leaves from a domain that is not whole (myorigin)");
    }
    "addresses" {
        ADDRESS_NONE = "address-none": text!("no way out to the internet");
        ADDRESS_PRIVATE = "address-private": text!("only private addresses, and the public one is not known");
        ADDRESS_TRANSLATED = "address-translated": text!("a router translates the address");
        ADDRESS_IPV6_UNNAMED = "address-ipv6-unnamed": text!("mail also leaves by an IPv6 address that is not set up for it");
    }
    "reverse" {
        PTR_MISSING = "ptr-missing": text!("a leaving address has no reverse name");
        PTR_NOT_CONFIRMED = "ptr-not-confirmed": text!("the reverse name does not lead back to the address");
        PTR_SEVERAL = "ptr-several": text!("several reverse names for one address");
        PTR_GENERIC = "ptr-generic": text!("a name that the provider gives out by machine");
        PTR_OTHER_NAME = "ptr-other-name": text!("the reverse name is not the one the server greets with");
    }
    "milter" {
        MILTER_BOUNCES_UNSIGNED = "milter-bounces-unsigned": text!("bounces are not signed");
        MILTER_ADDRESS_SPELLING = "milter-address-spelling": text!("Postfix does not understand how the socket is written");
        MILTER_NOT_CONFIGURED = "milter-not-configured": text!("Postfix hands no mail to dkimd");
        MILTER_SERVICE_WITHOUT = "milter-service-without": text!("a service of Postfix goes without dkimd");
        MILTER_LOCAL_MAIL_UNSIGNED = "milter-local-mail-unsigned": text!("mail of this host's own programs goes without dkimd");
        MILTER_DOUBLE_SIGNING = "milter-double-signing": text!("messages are signed twice");
        MILTER_DISABLED_FOR_CLIENTS = "milter-disabled-for-clients": text!("some clients are excepted from filters");
        MILTER_GROUP_NOT_IN_EFFECT = "milter-group-not-in-effect": text!("a group membership that needs a restart");
        MILTER_SETTINGS_IGNORED = "milter-settings-ignored": text!("the socket is set in a file that nobody reads");
        MILTER_ORDER = "milter-order": text!("another filter stands at the wrong side of dkimd");
        MILTER_TIMEOUT = "milter-timeout": text!("nobody answers at the socket");
        MILTER_HOST_UNRESOLVABLE = "milter-host-unresolvable": text!("the milter's host has no address");
        MILTER_SOCKET_DENIED = "milter-socket-denied": text!("Postfix may not connect to the socket");
        MILTER_NOT_LISTENING = "milter-not-listening": text!("the socket is there, and nobody listens");
        MILTER_SOCKET_MISSING = "milter-socket-missing": text!("there is no socket");
        MILTER_CHROOT = "milter-chroot": text!("the path is not the same in Postfix's chroot");
        MILTER_SOCKET_DIFFERS = "milter-socket-differs": text!("Postfix and dkimd name different sockets");
        MILTER_SERVES_EVERYBODY = "milter-serves-everybody": text!("whoever reaches the milter's port can have any mail signed");
        MILTER_PEER_SHUT_OUT = "milter-peer-shut-out": text!("MilterPeers leaves out the address that Postfix connects from");
        MILTER_DEFAULT_ACTION = "milter-default-action": text!("mail goes out unsigned, or is refused, when dkimd is away");
        MILTER_PROTOCOL_OLD = "milter-protocol-old": text!("Postfix speaks an old milter protocol");
        MILTER_TIMEOUT_SHORT = "milter-timeout-short": text!("Postfix waits less long than dkimd for DNS");
        MILTER_MACRO_MISSING = "milter-macro-missing": text!("a macro that dkimd needs is not sent");
        MILTER_SIGNS_STRANGERS = "milter-signs-strangers": text!("strangers' mail gets your signature");
        MILTER_DAEMON_NAME = "milter-daemon-name": text!("MTA names a service that there is not");
    }
    "breakers" {
        BREAKERS_CONTENT_FILTER = "breakers-content-filter": text!("a content filter comes after signing");
        BREAKERS_SES = "breakers-ses": text!("Amazon SES refuses mail with several signatures");
        BREAKERS_MILTER_HEADER_CHECKS = "breakers-milter-header-checks": text!("milter_header_checks takes the signature away");
        BREAKERS_HEADER_CHECKS = "breakers-header-checks": text!("header fields are changed after signing");
        BREAKERS_BODY_CHECKS = "breakers-body-checks": text!("bodies are changed after signing");
        BREAKERS_GENERIC_MAPS = "breakers-generic-maps": text!("addresses are rewritten after signing");
        BREAKERS_LINE_LENGTH = "breakers-line-length": text!("long lines are split after signing");
        BREAKERS_8BIT = "breakers-8bit": text!("8-bit mail is converted after signing");
        BREAKERS_CANONICALIZATION = "breakers-canonicalization": text!("white space that changes on the way breaks the signature");
        BREAKERS_BODY_LENGTH = "breakers-body-length": text!("only a part of the body is signed (l=)");
        BREAKERS_LIST_FIELDS = "breakers-list-fields": text!("fields are oversigned that lists add");
    }
    "self-test" {
        SELF_TEST_NO_CONNECTION = "self-test-no-connection": text!("the server does not take a message");
        SELF_TEST_REFUSED = "self-test-refused": text!("the server refuses the domain's own mail");
        SELF_TEST_NEWSLETTER = "self-test-newsletter": text!("the fields of one-click unsubscription are not signed");
        SELF_TEST_INVALID = "self-test-invalid": text!("the signature made is not valid");
        SELF_TEST_WRONG_KEY = "self-test-wrong-key": text!("the running server has another key than the files");
        SELF_TEST_COVERS = "self-test-covers": text!("which fields the signature covers");
        SELF_TEST_NOT_SIGNED = "self-test-not-signed": text!("the domain's mail is not signed");
    }
    "port25" {
        PORT_25_GREETING = "port-25-greeting": text!("it greets with another name than myhostname");
        PORT_25_8BIT = "port-25-8bit": text!("8BITMIME is not offered");
        PORT_25_NO_SERVICE = "port-25-no-service": text!("the MX leads here, and Postfix has no service on port 25");
        PORT_25_NOT_LISTENING = "port-25-not-listening": text!("Postfix listens on the loopback address alone");
        PORT_25_NOT_ANSWERING = "port-25-not-answering": text!("Postfix does not greet on its own port 25");
        PORT_25_INBOUND = "port-25-inbound": text!("the way in can't be seen from here");
        PORT_25_IPV6_BLOCKED = "port-25-ipv6-blocked": text!("closed over IPv6 alone");
        PORT_25_IPV4_BLOCKED = "port-25-ipv4-blocked": text!("closed over IPv4 alone");
        PORT_25_SOME_UNANSWERED = "port-25-some-unanswered": text!("some receivers did not greet, others did");
        PORT_25_BLOCKED = "port-25-blocked": text!("port 25 is closed on the way out");
        PORT_25_REDIRECTED = "port-25-redirected": text!("another server answers in every receiver's place");
        PORT_25_REFUSED = "port-25-refused": text!("a receiver turns this server away at the greeting");
        CLOCK_DIFFERS = "clock-differs": text!("this host's clock is wrong");
        RELAY_UNKNOWN = "relay-unknown": text!("relayhost has no address");
        RELAY_UNREACHABLE = "relay-unreachable": text!("relayhost does not answer");
    }
    "relay" {
        RELAY_OPEN = "relay-open": text!("strangers may send to anywhere through this server");
        RELAY_NO_BARRIER = "relay-no-barrier": text!("nothing keeps strangers from sending through this server");
        RELAY_NETWORKS_WIDE = "relay-networks-wide": text!("mynetworks holds networks of strangers");
        RELAY_NETWORKS_STYLE = "relay-networks-style": text!("mynetworks_style trusts the neighbours");
    }
    "submission" {
        SUBMISSION_MISSING = "submission-missing": text!("no service for users to send through");
        SUBMISSION_NO_SASL = "submission-no-sasl": text!("that service asks for no password");
        SUBMISSION_SASL_UNREACHABLE = "submission-sasl-unreachable": text!("whoever checks the passwords can't be reached: the port serves nobody");
        SUBMISSION_NOT_ANSWERING = "submission-not-answering": text!("nobody greets at port 587 or 465");
        SUBMISSION_NO_AUTH_OFFERED = "submission-no-auth-offered": text!("the port greets, but asks for no password");
        SUBMISSION_NOT_WRAPPED = "submission-not-wrapped": text!("port 465 does not begin with TLS");
        SUBMISSION_AUTH_IN_CLEAR = "submission-auth-in-clear": text!("passwords are taken without TLS");
        SUBMISSION_SENDER_NOT_BOUND = "submission-sender-not-bound": text!("users may send in each other's name");
    }
    "tls" {
        TLS_CERTIFICATE_EXPIRED = "tls-certificate-expired": text!("the certificate has run out");
        TLS_CERTIFICATE_ENDING = "tls-certificate-ending": text!("it runs out soon");
        TLS_CERTIFICATE_NOT_YET = "tls-certificate-not-yet": text!("it is not valid yet");
        TLS_CERTIFICATE_UNTRUSTED = "tls-certificate-untrusted": text!("it is self-signed, or from nobody known");
        TLS_CERTIFICATE_UNUSABLE = "tls-certificate-unusable": text!("it can't be verified");
        TLS_CERTIFICATE_NAME = "tls-certificate-name": text!("it is for another name");
        TLS_FILE_MISSING = "tls-file-missing": text!("a certificate or key file is not there");
        TLS_FILE_UNUSABLE = "tls-file-unusable": text!("such a file can't be used");
        TLS_KEY_DIFFERS = "tls-key-differs": text!("key and certificate do not belong together");
        TLS_KEY_OPEN = "tls-key-open": text!("everybody on this host can read the private key");
        TLS_REFUSED = "tls-refused": text!("STARTTLS is offered and then refused");
        TLS_HANDSHAKE = "tls-handshake": text!("no TLS 1.2 or 1.3 comes about");
        TLS_NOT_OFFERED = "tls-not-offered": text!("no STARTTLS on a port");
        TLS_NOT_SHOWN = "tls-not-shown": text!("TLS begins, but the server refuses to talk afterwards, so its certificate is not judged");
        TLS_NOT_TRIED = "tls-not-tried": text!("Postfix's `posttls-finger` is missing or does not work, so TLS could not be tried");
        TLS_NO_ROOTS = "tls-no-roots": text!("no authorities are known, so certificates can't be judged");
        TLS_NOT_USED = "tls-not-used": text!("mail is sent in clear");
        TLS_DEMANDED_OF_ALL = "tls-demanded-of-all": text!("mail to servers without TLS stays in the queue");
        TLS_DEMANDED_OF_SENDERS = "tls-demanded-of-senders": text!("senders without TLS are turned away");
        TLS_OLD_PROTOCOLS = "tls-old-protocols": text!("broken old protocols are allowed");
    }
    "mx" {
        MX_NULL = "mx-null": text!("a null MX says that the domain takes no mail");
        MX_TWICE = "mx-twice": text!("a host is named twice");
        MX_MISSING = "mx-missing": text!("no MX record");
        MX_IS_ADDRESS = "mx-is-address": text!("the MX names an address");
        MX_IS_ALIAS = "mx-is-alias": text!("the MX names an alias");
        MX_WITHOUT_ADDRESS = "mx-without-address": text!("the MX's host has no address");
        MX_PRIVATE = "mx-private": text!("its address can't be reached from outside");
        MX_UNDERSCORE = "mx-underscore": text!("a name with an underscore");
        DOMAIN_NOT_LOCAL = "domain-not-local": text!("the MX leads here, and Postfix does not take the domain's mail");
        MX_ELSEWHERE = "mx-elsewhere": text!("mail goes elsewhere, but Postfix keeps it here");
        MX_OTHER_HOST = "mx-other-host": text!("another server takes the domain's mail");
    }
    "spf" {
        SPF_HELO_MISSING = "spf-helo-missing": text!("the greeting name has no record of its own");
        SPF_HELO_NOT_COVERED = "spf-helo-not-covered": text!("the greeting name's record does not allow this server");
        SPF_MISSPELT = "spf-misspelt": text!("a record that does not begin with v=spf1");
        SPF_WRONG_NAME = "spf-wrong-name": text!("the record stands at a name where nobody looks");
        SPF_MISSING = "spf-missing": text!("no SPF record");
        SPF_SEVERAL_RECORDS = "spf-several-records": text!("more than one record");
        SPF_SYNTAX = "spf-syntax": text!("the record can't be read");
        SPF_INCLUDE_MISSING = "spf-include-missing": text!("an included domain has no record");
        SPF_INCLUDE_SEVERAL = "spf-include-several": text!("an included domain has several");
        SPF_INCLUDE_SYNTAX = "spf-include-syntax": text!("an included record can't be read");
        SPF_CIRCLE = "spf-circle": text!("the record includes itself");
        SPF_TOO_MANY_LOOKUPS = "spf-too-many-lookups": text!("more than ten DNS lookups");
        SPF_IPV4_NOT_COVERED = "spf-ipv4-not-covered": text!("the IPv4 address that mail leaves from is not allowed");
        SPF_IPV6_NOT_COVERED = "spf-ipv6-not-covered": text!("the IPv6 address that mail leaves from is not allowed");
        SPF_TOO_MANY_VOIDS = "spf-too-many-voids": text!("more than two names that do not exist");
        SPF_VOID = "spf-void": text!("a name that does not exist");
        SPF_WIDE_MX = "spf-wide-mx": text!("a term leads to more than ten mail servers");
        SPF_PASS_ALL = "spf-pass-all": text!("+all lets everybody send");
        SPF_NEUTRAL_ALL = "spf-neutral-all": text!("?all says nothing about forgers");
        SPF_NO_ALL = "spf-no-all": text!("no all at the end");
        SPF_PTR = "spf-ptr": text!("the term ptr, slow and unreliable");
        SPF_BEHIND_ALL = "spf-behind-all": text!("terms behind all, where nobody looks");
        SPF_PRIVATE_ADDRESS = "spf-private-address": text!("a private address in the record");
        SPF_RELAY = "spf-relay": text!("mail leaves through a provider that the record must name");
        SPF_RELAY_NOT_INCLUDED = "spf-relay-not-included": text!("that provider is not included");
    }
    "dkim" {
        DKIM_REVOKED = "dkim-revoked": text!("p= is empty: the key is revoked");
        DKIM_QUOTES = "dkim-quotes": text!("quotation marks were pasted into the record");
        DKIM_PARENTHESES = "dkim-parentheses": text!("parentheses were pasted into the record");
        DKIM_BACKSLASHES = "dkim-backslashes": text!("backslashes were pasted into the record");
        DKIM_WHOLE_LINE = "dkim-whole-line": text!("the whole zone file line was pasted into the record");
        DKIM_CUT_OFF = "dkim-cut-off": text!("the key was cut off");
        DKIM_LOWER_CASE = "dkim-lower-case": text!("capital letters got lost");
        DKIM_TYPO = "dkim-typo": text!("a few characters of the key differ");
        DKIM_ED25519_WRAPPED = "dkim-ed25519-wrapped": text!("the Ed25519 key is in OpenSSL's wrapper");
        DKIM_WRONG_KIND = "dkim-wrong-kind": text!("k= names another kind of key");
        DKIM_VERSION = "dkim-version": text!("the record does not begin with v=DKIM1");
        DKIM_NO_KEY_DATA = "dkim-no-key-data": text!("p= is missing");
        DKIM_NO_RECORD = "dkim-no-record": text!("the text there is no DKIM record");
        DKIM_OTHER_KEY = "dkim-other-key": text!("the record belongs to another private key");
        DKIM_KEY_UNUSED = "dkim-key-unused": text!("no line of the SigningTable uses the key");
        DKIM_NOT_YET_PUBLISHED = "dkim-not-yet-published": text!("a key of the KeyTable that no line uses yet: its record is not, or not everywhere, in DNS");
        DKIM_KEY_TOO_SMALL = "dkim-key-too-small": text!("fewer than 1,024 bits: nobody takes it");
        DKIM_KEY_SMALL = "dkim-key-small": text!("fewer than 2,048 bits");
        DKIM_SERVERS_DISAGREE = "dkim-servers-disagree": text!("the domain's name servers do not agree");
        DKIM_RESOLVER_STALE = "dkim-resolver-stale": text!("resolvers still remember an old answer");
        DKIM_SERVER_NO_TCP = "dkim-server-no-tcp": text!("one of them gives no whole answer, and none over TCP");
        DKIM_SERVER_LAME = "dkim-server-lame": text!("one of them is named for the zone and does not serve it");
        DKIM_SERVER_SILENT = "dkim-server-silent": text!("one of them does not answer");
        DKIM_MISSING = "dkim-missing": text!("no record");
        DKIM_NAME_DOUBLED = "dkim-name-doubled": text!("the record was published with the domain twice");
        DKIM_WRONG_SELECTOR = "dkim-wrong-selector": text!("the record stands at another selector");
        DKIM_WRONG_NAME = "dkim-wrong-name": text!("the record stands at another name");
        DKIM_SEVERAL_RECORDS = "dkim-several-records": text!("several records at one name");
        DKIM_BAD_RECORD = "dkim-bad-record": text!("the record can't be read");
        DKIM_NOT_FOR_EMAIL = "dkim-not-for-email": text!("s= keeps the key from mail");
        DKIM_NOT_FOR_SHA256 = "dkim-not-for-sha256": text!("h= forbids SHA-256");
        DKIM_TESTING = "dkim-testing": text!("t=y: the domain is only testing");
        DKIM_NO_KEY = "dkim-no-key": text!("no key signs the domain's mail");
    }
    "dmarc" {
        DMARC_MISSING = "dmarc-missing": text!("no record");
        DMARC_SEVERAL = "dmarc-several": text!("several records: receivers use none");
        DMARC_SYNTAX = "dmarc-syntax": text!("the record can't be read");
        DMARC_NOT_ALIGNED = "dmarc-not-aligned": text!("neither signature nor SPF is for the From domain");
        DMARC_REPORT_ADDRESS = "dmarc-report-address": text!("no report can reach the address");
        DMARC_REPORT_NOT_ALLOWED = "dmarc-report-not-allowed": text!("the other domain does not agree to get reports");
        DMARC_REMOVED_TAGS = "dmarc-removed-tags": text!("pct, rf or ri, which RFC 9989 has taken away");
        DMARC_PSD = "dmarc-psd": text!("psd= is wrong here");
        DMARC_LENIENT = "dmarc-lenient": text!("p=none only watches");
    }
    "policies" {
        TLSA_DIFFERS = "tlsa-differs": text!("a TLSA record does not fit the certificate that Postfix serves");
        MTA_STS_SYNTAX = "mta-sts-syntax": text!("the MTA-STS record can't be read");
        MTA_STS_NO_HOST = "mta-sts-no-host": text!("the policy's host has no address");
        TLS_RPT_SYNTAX = "tls-rpt-syntax": text!("the TLS-RPT record can't be read");
        BIMI_WITHOUT_POLICY = "bimi-without-policy": text!("BIMI needs DMARC with quarantine or reject");
        TLSA_WITHOUT_DNSSEC = "tlsa-without-dnssec": text!("TLSA records are worth nothing without DNSSEC");
        TLSA_USAGE = "tlsa-usage": text!("a TLSA usage that SMTP does not know");
        CAA_FORBIDS_ALL = "caa-forbids-all": text!("CAA forbids every authority");
    }
    "unsubscribe" {
        SAMPLE_MALFORMED = "sample-malformed": text!("the sample is no message");
        UNSUBSCRIBE_MISSING = "unsubscribe-missing": text!("a field of one-click unsubscription is missing");
        UNSUBSCRIBE_VALUE = "unsubscribe-value": text!("List-Unsubscribe-Post has another value");
        UNSUBSCRIBE_NOT_HTTPS = "unsubscribe-not-https": text!("no https address to unsubscribe at");
        UNSUBSCRIBE_UNSIGNED = "unsubscribe-unsigned": text!("no good signature covers both fields");
        UNSUBSCRIBE_UNALIGNED = "unsubscribe-unaligned": text!("the good signature is of another domain");
        SAMPLE_NO_AUTHOR = "sample-no-author": text!("no From field, or one that is malformed");
        SAMPLE_SEVERAL_FROM = "sample-several-from": text!("several From fields");
        SAMPLE_NO_DATE = "sample-no-date": text!("no Date field");
        SAMPLE_NO_MESSAGE_ID = "sample-no-message-id": text!("no Message-ID field");
        SAMPLE_REPEATED_FIELD = "sample-repeated-field": text!("a field stands twice that may stand once");
        SAMPLE_LINE_ENDS = "sample-line-ends": text!("a line does not end in CRLF");
        SAMPLE_LONG_LINE = "sample-long-line": text!("a line is longer than 998 characters");
        SAMPLE_RAW_HEADER = "sample-raw-header": text!("a header field has characters beyond ASCII");
        SAMPLE_8BIT = "sample-8bit": text!("the body is 8-bit text");
    }
    "postmaster" {
        POSTMASTER_MISSING = "postmaster-missing": text!("nobody takes mail to postmaster");
        POSTMASTER_ABUSE_MISSING = "postmaster-abuse-missing": text!("nobody takes mail to abuse");
        POSTMASTER_TABLE_UNREADABLE = "postmaster-table-unreadable": text!("Postfix can't read one of its tables");
    }
    "block-lists" {
        LISTED_BY_POLICY = "listed-by-policy": text!("the address is on a list of addresses that should send no mail directly");
        LISTED_DOMAIN = "listed-domain": text!("the domain is on a block list");
        LISTED_ADDRESS = "listed-address": text!("the address is on a block list");
        BLOCK_LISTS_UNUSABLE = "block-lists-unusable": text!("lists that give no true answers from here");
        BLOCK_LISTS_DEAD = "block-lists-dead": text!("Postfix asks a list that is no more");
        BLOCK_LISTS_REFUSE_ALL = "block-lists-refuse-all": text!("Postfix refuses all mail because of a list that answers everything");
    }
    "clock" {
        CLOCK_IMPOSSIBLE = "clock-impossible": text!("the clock shows a time that can't be");
        CLOCK_BEHIND = "clock-behind": text!("the clock is behind");
        CLOCK_UNSYNCHRONISED = "clock-unsynchronised": text!("nobody is known to keep the clock right");
    }
    "queue" {
        QUEUE_OWN_FILTER = "queue-own-filter": text!("mail waits because of a filter of this server");
        QUEUE_DEFERRED = "queue-deferred": text!("mail waits for receivers, with the reason translated");
        QUEUE_MAILDROP = "queue-maildrop": text!("mail of local programs is not taken in");
        QUEUE_HELD = "queue-held": text!("mail is on hold");
    }
    "reputation" {
        REPUTATION_ELSEWHERE = "reputation-elsewhere": text!("where receivers show the spam rate");
    }
}
