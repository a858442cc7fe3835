#!/usr/bin/python3
"""Compares all that the program under test and Debian's opendkim do with mail that comes in.

Usage: run.py [configuration-pattern [message-pattern]]; DKIM_PROGRAM names the program under test.
Milter actions are compared octet for octet, log lines word for word.
Every difference must stand in differences.py.
"""

import collections
import fnmatch
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from compat.arriving import configs, differences, mail
from compat.verifying import world
from peers import milter, program, syslog

TESTDATA = pathlib.Path(__file__).resolve().parents[3] / "src/dkim/crypto/testdata"
SHOWN = 60
AT_ONCE = 8
FEW = 5
LATE_SECONDS = 0.01
# How often a message is tried whose log lines differ.
TRIES = 5
CLIENT = ("mail.example.org", "192.0.2.7")
ATTEMPTS = 20


def main(pattern="*", messages="*"):
    """Prints the differences; the number of those not allowed decides the exit status."""
    path = program.under_test()
    directory = program.work_directory()
    log = syslog.Syslog()
    started = time.monotonic()
    counts = collections.Counter()
    found = {}
    try:
        place = world.World(directory, TESTDATA)
        keys = place.publish(directory / "keys.txt")
        every = [m for m in mail.all_mail(place) if fnmatch.fnmatchcase(m.name, messages)]
        few = every[::FEW] + [m for m in every if m.kind.startswith(("signatures ", "malformed ")) and m not in every[::FEW]]
        wanted = [(n, t.format(keys=keys), every if which == "all" else few)
                  for n, (t, which) in configs.configurations().items() if fnmatch.fnmatchcase(n, pattern)]
        print(f"{len(every)} messages, {len(wanted)} configurations, {sum(len(m) for _, _, m in wanted)} cases", flush=True)
        for first in range(0, len(wanted), AT_ONCE):
            compare(path, directory, first, wanted[first:first + AT_ONCE], log, counts, found)
    finally:
        log.close()
        program.remove(directory)
        tell(found)
    print("{} cases in {:.0f} s: {} equal, {} differ as allowed, {} differ in {} ways; {} log lines compared".format(
        sum(counts[w] for w in ("equal", "allowed", "differ")), time.monotonic() - started,
        counts["equal"], counts["allowed"], counts["differ"], len(found), counts["lines"]))
    return 1 if counts["differ"] or not counts["equal"] else 0


def tell(found):
    """Prints what differs, each way once."""
    for (judge, tested), where in sorted(found.items(), key=lambda item: -len(item[1]))[:SHOWN]:
        print(f"--- {len(where)} x, as {where[0][0]!r} / {where[0][1]!r}; in {sorted({w[0] for w in where})[:5]}\n  judge:  {judge}\n  tested: {tested}")


def compare(path, directory, first, wanted, log, counts, found):
    """Runs some configurations, all their programs started before and stopped after."""
    running = []
    try:
        for number, (name, text, messages) in enumerate(wanted, first):
            pair = [Side(side, binary, directory, text, f"{side}-{number}", log)
                    for side, binary in (("judge", program.OPENDKIM), ("tested", path))]
            running += pair
            for one in messages:
                judge, tested, word = judged(pair, name, one)
                counts["lines"] += len(judge.lines)
                counts[word] += 1
                if word == "differ":
                    key = (shown(judge, tested), shown(tested, judge))
                    found.setdefault(key, []).append((name, one.name))
    finally:
        program.stop_all([side.program for side in running])


def judged(pair, name, one):
    """What both make of a message, and the word for it. Where the log alone differs it is tried again: on a busy
    machine a line may come late, but none comes late each time."""
    for _ in range(TRIES):
        judge, tested = (side.outcome(one) for side in pair)
        if not differences.same_lines(judge, tested):
            time.sleep(LATE_SECONDS)
            for side, outcome in zip(pair, (judge, tested)):
                outcome.lines += side.lines()
        word = differences.verdict(name, one, judge, tested)
        if word != "differ" or (judge.reply, judge.changes) != (tested.reply, tested.changes):
            break
    return judge, tested, word


def shown(outcome, other):
    """What an outcome says that the other does not."""
    said = [] if outcome.reply == other.reply else [outcome.reply]
    for mine, its in ((outcome.changes, other.changes), (outcome.lines, other.lines)):
        only = [said for said in mine if said not in its]
        said += only if only or mine == its else [f"in another order or number: {mine}"]
    return re.sub(r"(header\.b|header\.s|signature|selector|s)=[\w+/]+", r"\1=…", repr(said))


class Outcome:
    """The reply, the changes in order, and the log lines."""

    def __init__(self, reply, changes, lines):
        self.reply, self.changes, self.lines = reply, changes, lines


class Side:
    """One program under one configuration; opendkim is started anew when it goes away."""

    def __init__(self, side, binary, directory, text, name, log):
        self.start = lambda again="": program.Program(binary, directory, text, name + again)
        self.side, self.log = side, log
        self.program = self.start()
        self.restarts = 0

    def lines(self):
        """The log lines since the last call."""
        taken = [line.replace(self.program.name, "NAME") for line in self.log.take(self.program.name)]
        return [line for line in taken if "OpenDKIM Filter v" not in line and "dkimd" not in line]

    def outcome(self, one):
        """What becomes of one message."""
        host, address = CLIENT
        envelope = milter.Envelope(host=host, address=address, recipients=one.recipients)
        self.lines()
        try:
            outcome = milter.deliver(self.program.address, one.message, envelope)
        except (milter.MilterError, OSError) as error:
            time.sleep(LATE_SECONDS)
            if self.program.process.poll() is not None and self.restarts < ATTEMPTS:
                self.restarts += 1
                self.program = self.start(f"-again-{self.restarts}")
            return Outcome(f"failed: {error}", [], self.lines())
        return Outcome(outcome.reply, outcome.changes, self.lines())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
