"""Decisions that differ from Debian's opendkim on purpose, each with its reason.

docs/differences.md tells them to administrators.
"""

import fnmatch
import re
from dataclasses import dataclass

# A message that should be signed and can't be is refused for now; the text and the log say why, and what mends it.
REFUSED = r"451 4\.7\.0 DKIM (signing table error|signing key unavailable|signing error) \([a-z-]+\)"
MENDED = r"err \S+: .+; to mend it: .+"

# What OpenDKIM says of it: a bare temporary failure, or for a key that it could not parse the words of its library.
REFUSED_BY_OPENDKIM = ("tempfail", "451 4.7.0 resource unavailable", "451 4.7.0 internal DKIM error")
LINES_OF_OPENDKIM = (
    r"err \S+: error loading key '.*'", r"err can't load key from .*", r"err key '.*'", r"err \S+: KeyTable entry for .*",
    r"err \S+: signing table references .*", r"err KeyTable entry for .*", r"err \S+: dkim_eom\(\): .*", r"info \S+: SSL .*",
)

# Lines that only dkimd writes: why a message leaves unsigned, a signer that can't stand in i=, (LogWhy) what became of it.
OWN_LINES = (
    r"info this is dkimd .*",
    r"info \S+: not signed: .*", r"info \S+: done: .*", r"warning \S+: signer '.*' .*, signing without i=",
)


@dataclass(frozen=True)
class Decision:
    """Where the decision may differ (group glob, words in the case's name) and what must be seen instead."""

    group: str
    words: str
    reply: str
    signed: int
    reason: str


ALLOWED = (
    Decision("SigningTable * signers*", "", "deliver", 1,
             "a signer without @ makes OpenDKIM send the message out unsigned without a word"),
    Decision("SigningTable * signers, MultipleSignatures yes", "", "deliver", 2,
             "a signer without @ makes OpenDKIM send the message out unsigned without a word"),
    Decision("InternalHosts IPv6 all", "[::ffff:192.0.2.7]", "deliver", 0,
             "an IPv4 client seen through an IPv6 socket is that IPv4 client, also for ::/0"),
    Decision("*InternalHosts*", "[::ffff:192.0.2.7]", "deliver", 1,
             "an IPv4 client seen through an IPv6 socket is that IPv4 client"),
    Decision("ExternalIgnoreList*", "[::ffff:192.0.2.7]", "deliver", 0,
             "an IPv4 client seen through an IPv6 socket is that IPv4 client"),
    Decision("PeerList*", "[::ffff:192.0.2.7]", "deliver", 0,
             "an IPv4 client seen through an IPv6 socket is that IPv4 client"),
    Decision("InternalHosts refile", "h.example.org [", "deliver", 1,
             "the glob of a refile host list also matches the negation that is looked up first in OpenDKIM"),
    Decision("InternalHosts refile", "[192.0.2.7]", "deliver", 1,
             "the glob of a refile host list also matches the negation that is looked up first in OpenDKIM"),
    Decision("KeyTable corrupt", ".example.com from", REFUSED, 0,
             "a % inside a domain is not expanded; OpenDKIM signs for the domain %.net, which nobody can verify"),
    Decision("PeerList", "localhost [unknown]", "deliver", 0,
             "a client of unknown address counts as 127.0.0.1 for every list, in OpenDKIM not for PeerList"),
)


def same(judge, tested):
    """Whether the decisions are the same but for the lines that OpenDKIM has no match for."""
    return judge == (tested[0], tested[1], without(OWN_LINES, tested[2]))


def allowed(group, case, judge, tested):
    """Whether one of the reasons above explains the difference."""
    return (
        refused_with_reason(judge, tested)
        or all_sign(group, judge, tested)
        or spelt_as_sent(group, judge, tested)
        or too_large(group, judge, tested)
        or nobody_asked(group, judge, tested)
        or any(
            fnmatch.fnmatchcase(group, entry.group) and entry.words in case.name
            and re.fullmatch(entry.reply, tested[0]) and len(tested[1]) == entry.signed
            for entry in ALLOWED
        )
    )


def refused_with_reason(judge, tested):
    """Both refuse for now; dkimd with a text, and a line that says what mends it in place of OpenDKIM's."""
    lines = without(OWN_LINES, tested[2])
    return (
        judge[0] in REFUSED_BY_OPENDKIM and re.fullmatch(REFUSED, tested[0]) is not None and not tested[1]
        and sum(re.fullmatch(MENDED, line) is not None for line in lines) == 1
        and without(LINES_OF_OPENDKIM, judge[2]) == without((MENDED,), lines)
    )


def all_sign(group, judge, tested):
    """Of three or more matching entries OpenDKIM applies the first and the last only."""
    return (
        "MultipleSignatures yes" in group and tested[0] == "deliver" and len(judge[1]) == 2 and len(tested[1]) > 2
        and [tested[1][0], tested[1][-1]] == judge[1]
    )


def spelt_as_sent(group, judge, tested):
    """OpenDKIM's log shows host names in lower case once PeerList has looked at them."""
    lower = [line.lower() for line in without(OWN_LINES, tested[2])]
    return group.startswith("PeerList") and judge[:2] == tested[:2] and [line.lower() for line in judge[2]] == lower


def too_large(group, judge, tested):
    """MaximumHeaders: the same reply, but with a text, and with the message's queue id and sizes in the log."""
    texts = {"tempfail": "451 4.7.0 too much header data (header-too-large)",
             "reject": "550 5.7.0 too much header data (header-too-large)"}
    said = r"notice \S+: too much header data \(\d+ octets, MaximumHeaders allows \d+\)"
    lines = without(OWN_LINES, tested[2])
    return (
        group.startswith("MaximumHeaders") and judge[2] == ["notice too much header data"] and not tested[1]
        and tested[0] == texts.get(judge[0], judge[0])
        and any(re.fullmatch(said, line) for line in lines)
    )


def nobody_asked(group, judge, tested):
    """In Mode v dkimd verifies all mail and does not look who would be signed; OpenDKIM lets that mail pass untouched."""
    words = r".* (no signing (sub)?domain match for|external host .* attempted|can't parse From|no signature data|symbol 'i').*"
    return (
        group == "Mode v" and judge[:2] == tested[:2]
        and without((words,), judge[2]) == without((*OWN_LINES, words), tested[2])
    )


def without(patterns, lines):
    """The lines that none of the patterns fits."""
    return [line for line in lines if not any(re.fullmatch(pattern, line, re.S) for pattern in patterns)]
