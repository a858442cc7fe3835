"""What a world consists of. A new one is a healthy server; each world's function changes it before it is built."""

from zoo.internet import FIRST, SECOND, Records, reverse

DOMAIN, HOST = "example.com", "mail.example.com"
ADDRESS, ADDRESS6 = "203.0.113.10", "2001:db8:10::25"
GATEWAY, GATEWAY6 = "203.0.113.1", "2001:db8:10::1"
# A router's address for servers that have a private one.
PRIVATE_GATEWAY = "192.168.7.1"
SELECTOR, SELECTOR_ED25519 = "s2026", "e2026"
KEYS = "/etc/dkimkeys"
SOCKET = "/var/spool/postfix/opendkim/opendkim.sock"
# A provider's server for outgoing mail.
RELAY = "198.51.100.200"
# Large receivers: domain, mail servers, their addresses.
RECEIVERS = {
    "gmail.com": ("gmail-smtp-in.l.google.com", ("198.51.100.26", "2001:db8:26::26")),
    "outlook.com": ("outlook-com.olc.protection.outlook.com", ("198.51.100.40",)),
    "hotmail.com": ("hotmail-com.olc.protection.outlook.com", ("198.51.100.41",)),
    "yahoo.com": ("mta5.am0.yahoodns.net", ("198.51.100.67",)),
    "icloud.com": ("mx01.mail.icloud.com", ("198.51.100.17",)),
    "gmx.net": ("mx00.emig.gmx.net", ("198.51.100.80",)),
    "web.de": ("mx-ha02.web.de", ("198.51.100.81",)),
}
# Block lists in service (RFC 5782, section 5): 127.0.0.2 is listed as a test, 127.0.0.1 never is.
ADDRESS_LISTS = {
    "zen.spamhaus.org": ("127.0.0.2", "127.0.0.4", "127.0.0.10"), "bl.spamcop.net": ("127.0.0.2",),
    "psbl.surriel.com": ("127.0.0.2",),
}
NAME_LISTS = {"dbl.spamhaus.org": "127.0.1.2"}
LISTED6 = "::ffff:127.0.0.2"

MAIN = {
    "smtpd_banner": "$myhostname ESMTP $mail_name (Debian/GNU)",
    "biff": "no",
    "append_dot_mydomain": "no",
    "readme_directory": "no",
    "compatibility_level": "3.6",
    "myhostname": HOST,
    "mydomain": DOMAIN,
    "myorigin": "/etc/mailname",
    "mydestination": "$myhostname, $mydomain, localhost.$mydomain, localhost",
    "alias_maps": "hash:/etc/aliases",
    "alias_database": "hash:/etc/aliases",
    "relayhost": "",
    "mynetworks": "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "mailbox_size_limit": "0",
    "recipient_delimiter": "+",
    "smtpd_tls_cert_file": "/etc/ssl/certs/mail.example.com.pem",
    "smtpd_tls_key_file": "/etc/ssl/private/mail.example.com.key",
    "smtpd_tls_security_level": "may",
    "smtp_tls_CApath": "/etc/ssl/certs",
    "smtp_tls_security_level": "may",
    "smtp_tls_session_cache_database": "btree:${data_directory}/smtp_scache",
    "smtpd_relay_restrictions": "permit_mynetworks permit_sasl_authenticated defer_unauth_destination",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_sender_login_maps": "inline:{joe@example.com=joe, postmaster@example.com=joe}",
    "milter_default_action": "tempfail",
    "milter_protocol": "6",
    "smtpd_milters": "unix:opendkim/opendkim.sock",
    "non_smtpd_milters": "$smtpd_milters",
    "internal_mail_filter_classes": "bounce, notify",
}
SUBMISSION = """\
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_sender_restrictions=reject_sender_login_mismatch
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
"""
CONFIGURATION = {
    "Syslog": "yes",
    "SyslogSuccess": "yes",
    "LogWhy": "yes",
    "Canonicalization": "relaxed/relaxed",
    "Mode": "sv",
    "OversignHeaders": "From",
    "SignatureAlgorithm": "rsa-sha256",
    "KeyTable": "/etc/opendkim/KeyTable",
    "SigningTable": "refile:/etc/opendkim/SigningTable",
    "InternalHosts": "/etc/opendkim/TrustedHosts",
    "ExternalIgnoreList": "/etc/opendkim/TrustedHosts",
    "Socket": f"local:{SOCKET}",
    "UMask": "007",
    "UserID": "opendkim",
    "PidFile": "/run/opendkim/opendkim.pid",
}


class World:
    """A server and the internet around it, healthy until changed."""

    def __init__(self, material):
        self.material = material
        self.domains = [DOMAIN]
        self.hostname, self.addresses, self.gateway = HOST, [ADDRESS, ADDRESS6], GATEWAY
        # The server's hosts file, without the lines for the loopback.
        self.hosts = [f"{ADDRESS} {HOST} mail", f"{ADDRESS6} {HOST} mail"]
        self.mailname = DOMAIN
        self.main, self.submission = dict(MAIN), SUBMISSION
        self.smtp_options, self.master_edits, self.master_end = [], [], ""
        self.configuration = dict(CONFIGURATION)
        self.keys = {
            f"{SELECTOR}.{DOMAIN}": material.keys["rsa"], f"{SELECTOR_ED25519}.{DOMAIN}": material.keys["ed25519"],
        }
        self.key_table = [self.key_line(SELECTOR), self.key_line(SELECTOR_ED25519)]
        self.signing_table = [
            f"*@{name} {selector}._domainkey.{DOMAIN}"
            for name in (DOMAIN, HOST) for selector in (SELECTOR, SELECTOR_ED25519)
        ]
        self.configuration["MultipleSignatures"] = "yes"
        self.trusted = ["127.0.0.1", "::1", "localhost"]
        self.certificate = "good"
        self.aliases = ["postmaster: root", "abuse: root", "root: joe"]
        self.zones = [DOMAIN, "example.net"]
        self.records = healthy_records(material)
        # Lines of zone files, by zone, beside the records.
        self.zone_lines = {}
        # Zones with DNSSEC, "" for the root; the server's resolver validates if there are any.
        self.signed_zones, self.signed_until = [], None
        # What the second name server has; the same unless set.
        self.second = None
        # In the second name server's place, one that sends these flags and nothing else, or with None, nothing.
        self.bad_second = False
        self.nameservers, self.resolver_runs, self.resolver_options = ["127.0.0.1"], True, ""
        self.receivers, self.port_25_leaves = dict(RECEIVERS), True
        # What a receiver says to every message, by domain.
        self.refusals, self.greetings = {}, {}
        # Addresses of receivers that packets don't reach, and others' servers: (address, port, name).
        self.unreachable, self.strangers = [], []
        self.postfix_runs = self.milter_runs = True
        # Whether the milter is expected to end at once.
        self.milter_fails = False
        # The milter's configuration as the package leaves it, in place of all that is said above.
        self.packaged = None
        # Work to do when all files are there, and when everything runs; each gets the world.
        self.before, self.after = [], []
        self.arguments = []

    @staticmethod
    def key_line(selector, domain=DOMAIN, file=None):
        """A line of the KeyTable."""
        return f"{selector}._domainkey.{domain} {domain}:{selector}:{file or f'{KEYS}/{selector}.{domain}.private'}"

    def publish_key(self, selector, key, domain=DOMAIN):
        """Publishes a key of the material."""
        self.records.put(f"{selector}._domainkey.{domain}", "TXT", key.record)

    def only_rsa(self):
        """One selector, as most servers have it."""
        name = f"{SELECTOR_ED25519}._domainkey.{DOMAIN}"
        self.key_table = [line for line in self.key_table if not line.startswith(SELECTOR_ED25519)]
        self.signing_table = [line for line in self.signing_table if not line.endswith(name)]
        self.keys.pop(f"{SELECTOR_ED25519}.{DOMAIN}")
        self.records.drop(name)

    def only_ipv4(self):
        """Takes the second family away everywhere."""
        self.addresses = [a for a in self.addresses if ":" not in a]
        self.hosts = [line for line in self.hosts if ADDRESS6 not in line]
        self.main["inet_protocols"] = "ipv4"
        self.records.drop(HOST, "AAAA")

    def relay(self, name):
        """Hands all mail to a provider's server."""
        self.main["relayhost"] = f"[{name}]:587"
        self.records.add(name, "A", RELAY)
        self.strangers.append((RELAY, 587, name))

    def service_option(self, line):
        """One more `-o` line for the service on port 25."""
        self.smtp_options.append(f"  -o {line}")


def healthy_records(material):
    """What the world publishes when nothing is wrong."""
    records = Records()
    records.add("ns1.example.com", "A", FIRST)
    records.add("ns2.example.com", "A", SECOND)
    records.add(DOMAIN, "MX", f"10 {HOST}.")
    records.add(DOMAIN, "TXT", "v=spf1 mx -all")
    records.add(HOST, "A", ADDRESS)
    records.add(HOST, "AAAA", ADDRESS6)
    records.add(HOST, "TXT", "v=spf1 a -all")
    records.add(f"_dmarc.{DOMAIN}", "TXT", f"v=DMARC1; p=reject; rua=mailto:postmaster@{DOMAIN}")
    records.add(f"{SELECTOR}._domainkey.{DOMAIN}", "TXT", material.keys["rsa"].record)
    records.add(f"{SELECTOR_ED25519}._domainkey.{DOMAIN}", "TXT", material.keys["ed25519"].record)
    for address in (ADDRESS, ADDRESS6):
        records.add(reverse(address), "PTR", f"{HOST}.")
    for domain, (host, addresses) in RECEIVERS.items():
        records.add(domain, "MX", f"10 {host}.")
        for address in addresses:
            records.add(host, "AAAA" if ":" in address else "A", address)
    for zone, answers in ADDRESS_LISTS.items():
        records.add(f"2.0.0.127.{zone}", "A", *answers)
        records.add(f"2.0.0.127.{zone}", "TXT", f"https://{zone}/query/127.0.0.2")
        records.add(f"{reverse(LISTED6).removesuffix('.ip6.arpa')}.{zone}", "A", "127.0.0.2")
    for zone, answer in NAME_LISTS.items():
        records.add(f"test.{zone}", "A", answer)
        records.add(f"dbltest.com.{zone}", "A", answer)
    return records
