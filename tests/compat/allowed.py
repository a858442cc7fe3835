"""Differences from Debian's opendkim that are meant, each with its reason and what must be seen instead.

docs/differences.md tells them to administrators.
"""

import fnmatch
import tempfile
from dataclasses import dataclass

from peers.verify import with_dkimpy, with_mail_dkim


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
UNTOUCHED = "OpenDKIM writes results of malformed mail without a blank after the colon, and in every mode"
STEERED = "a Canonicalization field lets any sender choose the algorithm in OpenDKIM"
ODD_NAME = "one field name with an octet that names can't have makes OpenDKIM give up on the message"
BARE_END = "a bare LF ends no line; a CRLF is added to such a body, and no two verifiers agree what it is once it is sent"
WHITE_SPACE = "only SP, TAB and folds are white space (RFC 6376 section 2.8); OpenDKIM counts CR, VT and FF too"
BARE_BODY = "a bare CR or LF in a body is content; OpenDKIM drops or adds octets"
NO_FIELD = "a value with a line end that is no fold is no field any more once it is sent; nobody can verify it"
OVERSIGNED = "OpenDKIM does not hash a field that OversignHeaders names and SignHeaders does not, and so breaks its signature"
BLANKS = "blanks around the at sign are obsolete but readable (RFC 5322 section 4.4)"
COPIED = "| in z= must be encoded (RFC 6376 section 3.5), and long fields are copied, too"
INDEX = "OpenDKIM deletes occurrence 0 of old signatures again and again; occurrences count from 1"
COUNTED = "a blank before the colon does not hide a field from RequiredHeaders"

STRICT = "strict headers, old signatures removed"
COPIES = "ttl, diagnostics, reports"

# `signed`: must be signed, and verify. `signed in vain`: signed on both sides, though nobody can verify it.
# `unsigned`: unsigned on both sides. `not by guess`: unsigned, although OpenDKIM signs. `rejected`: for good.
SIGNING = (
    Difference("*", "broken signature *", "signed", BROKEN),
    *(Difference("*", f"body {body}", "signed", NO_END) for body in (
        "* without end", "a CR", "a LF", "LF only", "LF LF", "CR only", "blank CR")),
    *(Difference("*", f"body {body}", "signed", BARE_BODY) for body in ("CR inside", "LF inside", "blank CR LF")),
    *(Difference("*", f"Subject {value}", "signed", WHITE_SPACE) for value in ("CR inside", "CR at end", "vertical tab")),
    *(Difference("*", f"body {body}", "signed in vain", BARE_END) for body in ("a LF", "LF only", "LF LF")),
    Difference("*", "Subject LF without blank", "signed in vain", NO_FIELD),
    *(Difference("*", f"From {value}", "not by guess", BY_GUESS) for value in (
        "group with two members", "open angle", "two angles", "two ats", "no local part", "bare name like address")),
    Difference("*", "From blanks in address", "signed", BLANKS),
    Difference("*", "two From *", "not by guess", BY_GUESS),
    Difference("*", "three From", "not by guess", BY_GUESS),
    Difference("*", "no From*", "unsigned", UNTOUCHED),
    Difference("*", "no header at all", "unsigned", UNTOUCHED),
    Difference("*", "From *", "unsigned", UNTOUCHED),
    Difference(STRICT, "*", "unsigned", UNTOUCHED),
    Difference(STRICT, "*signature *", "signed", INDEX),
    Difference("*", "Canonicalization*", "signed", STEERED),
    *(Difference("*", f"name {name}", "signed", ODD_NAME) for name in ("trailing tab", "8-bit", "control")),
    *(Difference("required headers*", f"name trailing {blank}", "rejected", COUNTED) for blank in ("blank", "tab")),
    *(Difference(COPIES, case, "signed", COPIED) for case in (
        "Subject pipe", "Subject 3000 folded", "Subject 8000", "Subject 20000 folded", "To 200 people", "To 1000 people",
        "name trailing blank")),
    Difference("oversigned, not signed", "*", "signed", OVERSIGNED),
    *(Difference("oversigned, not signed", case, "signed in vain", NO_FIELD) for case in (
        "Subject CRLF fold", "name leading blank")),
)


def allowed(differences, setup, case):
    """The entries that cover a difference."""
    return [d for d in differences if d.covers(setup, case)]


def holds(difference, message, judge, tested, records):
    """Whether the outcome is what the entry promises; signed mail must verify."""
    if difference.must == "signed":
        return tested.signed and verifies(message, tested, records)
    if difference.must == "signed in vain":
        return tested.signed and judge.signed
    if difference.must == "rejected":
        return tested.reply.startswith("550 5.0.0 ")
    delivered_unsigned = tested.reply == "deliver" and not tested.signed
    if difference.must == "unsigned":
        return delivered_unsigned and not judge.signed
    return delivered_unsigned


# Mail::DKIM in Debian 12; the other set-ups show the same messages signed with RSA.
NOT_JUDGED = "invalid (unsupported algorithm ed25519-sha256)"


def verifies(message, outcome, records):
    """Whether dkimpy accepts the topmost signature, or Mail::DKIM, where dkimpy rewrites bare CR and LF or won't read."""
    rendered = message.rendered(outcome.inserted(b"DKIM-Signature"))
    if with_dkimpy(rendered, records)[0] == "pass":
        return True
    with tempfile.TemporaryDirectory() as directory:
        mail, keys = f"{directory}/mail", f"{directory}/keys"
        with open(mail, "wb") as file:
            file.write(rendered)
        with open(keys, "w", encoding="ascii") as file:
            file.writelines(f"{name} {text}\n" for name, text in records.items())
        return with_mail_dkim([mail], keys)[mail][0] in ("pass", NOT_JUDGED)
