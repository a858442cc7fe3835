"""Servers with nothing wrong, in the many ways a server can be set up."""

from zoo.internet import reverse
from zoo.world import (
    ADDRESS, ADDRESS6, DOMAIN, HOST, KEYS, PRIVATE_GATEWAY, RELAY, SELECTOR, SELECTOR_ED25519, SUBMISSION)
from zoo.worlds.case import healthy

SECOND_ADDRESS = "203.0.113.11"
MILTER = "unix:opendkim/opendkim.sock"


@healthy
def plain(_world):
    """Two keys, two families, one domain: what all others start from."""


@healthy
def port_for_a_few(world):
    """The milter listens at all addresses, and MilterPeers says who may connect."""
    world.configuration["Socket"] = "inet:8891@0.0.0.0"
    world.configuration["MilterPeers"] = "localhost, 203.0.113.0/24"
    world.main["smtpd_milters"] = "inet:127.0.0.1:8891"


@healthy
def ipv4_only(world):
    """No IPv6 anywhere."""
    world.only_ipv4()


@healthy
def ipv6_not_spoken(world):
    """An IPv6 address that mail never leaves from."""
    world.main["inet_protocols"] = "ipv4"
    world.records.drop(HOST, "AAAA")
    world.records.drop(reverse(ADDRESS6))


@healthy
def spf_by_include(world):
    """SPF that includes another domain's and ends softly."""
    world.records.put(DOMAIN, "TXT", "v=spf1 include:_spf.example.net ~all")
    world.records.add("_spf.example.net", "TXT", f"v=spf1 ip4:{ADDRESS} ip6:2001:db8:10::/48 -all")


@healthy
def spf_by_redirect(world):
    """SPF that is all another domain's."""
    world.records.put(DOMAIN, "TXT", "v=spf1 redirect=_spf.example.net")
    world.records.add("_spf.example.net", "TXT", f"v=spf1 a:{HOST} -all")


@healthy
def spf_beside_other_texts(world):
    """Other TXT records at the domain, as everybody has them."""
    world.records.add(DOMAIN, "TXT", "google-site-verification=abc", "MS=ms123", "spf is great")


@healthy
def no_spf_for_the_host(world):
    """The server's own name has no SPF record, as is usual."""
    world.records.drop(HOST, "TXT")


@healthy
def key_by_cname(world):
    """The key record is another domain's, by an alias."""
    name = f"{SELECTOR}._domainkey.{DOMAIN}"
    world.records.drop(name)
    world.records.add(name, "CNAME", "s2026.keys.example.net.")
    world.records.add("s2026.keys.example.net", "TXT", world.material.keys["rsa"].record)


@healthy
def rsa_alone(world):
    """One key, as most servers have it."""
    world.only_rsa()


@healthy
def old_key_still_published(world):
    """A selector that is not in use any more, kept for the mail on its way."""
    world.publish_key("s2025", world.material.keys["other"])


@healthy
def large_key(world):
    """RSA of 4096 bits, whose record takes several strings and more than a small packet."""
    world.keys[f"{SELECTOR}.{DOMAIN}"] = world.material.keys["large"]
    world.publish_key(SELECTOR, world.material.keys["large"])


@healthy
def key_record_without_version(world):
    """A key record of p= alone is as good."""
    world.records.put(f"{SELECTOR}._domainkey.{DOMAIN}", "TXT", f"p={world.material.keys['rsa'].public}")


@healthy
def subdomain(world):
    """Mail of a subdomain, whose DMARC record stands at the domain above."""
    name = f"news.{DOMAIN}"
    world.domains = [name]
    world.key_table = [f"news {name}:{SELECTOR}:{KEYS}/{SELECTOR}.{DOMAIN}.private"]
    world.signing_table = [f"*@{name} news", f"*@{HOST} news"]
    world.records.add(name, "MX", f"10 {HOST}.")
    world.records.add(name, "TXT", "v=spf1 mx -all")
    world.publish_key(SELECTOR, world.material.keys["rsa"], domain=name)
    world.main["mydestination"] += f", {name}"
    world.mailname = name
    world.main["smtpd_sender_login_maps"] = f"inline:{{joe@{name}=joe}}"


@healthy
def two_domains(world):
    """A second domain on the same server."""
    name = "example.net"
    world.domains = [DOMAIN, name]
    world.key_table.append(world.key_line(SELECTOR, name))
    world.signing_table.append(f"*@{name} {SELECTOR}._domainkey.{name}")
    world.keys[f"{SELECTOR}.{name}"] = world.material.keys["other"]
    world.publish_key(SELECTOR, world.material.keys["other"], domain=name)
    world.records.add(name, "MX", f"10 {HOST}.")
    world.records.add(name, "TXT", "v=spf1 mx -all")
    world.records.add(f"_dmarc.{name}", "TXT", "v=DMARC1; p=quarantine")
    world.main["mydestination"] += f", {name}"


@healthy
def without_tables(world):
    """Domain, Selector and KeyFile instead of tables."""
    world.only_rsa()
    for name in ("KeyTable", "SigningTable", "MultipleSignatures"):
        world.configuration.pop(name)
    world.configuration.update(
        Domain=f"{DOMAIN},{HOST}", Selector=SELECTOR, KeyFile=f"{KEYS}/{SELECTOR}.{DOMAIN}.private")
    world.publish_key(SELECTOR, world.material.keys["rsa"], domain=HOST)


@healthy
def milter_over_tcp(world):
    """The milter listens on a port."""
    world.configuration["Socket"] = "inet:8891@localhost"
    world.main["smtpd_milters"] = "inet:localhost:8891"


@healthy
def milter_with_its_own_action(world):
    """A milter in braces with its own temporary failure."""
    world.main["smtpd_milters"] = f"{{ {MILTER}, default_action=tempfail }}"


@healthy
def milter_per_service(world):
    """Milters in master.cf alone."""
    world.main.pop("smtpd_milters")
    world.main["non_smtpd_milters"] = MILTER
    world.service_option(f"smtpd_milters={MILTER}")
    world.submission += f"  -o smtpd_milters={MILTER}\n"


@healthy
def without_chroot(world):
    """Postfix as other distributions have it, with the milter's socket in /run."""
    world.master_edits.append(("smtp      inet  n       -       y", "smtp      inet  n       -       n"))
    world.master_edits.append(("cleanup   unix  n       -       y", "cleanup   unix  n       -       n"))
    world.submission = SUBMISSION.replace("n       -       y", "n       -       n")
    world.configuration["Socket"] = "local:/run/opendkim/opendkim.sock"
    world.main["smtpd_milters"] = "unix:/run/opendkim/opendkim.sock"


@healthy
def several_addresses(world):
    """Two IPv4 addresses, of which mail leaves from the second."""
    world.addresses.insert(1, SECOND_ADDRESS)
    world.main["smtp_bind_address"] = SECOND_ADDRESS
    world.records.add("out.example.com", "A", SECOND_ADDRESS)
    world.records.add("out.example.com", "AAAA", ADDRESS6)
    world.records.add("out.example.com", "TXT", "v=spf1 a -all")
    world.records.add(reverse(SECOND_ADDRESS), "PTR", "out.example.com.")
    world.records.put(reverse(ADDRESS6), "PTR", "out.example.com.")
    world.main["smtp_helo_name"] = "out.example.com"
    world.records.put(DOMAIN, "TXT", "v=spf1 mx a:out.example.com -all")


@healthy
def smarthost(world):
    """All mail leaves by a provider's server, which the SPF record includes."""
    world.relay("smtp.example.net")
    world.records.put(DOMAIN, "TXT", "v=spf1 mx include:_spf.example.net -all")
    world.records.add("_spf.example.net", "TXT", f"v=spf1 ip4:{RELAY} -all")


@healthy
def behind_address_translation(world):
    """A private address, and a host name that tells the public one."""
    world.only_ipv4()
    world.addresses, world.gateway = ["192.168.7.20"], PRIVATE_GATEWAY
    world.main["proxy_interfaces"] = ADDRESS
    world.hosts = [f"192.168.7.20 {HOST} mail"]


@healthy
def backup_mx(world):
    """A second mail server elsewhere, for when this one is away."""
    world.records.add(DOMAIN, "MX", "20 backup.example.net.")
    world.records.add("backup.example.net", "A", "198.51.100.201")


@healthy
def sends_only(world):
    """Mail for the domain goes to another server, of which this one knows."""
    world.records.put(DOMAIN, "MX", "10 mx.example.net.")
    world.records.add("mx.example.net", "A", "198.51.100.99")
    world.records.put(DOMAIN, "TXT", f"v=spf1 a:{HOST} -all")
    world.main["mydestination"] = "$myhostname, localhost"


@healthy
def virtual_mailboxes(world):
    """The domain is a virtual one."""
    world.main["mydestination"] = "$myhostname, localhost"
    world.main["virtual_mailbox_domains"] = DOMAIN
    world.main["virtual_mailbox_maps"] = "inline:{joe@example.com=joe/, postmaster@example.com=joe/, abuse@example.com=joe/}"
    world.main["virtual_mailbox_base"] = "/var/mail"
    world.main["virtual_uid_maps"] = world.main["virtual_gid_maps"] = "static:1000"


@healthy
def strict_transport(world):
    """MTA-STS, reports on TLS, BIMI and CAA, as they ought to be."""
    world.records.add(f"_mta-sts.{DOMAIN}", "TXT", "v=STSv1; id=20260101T000000")
    world.records.add(f"mta-sts.{DOMAIN}", "A", ADDRESS)
    world.records.add(f"_smtp._tls.{DOMAIN}", "TXT", f"v=TLSRPTv1; rua=mailto:tls@{DOMAIN}")
    world.records.add(f"default._bimi.{DOMAIN}", "TXT", f"v=BIMI1; l=https://{DOMAIN}/logo.svg;")
    world.records.add(DOMAIN, "CAA", '0 issue "letsencrypt.org"')


@healthy
def certificate_by_dane(world):
    """DNSSEC, a resolver that validates, and a TLSA record for the certificate."""
    world.signed_zones = ["", DOMAIN]
    world.records.add(f"_25._tcp.{HOST}", "TLSA", f"3 1 1 {world.material.certificate_hash('good')}")


@healthy
def reports_to_another_domain(world):
    """Aggregate reports go to a domain that has agreed."""
    world.records.put(f"_dmarc.{DOMAIN}", "TXT", "v=DMARC1; p=quarantine; rua=mailto:dmarc@example.net")
    world.records.add(f"{DOMAIN}._report._dmarc.example.net", "TXT", "v=DMARC1")


@healthy
def one_receiver_away(world):
    """One of the large receivers does not answer, which proves nothing."""
    name, _ = world.receivers.pop("yahoo.com")
    world.records.put(name, "A", "198.51.100.250")


@healthy(never=("listed-address",))
def block_list_lists_everybody(world):
    """A block list that gave up and lists everybody: nobody is listed."""
    world.records.drop("2.0.0.127.psbl.surriel.com")
    world.records.add("*.psbl.surriel.com", "A", "127.0.0.2")


@healthy(never=("listed-address",))
def block_list_refuses(world):
    """A block list that answers the resolver with an error code."""
    world.records.drop("2.0.0.127.zen.spamhaus.org")
    world.records.add("*.zen.spamhaus.org", "A", "127.255.255.254")


@healthy
def no_bounces_through_the_milter(world):
    """internal_mail_filter_classes is empty, as Postfix has it."""
    world.main.pop("internal_mail_filter_classes")


@healthy
def dmarc_observing(world):
    """A policy that only watches, as one starts."""
    world.records.put(f"_dmarc.{DOMAIN}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}")


@healthy
def one_selector_for_two_kinds(world):
    """Each key has its own line in the tables, and the file is written in capitals here and there."""
    world.signing_table = [line.replace(DOMAIN, DOMAIN.upper(), 1) for line in world.signing_table]
    assert SELECTOR_ED25519 in world.key_table[1]
