"""Decisions that differ from Debian's opendkim on purpose, each with its reason."""

import fnmatch
import re
from dataclasses import dataclass

TEMPFAIL = r"4\d\d 4\.\d\.\d .+"


@dataclass(frozen=True)
class Decision:
    """Where the decision may differ (group glob, words in the case's name) and what must be seen instead."""

    group: str
    words: str
    reply: str
    signed: bool | None
    reason: str


ALLOWED = (
    Decision("SigningTable * signers*", "", "deliver", True,
             "a signer without @ makes OpenDKIM send the message out unsigned without a word"),
    Decision("*", "[::ffff:192.0.2.7]", "deliver", None, "an IPv4 client seen through an IPv6 socket is that IPv4 client"),
    Decision("InternalHosts refile", "", "deliver", None,
             "the glob of a refile host list also matches the negation that is looked up first in OpenDKIM"),
    Decision("KeyTable paths", "second.example", "deliver", None, "a relative path is a path, not the key itself"),
    Decision("SigningTable *, MultipleSignatures yes", "", "deliver", True,
             "of three or more matching entries OpenDKIM applies the first and the last only"),
)

# A message that should be signed and can't be is refused for now with a text; OpenDKIM gives none.
REFUSED_WITH_TEXT = "the reply says in a few words what is wrong"

# Lines that only dkimd writes: why a message leaves unsigned, and (LogWhy) what became of it.
OWN_LINES = (r"info \S+: not signed: .*", r"info \S+: done: .*")

# Lines that need not be word for word the same, as `level text` patterns; both sides lose them before comparing.
FREE_LINES = (
    r"err \S+: error loading key '.*'", r"err can't load key from .*", r"err key '.*'", r"err \S+: signing table references .*",
    r"err KeyTable entry for .*", r"err \S+: dkim_eom\(\): .*", r"(err|warning) .*: key data is not secure.*",
    r"warning WARNING: symbol 'i' not available",
)


def allowed(group, case, judge, tested):
    """Whether one of the reasons above explains the difference."""
    if judge[0] == "tempfail" and re.fullmatch(TEMPFAIL, tested[0], re.S) and not tested[1]:
        return True
    if judge[:2] == tested[:2] and bound(judge[2]) == bound(tested[2]):
        return True
    return any(
        fnmatch.fnmatchcase(group, entry.group) and entry.words in case.name and tested[0] == entry.reply
        and (entry.signed is None or bool(tested[1]) == entry.signed)
        for entry in ALLOWED
    )


def without_own(decision):
    """A decision of dkimd without the lines that OpenDKIM has no match for."""
    reply, signed, lines = decision
    return (reply, signed, [line for line in lines if not any(re.fullmatch(own, line, re.S) for own in OWN_LINES)])


def bound(lines):
    """The lines that must be the same."""
    return [line for line in lines if not any(re.fullmatch(free, line, re.S) for free in FREE_LINES)]
