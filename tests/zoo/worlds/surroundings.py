"""Broken: resolver, block lists, queue, postmaster and the messages themselves."""

from zoo.internet import nibbles
from zoo.server import run, write
from zoo.strangers import listening
from zoo.world import ADDRESS, DOMAIN
from zoo.worlds.case import broken

SAMPLE = "/etc/opendkim/sample.eml"


@broken("resolver-silent", says=r"192\.0\.2\.99", pains=[29])
def dead_resolver(world):
    """/etc/resolv.conf names a resolver that is gone."""
    world.nameservers = ["192.0.2.99"]


@broken("dnssec-bogus", says="DNSSEC", pains=[30])
def dnssec_run_out(world):
    """The zone's signatures have expired: whoever validates sees nothing."""
    world.signed_zones, world.signed_until = ["", DOMAIN], "20260101"


@broken("listed-address", level="warn", says="zen.spamhaus.org")
def listed_by_spamhaus(world):
    """The address is on a block list."""
    world.records.add(f"{nibbles(ADDRESS)}.zen.spamhaus.org", "A", "127.0.0.2")


@broken("listed-domain", level="warn", says="dbl.spamhaus.org")
def domain_listed(world):
    """The domain is on a block list."""
    world.records.add(f"{DOMAIN}.dbl.spamhaus.org", "A", "127.0.1.2")


@broken("postmaster-missing", says="postmaster")
def nobody_is_postmaster(world):
    """No alias for postmaster."""
    world.aliases = ["root: joe", "abuse: root"]


def _deferred(server):
    """Fills the queue with a message a large receiver has deferred."""
    with server.outside.entered():
        server.receivers["gmail.com"] = listening("198.51.100.26", 25)
    run("true")


@broken("unsubscribe-missing", says="List-Unsubscribe-Post", pains=[24])
def newsletter_without_one_click(world):
    """A newsletter that can be left by mail alone."""
    sample(world, ["List-Unsubscribe: <mailto:leave@example.com>"])


@broken("unsubscribe-not-https", says="https", pains=[24])
def newsletter_with_http(world):
    """The one click leads to an unprotected address."""
    sample(world, ["List-Unsubscribe: <http://example.com/leave>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"])


@broken("unsubscribe-value", says="One-Click", pains=[24])
def newsletter_with_a_slip(world):
    """The second field's value is not the one of RFC 8058."""
    sample(world, ["List-Unsubscribe: <https://example.com/leave>", "List-Unsubscribe-Post: One-Click"])


@broken("unsubscribe-unsigned", says="SignHeaders", pains=[24])
def newsletter_with_unsigned_fields(world):
    """SignHeaders leaves the two fields out."""
    world.configuration["SignHeaders"] = "From,To,Subject,Date,Message-ID"
    sample(world, ["List-Unsubscribe: <https://example.com/leave>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"])


@broken("sample-several-from", says="From", pains=[38])
def message_with_two_authors_fields(world):
    """A sample with two From fields."""
    sample(world, [f"From: other@{DOMAIN}"])


def sample(world, fields):
    """Gives doctor a message with these fields."""
    lines = [f"From: Joe <joe@{DOMAIN}>", "To: list@example.net", "Subject: News", "Date: Mon, 23 Nov 2026 12:00:00 +0000",
             f"Message-ID: <1@{DOMAIN}>", *fields, "", "News.", ""]
    world.before.append(lambda _: write(SAMPLE, "\r\n".join(lines)))
    world.arguments = ["--sample", SAMPLE]
