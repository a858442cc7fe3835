"""Differences from Debian's opendkim that are meant, each with its reason and what must be seen instead."""

import fnmatch
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
BY_GUESS = "a message with several From fields is never signed by guess"
UNSIGNED_PLAIN = "OpenDKIM adds an Authentication-Results field to mail of its own that it could not read"
STEERED = "a Canonicalization field lets any sender choose the algorithm in OpenDKIM"

SIGNING = (
    Difference("*", "broken signature *", "signed", BROKEN),
    Difference("*", "body * without end", "signed", NO_END),
    Difference("*", "body a CR", "signed", NO_END),
    Difference("*", "body a LF", "signed", NO_END),
    Difference("*", "body LF*", "signed", NO_END),
    Difference("*", "body CR only", "signed", NO_END),
    Difference("*", "body blank CR", "signed", NO_END),
    Difference("*", "two From *", "unsigned", BY_GUESS),
    Difference("*", "three From", "unsigned", BY_GUESS),
    Difference("*", "no From*", "unsigned", UNSIGNED_PLAIN),
    Difference("*", "no header at all", "unsigned", UNSIGNED_PLAIN),
    Difference("*", "From *", "unsigned", UNSIGNED_PLAIN),
    Difference("*", "Canonicalization*", "signed", STEERED),
)


def allowed(differences, setup, case):
    """The entries that cover a difference."""
    return [d for d in differences if d.covers(setup, case)]


def holds(difference, message, outcome, records):
    """Whether the outcome is what the entry promises; signed mail must verify."""
    if difference.must == "unsigned":
        return outcome.reply == "deliver" and not outcome.signed
    if difference.must == "signed":
        if not outcome.signed:
            return False
        whole = message.rendered(outcome.inserted(b"DKIM-Signature"))
        return with_dkimpy(whole, records)[0] == "pass"
    return outcome.reply.startswith(difference.must)
