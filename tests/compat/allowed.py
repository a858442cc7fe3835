"""Differences from Debian's opendkim that are meant, each with its reason and what must be seen instead."""

import fnmatch
import re
from dataclasses import dataclass

from peers.verify import with_dkimpy


@dataclass(frozen=True)
class Difference:
    """Where a difference is allowed (glob patterns) and what the program must do there."""

    setup: str
    case: str
    must: str
    reason: str

    def covers(self, setup, case):
        """Whether this entry speaks of `case` under `setup`."""
        return fnmatch.fnmatchcase(setup, self.setup) and fnmatch.fnmatchcase(case, self.case)


BROKEN = "one malformed DKIM-Signature makes OpenDKIM give up on a message that should be signed"
NO_END = "OpenDKIM sends relaxed bodies without a final line end out unsigned"
BY_GUESS = "a message whose author is not one plain From field is never signed by guess"
UNTOUCHED = "OpenDKIM adds an Authentication-Results field to mail of its own that it could not read"
STEERED = "a Canonicalization field lets any sender choose the algorithm in OpenDKIM"
ODD_NAME = "one field name with an octet that names can't have makes OpenDKIM give up on the message"

# `signed`: must be signed, and verify. `unsigned`: unsigned on both sides. `not by guess`: unsigned, although
# OpenDKIM signs.
SIGNING = (
    Difference("*", "broken signature *", "signed", BROKEN),
    *(Difference("*", f"body {body}", "signed", NO_END) for body in (
        "* without end", "a CR", "a LF", "LF only", "LF LF", "CR only", "blank CR")),
    *(Difference("*", f"From {value}", "not by guess", BY_GUESS) for value in (
        "group with member", "group with two members", "semicolon", "open angle", "two angles", "two ats",
        "leading comma", "trailing comma", "no local part", "bare name like address")),
    Difference("*", "two From *", "not by guess", BY_GUESS),
    Difference("*", "three From", "not by guess", BY_GUESS),
    Difference("*", "no From*", "unsigned", UNTOUCHED),
    Difference("*", "no header at all", "unsigned", UNTOUCHED),
    Difference("*", "From *", "unsigned", UNTOUCHED),
    Difference("strict headers*", "*", "unsigned", UNTOUCHED),
    Difference("*", "Canonicalization*", "signed", STEERED),
    *(Difference("*", f"name {name}", "signed", ODD_NAME) for name in ("trailing tab", "8-bit", "control")),
)


def allowed(differences, setup, case):
    """The entries that cover a difference."""
    return [d for d in differences if d.covers(setup, case)]


def holds(difference, message, judge, tested, records):
    """Whether the outcome is what the entry promises; signed mail must verify."""
    if difference.must == "signed":
        return tested.signed and verifies(message, tested, records)
    delivered_unsigned = tested.reply == "deliver" and not tested.signed
    if difference.must == "unsigned":
        return delivered_unsigned and not judge.signed
    return delivered_unsigned


def verifies(message, outcome, records):
    """Whether dkimpy accepts the topmost signature; it can't judge bare CR and LF, which it rewrites."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", message.body):
        return True
    return with_dkimpy(message.rendered(outcome.inserted(b"DKIM-Signature")), records)[0] == "pass"
