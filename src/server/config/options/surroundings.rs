//! Options about header fields, files, DNS, scripts and databases.

use super::OptionSpec as O;

pub(super) const OPTIONS: &[O] = &[
    O::bool(
        "SoftwareHeader",
        "no",
        "Add a DKIM-Filter field that names this program.",
    ),
    O::bool("X-Header", "no", "Old name of SoftwareHeader."),
    O::bool(
        "KeepTemporaryFiles",
        "no",
        "Keep the canonical forms of messages as files.",
    )
    .not_yet(),
    O::string("TemporaryDirectory", "", "Where temporary files go.").not_yet(),
    O::string(
        "Nameservers",
        "",
        "Addresses of DNS servers, separated by commas, ADDRESS@PORT if need be, instead of the system's.",
    ),
    O::string(
        "TrustAnchorFile",
        "",
        "The DNSSEC trust anchor: with it keys from DNS are validated. Read and checked at every load.",
    ),
    O::string(
        "ResolverConfiguration",
        "",
        "A configuration file for the resolver.",
    )
    .historic("dkimd has its own resolver; write Nameservers and TrustAnchorFile instead"),
    O::integer(
        "DNSTimeout",
        "5",
        "Seconds to wait for one key. 0: no limit of its own.",
    ),
    O::bool(
        "QueryCache",
        "no",
        "Log the figures of the key cache, which is always there.",
    )
    .at_start(),
    O::data_set(
        "TestDNSData",
        "",
        "Names and TXT records used instead of DNS.",
    ),
    O::string(
        "TestPublicKeys",
        "",
        "A file of names and key records used instead of DNS.",
    )
    .at_start(),
    O::bool("DNSConnect", "no", "Ask DNS over TCP.")
        .historic("OpenDKIM read it without acting on it"),
    O::bool("ResolverTracing", "no", "Log what the resolver does.")
        .historic("OpenDKIM read it without acting on it"),
    O::string(
        "SetupPolicyScript",
        "",
        "A Lua script run when the header is complete.",
    )
    .not_yet(),
    O::string(
        "ScreenPolicyScript",
        "",
        "A Lua script run before signatures are verified.",
    )
    .not_yet(),
    O::string(
        "FinalPolicyScript",
        "",
        "A Lua script run when all is done.",
    )
    .not_yet(),
    O::string(
        "Statistics",
        "",
        "A file that receives one record for each message.",
    )
    .not_yet(),
    O::string("StatisticsName", "", "This host's name in statistics.").not_yet(),
    O::string("StatisticsPrefix", "", "A text before each record.")
        .historic("OpenDKIM accepted it without using it"),
    O::string(
        "LDAPAuthMechanism",
        "simple",
        "How to authenticate with LDAP servers.",
    )
    .not_yet(),
    O::string("LDAPAuthName", "", "A SASL name for LDAP.").not_yet(),
    O::string("LDAPAuthRealm", "", "A SASL realm for LDAP.").not_yet(),
    O::string("LDAPAuthUser", "", "A SASL user for LDAP.").not_yet(),
    O::string("LDAPBindUser", "", "The name to bind to LDAP with.").not_yet(),
    O::string("LDAPBindPassword", "", "The password to bind to LDAP with.").not_yet(),
    O::string("LDAPTimeout", "5", "Seconds to wait for LDAP.").not_yet(),
    O::string(
        "LDAPKeepaliveIdle",
        "",
        "Idle seconds before a TCP keepalive to LDAP.",
    )
    .not_yet(),
    O::string(
        "LDAPKeepaliveProbes",
        "",
        "Keepalives without answer before the connection counts as dead.",
    )
    .not_yet(),
    O::string("LDAPKeepaliveInterval", "", "Seconds between keepalives.").not_yet(),
    O::bool("LDAPUseTLS", "no", "Use StartTLS with LDAP.").not_yet(),
    O::bool("LDAPDisableCache", "no", "Do not cache LDAP answers.")
        .historic("no such cache exists"),
    O::bool(
        "SoftStart",
        "no",
        "Start although a database can't be reached.",
    )
    .not_yet(),
];
