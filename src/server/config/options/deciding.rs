//! Options about whose mail is signed and whose is verified, and replies.

use super::OptionSpec as O;

pub(super) const OPTIONS: &[O] = &[
    O::string(
        "Mode",
        "sv",
        "What to do: s signs, v verifies, sv does both.",
    ),
    O::data_set(
        "InternalHosts",
        "127.0.0.1,::1",
        "Clients whose mail is signed: host names, .DOMAIN for all hosts below it, addresses, networks, each with ! in front to exclude it. Setting it replaces the default, localhost included.",
    ),
    O::data_set(
        "ExternalIgnoreList",
        "",
        "Clients that may send as one of our domains without being named in the log. Entries as in InternalHosts.",
    ),
    O::data_set(
        "PeerList",
        "",
        "Clients whose mail is let through untouched. Entries as in InternalHosts.",
    ),
    O::data_set(
        "ExemptDomains",
        "",
        "Author domains whose mail is let through untouched.",
    ),
    O::data_set(
        "MTA",
        "",
        "Names of Postfix or sendmail listeners, as in the macro {daemon_name}, whose mail is signed. Names tell case.",
    ),
    O::data_set(
        "MacroList",
        "",
        "Macros, as NAME or NAME=VALUE|VALUE, whose presence or value makes mail ours to sign. Names tell case and have no braces.",
    ),
    O::bool(
        "StrictHeaders",
        "no",
        "Treat mail as malformed that lacks From or Date, or has more than one of a field that RFC 5322 allows once.",
    ),
    O::bool(
        "RequiredHeaders",
        "no",
        "Refuse mail whose header does not satisfy RFC 5322.",
    ),
    O::bool(
        "IgnoreMalformedMail",
        "no",
        "Let malformed mail through without a mark.",
    ),
    O::integer(
        "MaximumHeaders",
        "65536",
        "The most octets of header that are taken. 0, and what is above it, means the program's own limit, 16 MiB.",
    ),
    O::bool(
        "FixCRLF",
        "no",
        "Treat bare CR and bare LF as line ends before hashing.",
    ),
    O::string(
        "On-Default",
        "",
        "What to do with mail in all the cases of the other On- options that are not set themselves: accept, reject, tempfail, discard or quarantine.",
    ),
    O::string(
        "On-BadSignature",
        "accept",
        "What to do when a signature does not verify, its key is revoked, or its field is broken: no tag list, a required tag missing, or a bad d=, t= or x=. Other malformed tags and key records that are there but broken, several or unusable get dkim=permerror and let the message go on, as in OpenDKIM.",
    ),
    O::string(
        "On-KeyNotFound",
        "accept",
        "What to do when a signature's key does not exist. A record that is there but broken is no such case, and no On-* option acts on it.",
    ),
    O::string(
        "On-DNSError",
        "accept",
        "What to do when a key can't be asked for. Only this option itself changes it; On-Default does not, because DNS trouble passes.",
    ),
    O::string("On-NoSignature", "accept", "What to do with unsigned mail."),
    O::string(
        "On-InternalError",
        "tempfail",
        "What to do when something breaks here, unusable keys and tables among it.",
    ),
    O::string(
        "On-Security",
        "tempfail",
        "What to do with mail that looks like an attack, as a header beyond MaximumHeaders.",
    ),
    O::string(
        "On-SignatureError",
        "tempfail",
        "What to do when a message should be signed and signing is refused, as for a key below MinimumKeyBits.",
    ),
];
