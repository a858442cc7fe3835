"""Broken: who may send for the domain (RFC 7208)."""

from zoo.world import ADDRESS, ADDRESS6, DOMAIN, HOST
from zoo.worlds.case import broken


@broken("spf-missing")
def no_spf(world):
    """No SPF record."""
    world.records.drop(DOMAIN, "TXT")


@broken("spf-several-records")
def spf_twice(world):
    """Two SPF records."""
    world.records.add(DOMAIN, "TXT", "v=spf1 include:_spf.example.net -all")
    world.records.add("_spf.example.net", "TXT", "v=spf1 -all")


@broken("spf-too-many-lookups", says="12", by_hand="the administrator knows which services still send")
def spf_with_many_lookups(world):
    """Eleven includes and an mx."""
    names = [f"i{number}.example.net" for number in range(11)]
    world.records.put(DOMAIN, "TXT", "v=spf1 " + " ".join(f"include:{name}" for name in names) + f" ip4:{ADDRESS} mx -all")
    for name in names:
        world.records.add(name, "TXT", "v=spf1 ip4:192.0.2.0/30 -all")


@broken("spf-too-many-voids", says="g1")
def spf_with_void_lookups(world):
    """Three mechanisms that lead nowhere, before the one that matches."""
    world.records.put(DOMAIN, "TXT", "v=spf1 a:g1.example.net a:g2.example.net a:g3.example.net mx -all")


@broken("spf-pass-all", level="warn", says=r"\+all")
def spf_for_everybody(world):
    """Everybody may send."""
    world.records.put(DOMAIN, "TXT", "v=spf1 mx +all")


@broken("spf-ptr", level="warn", says="ptr")
def spf_by_reverse_name(world):
    """The mechanism that RFC 7208 tells not to use."""
    world.records.put(DOMAIN, "TXT", "v=spf1 ptr:example.com mx -all")


@broken("spf-ipv6-not-covered", says="2001:db8:10::25")
def spf_without_ipv6(world):
    """The record names the IPv4 address alone, and mail leaves by IPv6, too."""
    world.records.put(DOMAIN, "TXT", f"v=spf1 ip4:{ADDRESS} -all")


@broken("spf-ipv4-not-covered", says=r"203\.0\.113\.10")
def spf_of_the_old_server(world):
    """The record names the server the domain has moved away from."""
    world.records.put(DOMAIN, "TXT", "v=spf1 ip4:198.51.100.99 -all")


@broken("spf-no-all", level="warn", says="[~-]all")
def spf_without_end(world):
    """The record does not say what holds for others."""
    world.records.put(DOMAIN, "TXT", "v=spf1 mx")


@broken("spf-neutral-all", level="warn", says=r"\?all")
def spf_neutral(world):
    """The record says nothing about others, in so many words."""
    world.records.put(DOMAIN, "TXT", "v=spf1 mx ?all")


@broken("spf-syntax", says="ipv4")
def spf_with_a_slip(world):
    """A mechanism that does not exist."""
    world.records.put(DOMAIN, "TXT", f"v=spf1 ipv4:{ADDRESS} -all")


@broken("spf-include-missing", says="_spf.example.net")
def spf_that_includes_nothing(world):
    """The included domain has no SPF record."""
    world.records.put(DOMAIN, "TXT", "v=spf1 include:_spf.example.net mx -all")


@broken("spf-circle", says="_spf.example.net")
def spf_in_a_circle(world):
    """Two records that include one another."""
    world.records.put(DOMAIN, "TXT", "v=spf1 include:_spf.example.net mx -all")
    world.records.add("_spf.example.net", "TXT", f"v=spf1 include:{DOMAIN} -all")


@broken("spf-misspelt", says="v=spf1 mx -all")
def spf_run_together(world):
    """The blank after v=spf1 got lost: it is no SPF record at all."""
    world.records.put(DOMAIN, "TXT", "v=spf1mx -all")


@broken("spf-helo-not-covered", level="warn", says=HOST)
def spf_of_the_host_forbids_it(world):
    """The server's own name says that it sends no mail."""
    world.records.put(HOST, "TXT", "v=spf1 -all")


@broken("spf-ipv6-not-covered", says=ADDRESS6)
def spf_with_a_wrong_prefix(world):
    """An IPv6 network typed wrongly."""
    world.records.put(DOMAIN, "TXT", f"v=spf1 ip4:{ADDRESS} ip6:2001:db8:1::/48 -all")


@broken("spf-wrong-name", says="_spf.example.com")
def spf_at_the_wrong_name(world):
    """The record stands where nobody looks."""
    world.records.put("_spf.example.com", "TXT", "v=spf1 mx -all")
    world.records.drop(DOMAIN, "TXT")


@broken("spf-include-several", says="_spf.example.net")
def spf_includes_two_records(world):
    """The included domain has two SPF records."""
    world.records.put(DOMAIN, "TXT", "v=spf1 include:_spf.example.net mx -all")
    world.records.add("_spf.example.net", "TXT", "v=spf1 -all", "v=spf1 mx -all")


@broken("spf-include-syntax", says="_spf.example.net")
def spf_includes_a_slip(world):
    """The included record can't be evaluated."""
    world.records.put(DOMAIN, "TXT", "v=spf1 include:_spf.example.net mx -all")
    world.records.add("_spf.example.net", "TXT", "v=spf1 ip4:192.0.2.300 -all")


@broken("spf-behind-all", level="warn", says="ip6")
def spf_with_terms_behind_all(world):
    """What stands behind "all" is never read."""
    world.records.put(DOMAIN, "TXT", f"v=spf1 mx ~all ip6:{ADDRESS6}")


@broken("spf-relay-not-included", level="warn", says="smtp.example.net",
        by_hand="the relay's provider tells what to include")
def spf_without_the_smarthost(world):
    """All mail leaves by a provider's server that the record does not name."""
    world.relay("smtp.example.net")
