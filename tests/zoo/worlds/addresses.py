"""Broken: addresses, their names, the server's own name, and the ways in and out."""

import email.utils
import time

from zoo.internet import reverse
from zoo.server import SMTP_LINE
from zoo.world import ADDRESS, ADDRESS6, DOMAIN, HOST, PRIVATE_GATEWAY, RELAY
from zoo.worlds.case import broken

ELSEWHERE = "198.51.100.99"


@broken("ptr-missing", says=r"203\.0\.113\.10")
def no_reverse_name(world):
    """The address has no PTR record."""
    world.records.drop(reverse(ADDRESS))


@broken("ptr-missing", says="2001:db8:10::25")
def no_reverse_name_for_ipv6(world):
    """The provider gave IPv6 without being asked, and nobody set its PTR record."""
    world.records.drop(reverse(ADDRESS6))


@broken("ptr-not-confirmed", says=r"198\.51\.100\.99")
def reverse_name_of_another_address(world):
    """The PTR record names a host that has another address."""
    world.records.put(reverse(ADDRESS), "PTR", "old.example.com.")
    world.records.add("old.example.com", "A", ELSEWHERE)


@broken("ptr-not-confirmed", says="gone.example.com")
def reverse_name_that_is_not(world):
    """The PTR record names a host that does not exist."""
    world.records.put(reverse(ADDRESS), "PTR", "gone.example.com.")


@broken("ptr-several", level="warn", says="www.example.com")
def several_reverse_names(world):
    """Two PTR records for one address."""
    world.records.add(reverse(ADDRESS), "PTR", "www.example.com.")
    world.records.add("www.example.com", "A", ADDRESS)


@broken("ptr-generic", level="warn", says="203-0-113-10")
def generic_reverse_name(world):
    """The PTR record is the one the provider gives to everybody."""
    name = "203-0-113-10.dynamic.provider.example.net"
    world.records.put(reverse(ADDRESS), "PTR", f"{name}.")
    world.records.add(name, "A", ADDRESS)


@broken("address-private", says=r"192\.168\.7\.20", by_hand="only the router or the provider knows the public address")
def behind_a_router(world):
    """The server has a private address, which even the DNS has, and nothing says which one others see."""
    world.only_ipv4()
    world.addresses, world.gateway = ["192.168.7.20"], PRIVATE_GATEWAY
    world.hosts = [f"192.168.7.20 {HOST} mail"]
    world.records.put(HOST, "A", "192.168.7.20")


@broken("helo-not-qualified", says="myhostname", by_hand="the administrator chooses the server's name")
def short_host_name(world):
    """myhostname is a bare word."""
    world.main["myhostname"] = "mail"


@broken("helo-not-qualified", says="localhost", by_hand="the administrator chooses the server's name")
def host_name_localhost(world):
    """myhostname is the installer's localhost.localdomain."""
    world.main["myhostname"] = "localhost.localdomain"


@broken("helo-not-qualified", says=r"mail\.local", by_hand="the administrator chooses the server's name")
def host_name_local(world):
    """myhostname is a name of the local network."""
    world.main["myhostname"] = "mail.local"


@broken("helo-unresolvable", says="mx9.example.com")
def host_name_unknown(world):
    """myhostname is a name nobody knows."""
    world.main["myhostname"] = "mx9.example.com"


@broken("helo-elsewhere", says=r"198\.51\.100\.99")
def host_name_of_another(world):
    """myhostname has the address of another server."""
    world.main["myhostname"] = "old.example.com"
    world.records.add("old.example.com", "A", ELSEWHERE)


@broken("hosts-loopback", level="warn", says=r"127\.0\.1\.1",
        by_hand="a line that was there is to be corrected by its owner")
def host_name_on_the_loopback(world):
    """/etc/hosts has the server's name at 127.0.1.1, as Debian's installer writes it."""
    world.hosts = [f"127.0.1.1 {HOST} mail"]


@broken("domain-not-local", says="mydestination")
def domain_that_postfix_refuses(world):
    """The MX record leads here, and Postfix does not know the domain."""
    world.main["mydestination"] = "$myhostname, localhost"


@broken("mx-missing")
def no_mx(world):
    """The domain has no MX record."""
    world.records.drop(DOMAIN, "MX")


@broken("mx-null")
def null_mx(world):
    """The domain says that it takes no mail."""
    world.records.put(DOMAIN, "MX", "0 .")


@broken("mx-is-alias", says="CNAME")
def mx_by_cname(world):
    """The MX record names an alias."""
    world.records.put(DOMAIN, "MX", "10 mx.example.com.")
    world.records.add("mx.example.com", "CNAME", f"{HOST}.")


@broken("mx-is-address", says=r"203\.0\.113\.10")
def mx_by_address(world):
    """The MX record has an address where a name belongs."""
    world.records.put(DOMAIN, "MX", f"10 {ADDRESS}.")


@broken("mx-without-address", says="mx.example.com")
def mx_without_address(world):
    """The MX record names a host without addresses."""
    world.records.put(DOMAIN, "MX", "10 mx.example.com.")


@broken("domain-missing", says="exmaple.com", by_hand="the registrar registers domains")
def domain_that_is_not(world):
    """The domain asked about does not exist."""
    world.domains = ["exmaple.com"]


@broken("port-25-blocked", says="provider", by_hand="the provider opens its network")
def port_25_closed_by_the_provider(world):
    """No connection to anybody's port 25 gets out."""
    world.port_25_leaves = False


@broken("port-25-not-listening", says="inet_interfaces")
def only_on_the_loopback(world):
    """Postfix listens on the loopback alone, and the MX record leads here."""
    world.main["inet_interfaces"] = "loopback-only"


@broken("postfix-not-running", says="postfix start")
def postfix_stopped(world):
    """Postfix does not run."""
    world.postfix_runs = False


@broken("port-25-ipv6-blocked", level="warn", says="inet_protocols")
def port_25_closed_for_ipv6(world):
    """The provider lets port 25 out by IPv4 alone."""
    world.unreachable.append("2001:db8:26::26")


@broken("port-25-refused", level="warn", says="550", by_hand="the receiver decides whom it hears")
def greeted_with_a_refusal(world):
    """A large receiver refuses the address before a word is said."""
    world.greetings["icloud.com"] = "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=203.0.113.10"


@broken("clock-differs", says="chrony|timesync|ntp", by_hand="a world has the clock of its host")
def clock_an_hour_behind(world):
    """Every receiver that tells the time tells another one."""
    for domain in ("outlook.com", "hotmail.com"):
        late = email.utils.formatdate(time.time() + 3600)
        world.greetings[domain] = f"220 {domain.split('.')[0]}.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at {late}"


@broken("relay-unknown", says="smtp.example.net", by_hand="the provider tells the relay's name to its customers")
def relay_without_address(world):
    """The provider's server that all mail is handed to does not exist."""
    world.main["relayhost"] = "[smtp.example.net]:587"
    world.records.put(DOMAIN, "TXT", "v=spf1 mx include:_spf.example.net -all")
    world.records.add("_spf.example.net", "TXT", f"v=spf1 ip4:{RELAY} -all")


@broken("relay-unreachable", says="587", by_hand="the provider tells the relay's name to its customers")
def relay_silent(world):
    """The provider's server does not answer at its port."""
    relay_without_address(world)
    world.records.add("smtp.example.net", "A", RELAY)


@broken("address-ipv6-unnamed", says="2001:db8:10::25")
def ipv6_given_unasked(world):
    """The provider gave an IPv6 address that no name leads to, and mail leaves from it."""
    world.records.drop(HOST, "AAAA")
    world.records.drop(reverse(ADDRESS6))


@broken("origin-not-qualified", level="warn", says="myorigin|mailname")
def origin_localhost(world):
    """Mail of local programs comes from root@localhost."""
    world.mailname = "localhost"


@broken("mx-elsewhere", level="warn", says="mx.example.net",
        by_hand="the administrator knows which server has the mailboxes")
def mx_elsewhere_and_domain_here(world):
    """Mail for the domain goes to another server, and this one keeps its own users' mail."""
    world.records.put(DOMAIN, "MX", "10 mx.example.net.")
    world.records.add("mx.example.net", "A", ELSEWHERE)
    world.records.put(DOMAIN, "TXT", f"v=spf1 a:{HOST} -all")


@broken("port-25-no-service", says="smtp")
def no_service_for_port_25(world):
    """master.cf has no line for port 25."""
    world.master_edits.append((SMTP_LINE, ""))
