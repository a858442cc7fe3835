"""Broken: what the DNS says of the keys (RFC 6376, 3.6.1)."""

import base64

from zoo.strangers import REFUSED, SERVFAIL, TRUNCATED
from zoo.world import DOMAIN, SELECTOR, SELECTOR_ED25519
from zoo.worlds.case import broken

NAME = f"{SELECTOR}._domainkey.{DOMAIN}"
NAME_ED25519 = f"{SELECTOR_ED25519}._domainkey.{DOMAIN}"
# What precedes the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo.
WRAPPER = bytes.fromhex("302a300506032b6570032100")


def publish(world, text):
    """Publishes this in place of the RSA key's record."""
    world.records.put(NAME, "TXT", text)


@broken("dkim-missing", says=NAME, pains=[25])
def key_not_published(world):
    """Nobody published the record."""
    world.records.drop(NAME)


@broken("dkim-other-key", says=NAME, pains=[25])
def key_of_another(world):
    """The record has another key: made anew and not published again."""
    world.publish_key(SELECTOR, world.material.keys["other"])


@broken("dkim-several-records", says=NAME, pains=[25, 28])
def key_record_twice(world):
    """The new record was added beside the old one."""
    world.records.add(NAME, "TXT", world.material.keys["other"].record)


@broken("dkim-cut-off", says=NAME, pains=[25])
def key_cut_off(world):
    """The panel kept only the first 255 characters."""
    publish(world, world.material.keys["rsa"].record[:255])


@broken("dkim-revoked", says="p=", pains=[25])
def key_revoked(world):
    """An empty p=, which withdraws the key."""
    publish(world, "v=DKIM1; k=rsa; p=")


@broken("dkim-testing", level="warn", says="t=y", pains=[25])
def key_in_testing(world):
    """A t=y left behind."""
    publish(world, world.material.keys["rsa"].record.replace("k=rsa;", "k=rsa; t=y;"))


@broken("dkim-not-for-email", says="tlsrpt", pains=[25])
def key_for_another_service(world):
    """A key for reports on TLS alone."""
    publish(world, world.material.keys["rsa"].record.replace("k=rsa;", "k=rsa; s=tlsrpt;"))


@broken("dkim-wrong-kind", says="ed25519", pains=[27])
def key_of_another_kind(world):
    """An RSA key under k=ed25519."""
    publish(world, world.material.keys["rsa"].record.replace("k=rsa", "k=ed25519"))


@broken("configuration-warning", level="warn", says="1024", pains=[26],
        by_hand="a larger key is made, published and waited for")
def key_of_1024_bits(world):
    """A key of the old size."""
    world.keys[f"{SELECTOR}.{DOMAIN}"] = world.material.keys["small"]
    world.publish_key(SELECTOR, world.material.keys["small"])


@broken("dkim-ed25519-wrapped", says=NAME_ED25519, pains=[27])
def ed25519_key_in_a_wrapper(world):
    """The whole structure that openssl prints, in place of its last 32 bytes."""
    raw = base64.b64decode(world.material.keys["ed25519"].public)
    world.records.put(NAME_ED25519, "TXT", f"v=DKIM1; k=ed25519; p={base64.b64encode(WRAPPER + raw).decode()}")


@broken("dkim-servers-disagree", says="ns2.example.com", pains=[25, 31], by_hand="the second name server is another's")
def one_server_has_the_old_key(world):
    """The second name server has not heard of the new key."""
    world.second = world.records.copy()
    world.second.put(NAME, "TXT", world.material.keys["other"].record)


@broken("dkim-servers-disagree", says="ns2.example.com", pains=[25, 31], by_hand="the second name server is another's")
def one_server_has_no_key(world):
    """The second name server has no key at all."""
    world.second = world.records.copy()
    world.second.drop(NAME)


@broken("dkim-name-doubled", says=f"{NAME}.{DOMAIN}", pains=[25])
def key_name_with_the_domain_twice(world):
    """The panel appended the domain to the full name."""
    world.records.drop(NAME)
    world.records.add(f"{NAME}.{DOMAIN}", "TXT", world.material.keys["rsa"].record)


@broken("dkim-quotes", says=NAME, pains=[25])
def key_with_parentheses(world):
    """The zone file's parentheses and quotes pasted into the panel."""
    record = world.material.keys["rsa"].record
    publish(world, f'( "{record[:20]}" "{record[20:]}" )')


@broken("dkim-backslashes", says=NAME, pains=[25])
def key_with_backslashes(world):
    r"""A zone file's \; pasted into a panel that takes it literally."""
    publish(world, world.material.keys["rsa"].record.replace(";", "\\;"))


@broken("dkim-version", says="v=", pains=[25])
def key_of_another_version(world):
    """v= stands last, which makes the record void."""
    publish(world, f"k=rsa; p={world.material.keys['rsa'].public}; v=DKIM1")


@broken("dkim-missing", says="s2026.keys.example.net", pains=[28])
def key_alias_to_nowhere(world):
    """The alias leads to a name that is gone."""
    world.records.drop(NAME)
    world.records.add(NAME, "CNAME", "s2026.keys.example.net.")


@broken("dkim-not-for-sha256", says="sha1", pains=[25])
def key_for_sha1_alone(world):
    """h=sha1: no signature of today can use it."""
    publish(world, world.material.keys["rsa"].record.replace("k=rsa;", "k=rsa; h=sha1;"))


@broken("dkim-wrong-name", says=f"{SELECTOR}.domainkey", pains=[25])
def key_beside_the_place(world):
    """Published below domainkey, without the underscore."""
    world.records.drop(NAME)
    world.records.add(f"{SELECTOR}.domainkey.{DOMAIN}", "TXT", world.material.keys["rsa"].record)


@broken("dkim-server-silent", level="warn", says="ns2.example.com", pains=[29],
        by_hand="the second name server is another's")
def dead_name_server(world):
    """The second name server does not answer."""
    world.bad_second = None


@broken("dkim-server-lame", level="warn", says="ns2.example.com.*refused", pains=[29],
        by_hand="the second name server is another's")
def lame_name_server(world):
    """The second name server does not serve the domain."""
    world.bad_second = REFUSED


@broken("dkim-server-lame", level="warn", says="ns2.example.com.*server failure", pains=[29],
        by_hand="the second name server is another's")
def failing_name_server(world):
    """The second name server can't load the zone."""
    world.bad_second = SERVFAIL


@broken("dkim-server-no-tcp", level="warn", says="TCP", pains=[28], by_hand="the second name server is another's")
def truncating_name_server(world):
    """The second name server cuts answers off and does not listen on TCP."""
    world.bad_second = TRUNCATED
