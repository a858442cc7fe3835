"""What dkimd does otherwise than opendkim with mail that comes in, each with its reason."""

import fnmatch
import re
import socket
from dataclasses import dataclass

from compat.arriving.mail import AR, ID

ATPS = re.compile(rb";\s+dkim-atps=neutral\Z")
ITEM = re.compile(rb";\s+(?=dkim=)")
MALFORMED = re.compile(rb"\A(\S+); dkim=permerror \(bad message/signature format\)\Z")
# OpenDKIM writes a line about its cryptographic library after every verification, mostly empty.
SSL = re.compile(r"info \S+: s=\S* d=\S* a=\S* SSL.*", re.S)
# Lines that OpenDKIM does not have: they say why a signature does not count.
OURS = re.compile(r"info \S+: (s=\S* d=\S* a=\S* not verified: .*|not signed: .*|\S+: done: .*|done: .*)", re.S)
# What follows the words that log watchers look for is worded otherwise.
DETAIL = re.compile(r"(err \S+: (?:syntax error|key retrieval failed \([^)]*\))):? ?.*", re.S)

@dataclass(frozen=True)
class Difference:
    """Where a difference is allowed: globs of configuration and kind of message, what must be seen, and why."""

    configuration: str
    kind: str
    must: object
    reason: str

    def covers(self, configuration, one, judge, tested):
        """Whether this entry explains what was seen."""
        return (fnmatch.fnmatchcase(configuration, self.configuration) and fnmatch.fnmatchcase(one.kind, self.kind)
                and self.must(judge, tested))


def gave_up(judge, tested):
    """OpenDKIM gave up on the message at once, dkimd tells what it found."""
    silent = not any(c[0] == "insert" and c[2] == AR for c in judge.changes)
    return silent and any(line.startswith("err ") and "syntax error" in line for line in judge.lines) and bool(results(tested))


def never_passes(judge, tested):
    """Both refuse the signature, in other words."""
    return not passes(judge) and bool(results(tested)) and not passes(tested) and judge.reply == tested.reply


def verifies(judge, tested):
    """Only dkimd finds the signature good."""
    return passes(tested) and not passes(judge)


def gave_up_unsigned(judge, tested):
    """OpenDKIM gave up on a message without signatures."""
    return any("syntax error" in line for line in judge.lines) and judge.changes in ([], tested.changes)


def same_but_words(judge, tested):
    """Only what the log says of the sender differs."""
    words = ("can't parse ", "can't determine ", "not internal", "not authenticated")
    return (judge.reply, judge.changes) == (tested.reply, tested.changes) and all(any(w in line for w in words) for line in judge.lines + tested.lines)


def unprotected(judge, tested):
    """Neither passes; one of them says that a field is not covered."""
    said = any(b"unprotected header field" in item for side in (judge, tested) for c in results(side) for item in c[3:])
    return said and not passes(judge) and not passes(tested)


def malformed_refused(judge, tested):
    """dkimd refuses where OpenDKIM found no key, or gives no text."""
    return judge.reply in ("deliver", "reject") and tested.reply.startswith("550 5.7.20 ")


def weakly(judge, tested):
    """OpenDKIM says that the message is malformed or nothing; the verdict is told, if there is one."""
    return judge.reply == tested.reply == "deliver" and all(b"dkim=permerror" not in item for c in results(tested) for item in c[3:])


def silent(judge, tested):
    """OpenDKIM said nothing at all, dkimd tells what it found."""
    return not judge.changes and bool(results(tested))


def too_little(judge, tested):
    """Good, but too little of the body was signed."""
    return passes(judge) and any(b"too much of the body unsigned" in item for c in results(tested) for item in c[3:])


def with_job(judge, tested):
    """Only the queue id after our name differs."""
    return judge.reply == tested.reply and bool(results(judge) and results(tested)) and results(judge)[0][3] + b"/4XyZ1a2b3c" == results(tested)[0][3]


def revoked(judge, tested):
    """The same kind of refusal, with a text."""
    return {"reject": "550 5.7.20", "tempfail": "451 4.7.20"}.get(judge.reply) == tested.reply[:10]


def other_results(judge, tested):
    """Only the line of LogResults differs."""
    without = [[line for line in side.lines if ": signature=" not in line] for side in (judge, tested)]
    return (judge.reply, judge.changes, without[0]) == (tested.reply, tested.changes, without[1])


def authors_first(judge, tested):
    """The same signatures have results; which of them were verified differs, and that a good one is among them does not."""
    fields = [[item.count(b"; dkim=") + item.count(b"\tdkim=") for c in results(side) for item in c[3:]] for side in (judge, tested)]
    return judge.reply == tested.reply and fields[0] == fields[1] and passes(tested)


def results(outcome):
    """The results told."""
    return [c for c in outcome.changes if c[0] == "insert" and c[2] == AR]


ALLOWED = (
    Difference("*", "*", gave_up, "one malformed signature makes OpenDKIM give up on the message: it says nothing, and lets forged results through"),
    *(Difference("*", kind, never_passes, "the signature is malformed, and says so; OpenDKIM goes on to ask for the key or to compare text") for kind in (
        "d-dot", "bh-corrupt", "duplicate-*")),
    *(Difference("*", f"key-{kind}", never_passes, "a record that is there and broken is a permanent error; OpenDKIM says temperror") for kind in (
        "nop", "prose", "semicolons")),
    Difference("*", "signatures four, third party first", authors_first, "the signatures of the author's domain are verified first"),
    *(Difference(f"MaximumSignaturesToVerify {least}*", "signatures *", authors_first, "the same") for least in ("1", "3")),
    *(Difference("*", f"body {body}", verifies, "opendkim changes bare CR and LF in bodies before it hashes them") for body in ("lf *", "cr *")),
    Difference("Syslog no", "*", silent, "the same, where the log does not tell"),
    *(Difference(f"Minimum {least}", "*", too_little, "Minimum acts; OpenDKIM reads it and does nothing") for least in ("50%", "5+", "4")),
    Difference("AuthservIDWithJobID*", "malformed *", with_job, "the queue id is told of malformed messages too"),
    *(Difference(f"On-{trigger}*", "key-revoked", revoked, "OpenDKIM gives no text with a revoked key") for trigger in ("BadSignature", "Default")),
    *(Difference("LogResults*", kind, other_results, "LogResults tells of signatures that OpenDKIM did not read to the end, and why")
      for kind in ("d-empty", "s-empty", "a-upper", "x-before-t")),
    Difference("LogWhy*", "malformed unparsable From", same_but_words, "the line says which value can't be read"),
    Difference("LogResults yes?LogWhy*", "malformed unparsable From", same_but_words, "the line says which value can't be read"),
    Difference("MaximumSignaturesToVerify 0*", "d-changed", never_passes, "i= outside d= is malformed whoever signed"),
    Difference("MustBeSigned*", "*", unprotected, "what is malformed, refused or unusable is told before what is not covered"),
    Difference("ClockDrift 2000000000", "signatures expired*", lambda _, tested: passes(tested), "a drift of 63 years overflows in OpenDKIM"),
    *(Difference("On-BadSignature*", kind, malformed_refused, "a malformed signature is refused like any other bad one") for kind in ("d-dot", "duplicate-*")),
    *(Difference("RedirectFailuresTo*On-BadSignature*", kind, malformed_refused, "the same") for kind in ("d-dot", "duplicate-*", "key-revoked")),
    *(Difference("WeakSyntaxChecks yes", f"malformed {name} From", weakly, "such mail is verified, or has no result") for name in ("empty", "unparsable")),
    Difference("RequiredHeaders yes", "malformed no From", lambda _, tested: tested.reply.startswith("550 5.0.0 "), "RequiredHeaders asks for From too"),
    Difference("LogResults*", "signatures three broken, one good", other_results, "LogResults tells of signatures in the message's order"),
    Difference("*", "malformed odd name", gave_up_unsigned, "a field name with an octet that names can't have does not matter to verifying"),
    *(Difference("*", f"malformed {name} From", same_but_words, "the line says which value can't be read") for name in ("empty", "unparsable")),
)


def verdict(configuration, one, judge, tested):
    """`equal`, `allowed` or `differ`."""
    if (judge.reply, judge.changes, judge.lines) == (tested.reply, tested.changes, tested.lines):
        return "equal"
    if judge.reply.startswith("failed: "):
        return "differ" if tested.reply.startswith("failed: ") else "allowed"
    judge.reply, judge.changes = mended_reply(judge.reply), [mended(change) for change in judge.changes]
    judge.lines, tested.lines = bound(judge.lines), bound(tested.lines)
    if one.by_rfc and passes(judge) != (one.by_rfc == "pass") == passes(tested):
        return "allowed"
    wanted = own_deletions(configuration, one)
    deleted = [c[1] for c in tested.changes if is_deletion(c)]
    if deleted != (wanted if tested.reply == "deliver" or deleted else []) or not {c[1] for c in judge.changes if is_deletion(c)} <= set(wanted):
        return "differ"
    for side in (judge, tested):
        side.changes = without_permerror([c for c in side.changes if not is_deletion(c)])
        side.lines = [line for line in side.lines if not line.endswith("failed to parse Authentication-Results: header field")]
    if (judge.reply, judge.changes, judge.lines) == (tested.reply, tested.changes, tested.lines):
        return "allowed"
    return "allowed" if any(entry.covers(configuration, one, judge, tested) for entry in ALLOWED) else "differ"


def is_deletion(change):
    """Whether a change deletes results."""
    return change[0] == "delete" and change[2] == AR


def own_deletions(configuration, one):
    """Which of the message's results dkimd deletes, the last first: all under its own name, by the rules of RemoveARFrom others'."""
    options = dict(line.split(None, 1) for line in configuration.splitlines() if " " in line)
    if options.get("KeepAuthResults"):
        return []
    own = {"HOSTNAME": socket.gethostname()}.get(options.get("AuthservID"), options.get("AuthservID", ID)).lower()
    listed = options.get("RemoveARFrom", "")
    found = []
    fields = [value.decode().lower() for name, value in one.message.headers if name == AR]
    for number, value in enumerate(fields, 1):
        head, _, rest = re.sub(r"\(.*?\)|\"", "", value).partition(";")
        name = (head.split() or [""])[0].split("/")[0].rstrip(".")
        others = bool(listed) and name == listed or listed.startswith(".") and name.endswith(listed)
        if name == own or others and ("dkim=" in rest or "RemoveARAll" in options):
            found.append(number)
    return found[::-1]


def same_lines(judge, tested):
    """Whether both said the same as far as both speak of the same."""
    return bound(judge.lines) == bound(tested.lines)


def bound(lines):
    """The lines that must be the same, without the details that may differ."""
    return [DETAIL.sub(r"\1", line) for line in lines if not SSL.fullmatch(line) and not OURS.fullmatch(line)]


def passes(outcome):
    """Whether some signature passed."""
    return any(b"dkim=pass" in item for c in outcome.changes if c[0] == "insert" for item in c[3:])


def mended_reply(reply):
    """RFC 7372 has a code of its own for mail without a passing signature."""
    return re.sub(r"\A(550 5|451 4)\.7\.0 ", r"\1.7.20 ", reply)


def mended(change):
    """A change without what every field of OpenDKIM's says: ATPS, where nobody asked for it; and with the blank after the colon."""
    if change[0] == "append" and change[2] == b"Original-Recipient":
        return (*change[:3], b" " + change[3])
    if change[0] != "insert" or change[2] != AR:
        return change
    value = ATPS.sub(b"", change[3])
    value = re.sub(rb"header\.i=joe x(@mail\.example\.com)", rb"header.i=\1", value)
    value = MALFORMED.sub(rb" \1;\n\tdkim=permerror (bad message/signature format)", value)
    return (*change[:3], value)


def without_permerror(changes):
    """Without the tags of signatures that are none: OpenDKIM shows rsa-sha1 and (null) for what it did not read, or gives up
    on the message; dkimd shows what is readable."""
    kept = []
    for change in changes:
        if change[0] == "insert" and change[2] == AR:
            head, *items = ITEM.split(change[3])
            items = [b"dkim=permerror" if i.startswith(b"dkim=permerror header.") else i for i in items]
            change = (*change[:3], head, *items)
        kept.append(change)
    return kept
