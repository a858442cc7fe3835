"""Broken: the milter's own configuration, tables and keys."""

import os

from zoo.server import write
from zoo.world import DOMAIN, HOST, KEYS, SELECTOR
from zoo.worlds.case import broken

KEY = f"{KEYS}/{SELECTOR}.{DOMAIN}.private"


@broken("configuration-unsigned", says="chmod.*", pains=[8])
def key_for_all_to_read(world):
    """The private key can be read by everybody on the machine."""
    world.before.append(lambda _: os.chmod(KEY, 0o644))


@broken("configuration-unsigned", says=f"{KEYS}\\b", pains=[8])
def key_in_an_open_directory(world):
    """The directory of the keys can be written by everybody."""
    world.before.append(lambda _: os.chmod(KEYS, 0o777))


@broken("configuration-unsigned", says=KEY, pains=[33], by_hand="the key is to be found, or made anew and published")
def key_file_missing(world):
    """The KeyTable names a file that is not there."""
    world.keys.pop(f"{SELECTOR}.{DOMAIN}")


@broken("configuration-unsigned", says=KEY, pains=[33], by_hand="the administrator knows where the private key is")
def key_file_of_something_else(world):
    """The public key where the private one belongs."""
    text = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"
    world.before.append(lambda _: write(KEY, text, mode=0o600, owner="opendkim"))


@broken("configuration-unsigned", says="refile:", pains=[9])
def wildcard_without_refile(world):
    """SigningTable with wildcards in a file that is compared word by word."""
    world.configuration["SigningTable"] = "/etc/opendkim/SigningTable"


@broken("configuration-unsigned", says="s2025", pains=[33], by_hand="the key that the line means is to be found, or made")
def signing_table_names_no_key(world):
    """SigningTable names a key that KeyTable does not have."""
    world.signing_table.insert(0, f"*@{DOMAIN} s2025._domainkey.{DOMAIN}")


@broken("self-test-not-signed", says="SigningTable", pains=[9])
def domain_without_a_rule(world):
    """No line of SigningTable fits the domain."""
    world.signing_table = [line.replace(f"*@{DOMAIN}", "*@example.org") for line in world.signing_table]


@broken("configuration-error", says="Cannonicalization", pains=[4], by_hand="only its writer knows which option was meant")
def option_misspelt(world):
    """An option that does not exist."""
    world.configuration["Cannonicalization"] = "relaxed/relaxed"
    world.milter_fails = True


@broken("self-test-not-signed", says="InternalHosts", pains=[10])
def own_host_not_internal(world):
    """InternalHosts lacks the server itself."""
    world.trusted = ["192.0.2.0/24"]


@broken("self-test-not-signed", says="Mode", pains=[10])
def mode_verify_only(world):
    """Mode v: nothing is signed."""
    world.configuration["Mode"] = "v"


@broken("milter-bounces-unsigned", level="warn", says=HOST, pains=[12])
def bounces_without_a_rule(world):
    """Bounces come from the host's name, for which there is no rule."""
    world.mailname = HOST
    world.signing_table = [line for line in world.signing_table if not line.startswith(f"*@{HOST}")]


@broken("breakers-canonicalization", level="warn", says="relaxed", pains=[17])
def body_in_simple_form(world):
    """The signature breaks when anybody touches a blank."""
    world.configuration["Canonicalization"] = "simple/simple"


@broken("configuration-warning", level="warn", says="chown opendkim", pains=[8])
def key_file_of_root(world):
    """A KeyFile that only root can read: loaded at the start, but never again at a reload."""
    world.only_rsa()
    for name in ("KeyTable", "SigningTable", "MultipleSignatures"):
        world.configuration.pop(name)
    world.configuration.update(Domain=DOMAIN, Selector=SELECTOR, KeyFile=KEY, SubDomains="yes")
    world.before.append(lambda _: write(KEY, world.keys[f"{SELECTOR}.{DOMAIN}"].private, mode=0o600, owner="root"))


@broken("configuration-unsigned", says="chown opendkim", pains=[8])
def table_keys_of_root(world):
    """Keys of a table that only root can read, and that are looked at when root's rights are gone."""
    def to_root(_server):
        for name in world.keys:
            write(f"{KEYS}/{name}.private", world.keys[name].private, mode=0o600, owner="root")
    world.before.append(to_root)


@broken("configuration-unsigned", says="1024", pains=[26], by_hand="a larger key is made, published and waited for")
def key_under_the_minimum(world):
    """A key smaller than RFC 8301 allows."""
    world.keys[f"{SELECTOR}.{DOMAIN}"] = world.material.keys["tiny"]
    world.publish_key(SELECTOR, world.material.keys["tiny"])
