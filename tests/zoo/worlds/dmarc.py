"""Broken: the policy for the domain's mail, and what it says of ours (RFC 9989)."""

from zoo.world import DOMAIN, HOST, SELECTOR
from zoo.worlds.case import broken

NAME = f"_dmarc.{DOMAIN}"


@broken("dmarc-missing", level="warn", says=NAME)
def no_dmarc(world):
    """No policy."""
    world.records.drop(NAME)


@broken("dmarc-several", level="warn", says=NAME)
def dmarc_twice(world):
    """Two policies, so none counts."""
    world.records.add(NAME, "TXT", "v=DMARC1; p=none")


@broken("dmarc-syntax", level="warn", says="v=DMARC1")
def dmarc_version_last(world):
    """v= stands after p=."""
    world.records.put(NAME, "TXT", "p=reject; v=DMARC1")


@broken("dmarc-syntax", level="warn", says="p=")
def dmarc_policy_misspelt(world):
    """A policy that does not exist."""
    world.records.put(NAME, "TXT", "v=DMARC1; p=block")


@broken("dmarc-report-not-allowed", level="warn", says="_report")
def dmarc_reports_to_strangers(world):
    """Reports are to go to a domain that has not agreed."""
    world.records.put(NAME, "TXT", "v=DMARC1; p=reject; rua=mailto:dmarc@example.net")


@broken("dmarc-report-address", level="warn", says="mailto:")
def dmarc_report_without_mailto(world):
    """A bare address for the reports."""
    world.records.put(NAME, "TXT", f"v=DMARC1; p=reject; rua=postmaster@{DOMAIN}")


@broken("dmarc-removed-tags", level="warn", says="pct")
def dmarc_with_old_tags(world):
    """pct=, which RFC 9989 took away."""
    world.records.put(NAME, "TXT", f"v=DMARC1; p=quarantine; pct=20; rua=mailto:postmaster@{DOMAIN}")


@broken("dmarc-not-aligned", says="d=")
def dmarc_signed_by_another(world):
    """The signature is another domain's."""
    other = "example.net"
    world.only_rsa()
    world.key_table = [f"k {other}:{SELECTOR}:/etc/dkimkeys/{SELECTOR}.{DOMAIN}.private"]
    world.signing_table = [f"*@{DOMAIN} k", f"*@{HOST} k"]
    world.records.drop(f"{SELECTOR}._domainkey.{DOMAIN}")
    world.publish_key(SELECTOR, world.material.keys["rsa"], domain=other)


@broken("dmarc-not-aligned", says="adkim=s")
def dmarc_strict_and_signed_below(world):
    """Strict alignment, and a signature by the host's name."""
    world.only_rsa()
    world.key_table = [f"k {HOST}:{SELECTOR}:/etc/dkimkeys/{SELECTOR}.{DOMAIN}.private"]
    world.signing_table = [f"*@{DOMAIN} k", f"*@{HOST} k"]
    world.records.drop(f"{SELECTOR}._domainkey.{DOMAIN}")
    world.publish_key(SELECTOR, world.material.keys["rsa"], domain=HOST)
    world.records.put(NAME, "TXT", "v=DMARC1; p=reject; adkim=s")


@broken("dmarc-missing", level="warn", says=NAME)
def dmarc_at_the_wrong_name(world):
    """The record stands at the domain itself."""
    world.records.drop(NAME)
    world.records.add(DOMAIN, "TXT", "v=DMARC1; p=reject")
