"""Broken: resolver, block lists, queue, postmaster and the messages themselves."""

from zoo.internet import nibbles
from zoo.server import QUEUE, write
from zoo.world import ADDRESS, DOMAIN
from zoo.worlds.case import broken

SAMPLE = "/etc/opendkim/sample.eml"


@broken("resolver-silent", says=r"192\.0\.2\.99", pains=[29])
def dead_resolver(world):
    """/etc/resolv.conf names a resolver that is gone."""
    world.nameservers = ["192.0.2.99"]


@broken("dnssec-bogus", says="DNSSEC", pains=[30], by_hand="the zone's operator signs it")
def dnssec_run_out(world):
    """The zone's signatures have expired: whoever validates sees nothing."""
    world.signed_zones, world.signed_until = ["", DOMAIN], "20260101"


@broken("listed-address", level="warn", says="zen.spamhaus.org", by_hand="the list's operator takes addresses out")
def listed_by_spamhaus(world):
    """The address is on a block list."""
    world.records.add(f"{nibbles(ADDRESS)}.zen.spamhaus.org", "A", "127.0.0.2")


@broken("listed-domain", level="warn", says="dbl.spamhaus.org", by_hand="the list's operator takes domains out")
def domain_listed(world):
    """The domain is on a block list."""
    world.records.add(f"{DOMAIN}.dbl.spamhaus.org", "A", "127.0.1.2")


@broken("postmaster-missing", level="warn", says="postmaster")
def nobody_is_postmaster(world):
    """No alias for postmaster."""
    world.aliases = ["root: joe", "abuse: root"]


@broken("queue-deferred", level="warn", says="SPF|DKIM", pains=[16], by_hand="the receiver decides when it takes the mail")
def deferred_as_unauthenticated(world):
    """Gmail defers mail and says why in a code."""
    world.refusals["gmail.com"] = (
        "421-4.7.26 Your email has been rate limited because it is unauthenticated. Gmail requires all\r\n"
        "421 4.7.26 senders to authenticate with either SPF or DKIM. - gsmtp")
    world.after.append(lambda server: server.write_to("a@gmail.com"))


@broken("queue-deferred", level="warn", says="PTR", pains=[16], by_hand="the receiver decides when it takes the mail")
def deferred_for_its_reverse_name(world):
    """Gmail defers mail for want of a PTR record that it can't see yet."""
    world.refusals["gmail.com"] = (
        "421-4.7.23 The IP address sending this message does not have a PTR record setup, or the\r\n"
        "421 4.7.23 corresponding forward DNS entry does not match the sending IP. - gsmtp")
    world.after.append(lambda server: server.write_to("a@gmail.com"))


@broken("unsubscribe-missing", says="List-Unsubscribe-Post", pains=[24],
        by_hand="the program that makes the message is to change")
def newsletter_without_one_click(world):
    """A newsletter that can be left by mail alone."""
    sample(world, ["List-Unsubscribe: <mailto:leave@example.com>"])


@broken("unsubscribe-not-https", says="https", pains=[24], by_hand="the program that makes the message is to change")
def newsletter_with_http(world):
    """The one click leads to an unprotected address."""
    sample(world, ["List-Unsubscribe: <http://example.com/leave>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"])


@broken("unsubscribe-value", says="One-Click", pains=[24], by_hand="the program that makes the message is to change")
def newsletter_with_a_slip(world):
    """The second field's value is not the one of RFC 8058."""
    sample(world, ["List-Unsubscribe: <https://example.com/leave>", "List-Unsubscribe-Post: One-Click"])


@broken("unsubscribe-unsigned", says="SignHeaders", pains=[24])
def newsletter_with_unsigned_fields(world):
    """SignHeaders leaves the two fields out."""
    world.configuration["SignHeaders"] = "From,To,Subject,Date,Message-ID"
    sample(world, ["List-Unsubscribe: <https://example.com/leave>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"])


@broken("sample-several-from", says="From", pains=[38], by_hand="the program that makes the message is to change")
def message_with_two_authors_fields(world):
    """A sample with two From fields."""
    sample(world, [f"From: other@{DOMAIN}"])


@broken("sample-long-line", level="warn", says="998", pains=[23], by_hand="the program that makes the message is to change")
def message_with_a_long_line(world):
    """A sample with a line that must be broken on its way."""
    sample(world, [], "x" * 1200)


@broken("sample-8bit", level="info", says="8", pains=[18], by_hand="the program that makes the message is to change")
def message_with_eight_bits(world):
    """A sample that is converted where the next server does not take eight bits."""
    sample(world, ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"], "Grüße")


@broken("sample-no-author", says="From", pains=[14], by_hand="the program that makes the message is to change")
def message_without_an_author(world):
    """A sample whose From can't be read."""
    sample(world, [], author="<<>")


@broken("listed-by-policy", level="warn", says="zen.spamhaus.org", by_hand="the list's operator takes addresses out")
def listed_by_the_provider(world):
    """The provider has told Spamhaus that no mail comes from this address."""
    world.records.add(f"{nibbles(ADDRESS)}.zen.spamhaus.org", "A", "127.0.0.10")


@broken("block-lists-refuse-all", says="zen.spamhaus.org", by_hand="the term stands in a list of the administrator's")
def block_list_that_refuses_all_mail(world):
    """Postfix takes a block list's error code for a listing, of everybody."""
    world.main["smtpd_recipient_restrictions"] = "reject_rbl_client zen.spamhaus.org"
    world.records.drop("2.0.0.127.zen.spamhaus.org")
    world.records.add("*.zen.spamhaus.org", "A", "127.255.255.254")


@broken("block-lists-dead", level="warn", says="dnsbl.sorbs.net", by_hand="the term stands in a list of the administrator's")
def block_list_that_is_gone(world):
    """Postfix asks a list that was closed years ago."""
    world.main["smtpd_recipient_restrictions"] = "reject_rbl_client dnsbl.sorbs.net"


@broken("queue-deferred", level="warn", says="TLS", pains=[16], by_hand="the receiver decides when it takes the mail")
def deferred_without_tls(world):
    """Gmail defers mail that comes without TLS."""
    world.refusals["gmail.com"] = (
        "421-4.7.29 This mail has been rate limited because it was sent over a connection without TLS.\r\n"
        "421 4.7.29 Gmail requires all bulk email senders to use TLS. - gsmtp")
    world.after.append(lambda server: server.write_to("a@gmail.com"))


@broken("resolver-partly-silent", level="warn", says=r"192\.0\.2\.99", pains=[29])
def one_resolver_dead(world):
    """The second of two resolvers is gone."""
    world.nameservers.append("192.0.2.99")


@broken("resolver-chroot-differs", level="warn", says="/var/spool/postfix/etc/resolv.conf", pains=[29])
def resolver_of_yesterday_in_the_chroot(world):
    """The copy of resolv.conf that chrooted services read is an old one."""
    world.before.append(lambda _: write(QUEUE / "etc/resolv.conf", "nameserver 192.0.2.99\n"))


def sample(world, fields, body="News.", author=f"Joe <joe@{DOMAIN}>"):
    """Gives doctor a message with these fields."""
    lines = [f"From: {author}", "To: list@example.net", "Subject: News", "Date: Mon, 23 Nov 2026 12:00:00 +0000",
             f"Message-ID: <1@{DOMAIN}>", *fields, "", body, ""]
    world.before.append(lambda _: write(SAMPLE, "\r\n".join(lines)))
    world.arguments = ["--sample", SAMPLE]
