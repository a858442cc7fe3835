#!/usr/bin/python3
"""Thousands of random From fields: for whom the program under test and Debian's opendkim sign.

Usage: authors.py [count [seed]]; DKIM_PROGRAM names the program under test.
Each kind of field on which they differ must stand in DIFFERENCES, and must come up.
"""

import pathlib
import random
import re
import sys
import time
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import keys, milter, program

COUNT = 5000
SEED = 5322
SHOWN = 40

OWN = ("ana@example.com", "bob@example.com", "ann@other.example")
ADDRESSES = OWN + ("ana@example.com",) * 5 + ("ANA@Example.COM", "eve@evil.example", '"ana"@example.com', "x.y@example.com")
NAMES = ("Ana", "Example", "Example Shop", "Dr.", "PhD", "Inc.", "root", "A. Example", "O'Hara", "=?utf-8?q?Ex=C3=A4mple?=",
         "Jos\u00e9", "J\xf6", "Order 5", "@shop", "a.example", "joe at home")
QUOTED = ('"Example, Ana"', '"Ana"', "'Ana'", "'Example, Ana'", '"a \\"b\\" c"', '"eve@evil.example"', '"ana@example.com"',
          "'ana@example.com'", '""')
COMMENTS = ("(Sales)", "(a (b) c)", "(x, y)", "(eve@evil.example)", "(@shop)", "()")
LOOSE = ('"', "'", "(", ")", "<", ">", "[", "]", "\\", "<>", "@", ":", "/", "=", "..", "[Sales]", "\t", "\xe9")
SEPARATORS = (", ", ",", "; ", ";", ": ", " ", "  ", "\n\t", "")


def address(dice):
    """One address in one of the forms that programs write."""
    plain = dice.choice(ADDRESSES)
    form = dice.choice(("<{}>",) * 8 + ("{}",) * 4 + (
        "<<{}>>", "<mailto:{}>", "mailto:{}", "< {} >", "<{}", "{}>", "({})", "[{}]", "'{}'", "<@relay.example:{}>",
        "<@a.example,@b.example:{}>", "{}.", "<{}> ", "group: {};", "group: <{}>;", "<bob@example.com, {}>"))
    if dice.random() < 0.05:
        plain = plain.replace("@", dice.choice((" @ ", "@ ", " @", "@@", "(c)@", "@(c)")))
    return form.format(plain)


def value(dice):
    """One field value: names, quotes and comments in any order around mostly one address."""
    parts = []
    for _ in range(dice.choice((0, 1, 1, 2, 2, 3))):
        parts.append(dice.choice(dice.choice((NAMES, NAMES, NAMES, QUOTED, COMMENTS))))
    for _ in range(dice.choice((0, 1, 1, 1, 1, 1, 1, 2, 2))):
        parts.insert(dice.randint(max(0, len(parts) - 1), len(parts)), address(dice))
    if dice.random() < 0.15:
        parts.insert(dice.randint(0, len(parts)), dice.choice(LOOSE))
    text = "".join(part + dice.choice(SEPARATORS[:1] * 3 + (" ",) * 6 + SEPARATORS) for part in parts).strip()
    return " " + text


def octets(text, dice):
    """In UTF-8, or as old programs write it."""
    return text.encode("latin-1" if dice.random() < 0.5 and text.isascii() is False else "utf-8", "replace")


class Side:
    """One program; a key of its own for each address shows whom a signature is for."""

    def __init__(self, path, directory, key, name):
        self.path, self.directory, self.name = path, directory, name
        (directory / "keys.table").write_text("".join(
            f"{who} {domain}:{selector}:{key}\n" for who, domain, selector in (
                ("ana", "example.com", "ana"), ("bob", "example.com", "bob"), ("ann", "other.example", "ann"),
                ("some", "example.com", "some"), ("other", "other.example", "some"), ("evil", "evil.example", "some"))))
        (directory / "signing.table").write_text(
            "ana@example.com ana\nbob@example.com bob\nann@other.example ann\n"
            "example.com some\nother.example other\nevil.example evil\n")
        self.config = f"Mode s\nKeyTable {directory}/keys.table\nSigningTable file:{directory}/signing.table\nSyslog no\n"
        self.start()

    def start(self):
        """Starts the program and greets it."""
        self.program = program.Program(self.path, self.directory, self.config, self.name)
        self.connection = milter.Connection(self.program.address)

    def author(self, field):
        """`selector@domain` of the signature, or `-`."""
        message = milter.Message([(b"From", field), (b"Subject", b" x"), (b"Date", b" now")], b"x\r\n")
        outcome = self.connection.deliver(message, milter.Envelope())
        signed = [re.sub(rb"\s", b"", signature) for _, signature in outcome.inserted(b"DKIM-Signature")]
        if not signed:
            return "-"
        tags = dict(tag.split(b"=", 1) for tag in signed[0].strip(b";").split(b";"))
        return f"{tags[b's'].decode()}@{tags[b'd'].decode()}"


@dataclass(frozen=True)
class Difference:
    """A kind of field; `fits` is asked for the text, what OpenDKIM signs for, and what dkimd does."""

    kind: str
    fits: object


def domains(text):
    """What stands behind at signs, whatever is around them."""
    return {found.lower().rstrip(".") for found in re.findall(r"@([\w.-]+)", text.replace("(@shop)", ""))}


def unbalanced(text, opening, closing):
    """Whether a bracket closes before it opens, or never."""
    depth = 0
    for char in text:
        depth += (char == opening) - (char == closing)
        if depth < 0:
            break
    return depth != 0


def domain(author):
    """The domain of `selector@domain`."""
    return author.partition("@")[2]


# At the at sign: a blank, comment or second at sign behind it, or nothing; behind the domain: what is no separator.
UNCLEAR = re.compile(r"@[\s(@]|@$|@[\w.-]*(\.[\s,;<>(]|\.$|\s*[^\s\w.>,;()\]-]|\s+[\w.-])")
BLANK_AT = re.compile(r"\s@|@\s")
COLON = re.compile(r"@[^<]*:")

DIFFERENCES = (
    Difference("no RFC 5322, and two domains in the field: not signed", lambda text, judge, tested:
               tested == "-" and len(domains(text)) > 1),
    Difference("no RFC 5322, and more could belong to the domain: not signed", lambda text, judge, tested:
               tested == "-" and UNCLEAR.search(text)),
    Difference("words before the bare address are no part of it", lambda text, judge, tested:
               judge.startswith("some@") and domain(judge) == domain(tested)),
    Difference("a bracket that only opens or only closes, or holds nothing, is no part of the domain: signed", lambda text, judge, tested:
               judge == "-" and ("<>" in text or any(unbalanced(text, *pair) for pair in ("<>", "()", "[]")))),
    Difference("two addresses of one domain in one pair of angle brackets: the first, not the last", lambda text, judge, tested:
               domain(judge) == domain(tested) and re.search(r"<[^>]*@[^>]*@[^>]*>", text)),
    Difference("blanks around the at sign: signed", lambda text, judge, tested:
               judge == "-" and BLANK_AT.search(text)),
    Difference("a colon behind an at sign, and the address in angle brackets: signed", lambda text, judge, tested:
               judge == "-" and COLON.search(text)),
)


def main(count=COUNT, seed=SEED):
    """Prints the differences; the number of those without a reason decides the exit status."""
    dice = random.Random(int(seed))
    directory = program.work_directory()
    started = time.monotonic()
    sides = []
    seen = dict.fromkeys((d.kind for d in DIFFERENCES), 0)
    equal = signed = wrong = 0
    try:
        key = keys.Key(directory / "keys", "example.com", "mail", bits=1024).path
        judged = program.is_opendkim(program.under_test())
        sides = [Side(program.OPENDKIM, directory, key, "judge"), Side(program.under_test(), directory, key, "tested")]
        for _ in range(int(count)):
            field = octets(value(dice), dice)
            judge, tested = (side.author(field) for side in sides)
            if judge == tested:
                equal += 1
                signed += judge != "-"
                continue
            text = field.decode("utf-8", "replace")
            reason = next((d for d in DIFFERENCES if d.fits(text, judge, tested)), None)
            if reason and not judged:
                seen[reason.kind] += 1
                continue
            wrong += 1
            if wrong <= SHOWN:
                print(f"--- {field!r}\n  judge: {judge} tested: {tested}")
    finally:
        program.stop_all([side.program for side in sides])
        program.remove(directory)
    print(f"{count} From fields in {time.monotonic() - started:.0f} s: {equal} equal ({signed} of them signed), {wrong} differ; as listed:")
    for kind, number in seen.items():
        print(f"  {number:5} {kind}")
    never = [kind for kind, number in seen.items() if not number and not judged]
    if never:
        print("never seen, so not a difference:", never)
    return 1 if wrong or never or signed < int(count) / 4 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
