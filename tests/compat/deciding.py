#!/usr/bin/python3
"""Compares what the program under test and Debian's opendkim decide, and the log lines with which they say why.

Usage: deciding.py [group-pattern]; DKIM_PROGRAM names the program under test.
Every difference must stand in decided.py.
"""

import fnmatch
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compat import cases, decided
from peers import keys, milter, program, syslog

SHOWN = 40
AT_ONCE = 12
LATE_SECONDS = 0.05
LATE_LOOKS = 5


def main(pattern="*"):
    """Prints the differences; the number of those not allowed decides the exit status."""
    path = program.under_test()
    directory = program.work_directory()
    log = syslog.Syslog()
    started = time.monotonic()
    try:
        key = keys.Key(directory / "keys", "example.com", "mail")
        groups = [g for g in cases.groups(key.path) if fnmatch.fnmatchcase(g.name, pattern)]
        counts = dict.fromkeys(("equal", "allowed", "differ", "signed"), 0)
        for first in range(0, len(groups), AT_ONCE):
            compare(path, directory, first, groups[first:first + AT_ONCE], log, counts)
    finally:
        log.close()
        program.remove(directory)
    total = sum(len(g.cases) for g in groups)
    print("{} cases in {} configurations in {:.0f} s: {} equal ({} of them signed), {} differ as allowed, {} differ".format(
        total, len(groups), time.monotonic() - started, counts["equal"], counts["signed"], counts["allowed"], counts["differ"]))
    return 1 if counts["differ"] or not counts["equal"] else 0


def compare(path, directory, first, groups, log, counts):
    """Runs some groups, all their programs started before and stopped after."""
    programs = []
    try:
        for number, group in enumerate(groups, first):
            files = directory / f"files-{number}"
            files.mkdir()
            for name, text in group.files.items():
                (files / name).write_text(text.replace("{dir}", str(files)))
            text = group.text.replace("{dir}", str(files))
            pair = []
            for side, binary in (("judge", program.OPENDKIM), ("tested", path)):
                pair.append(program.Program(binary, directory, text, f"{side}-{number}"))
                programs.append(pair[-1])
            for case in group.cases:
                judge, tested = (decision(p, case, log) for p in pair)
                if judge != tested:
                    late_lines(pair, case, log, (judge, tested))
                counts[verdict(group, case, judge, tested, path, counts)] += 1
    finally:
        program.stop_all(programs)


def late_lines(pair, case, log, decisions):
    """Adds the lines that were on their way when the reply came: whoever logs does not wait for the log."""
    for _ in range(LATE_LOOKS):
        time.sleep(LATE_SECONDS)
        for running, made in zip(pair, decisions):
            made[2].extend(lines_of(running, case, log))
        if decided.same(*decisions):
            return


def decision(running, case, log):
    """(reply, identities signed for, log lines) of one case."""
    log.take(running.name)
    try:
        outcome = milter.deliver(running.address, case.message, case.envelope)
    except (milter.MilterError, OSError) as error:
        return (f"failed: {error}", [], log.take(running.name))
    signed = [identity(value) for _, value in outcome.inserted(b"DKIM-Signature")]
    return (outcome.reply, signed, lines_of(running, case, log))


def lines_of(running, case, log):
    """What the program logged since the last look, but for its start."""
    return [plain(line, running.name, case) for line in log.take(running.name) if " starting (args: " not in line]


def identity(value):
    """d, s and i of a signature."""
    tags = dict(part.split("=", 1) for part in re.sub(r"\s", "", value.decode()).rstrip(";").split(";"))
    return {tag: tags[tag] for tag in "dsi" if tag in tags}


def plain(line, name, case):
    """A log line without what names the program, and without the octets OpenDKIM prints for a client on a socket file."""
    if case.envelope.address is None:
        line = re.sub(r"\[.*\] not internal", "[?] not internal", line, flags=re.S)
    return line.replace(name, "NAME")


def verdict(group, case, judge, tested, path, counts):
    """`equal`, `allowed` or `differ`; prints the last."""
    if judge == tested or (not program.is_opendkim(path) and decided.same(judge, tested)):
        counts["signed"] += bool(judge[1])
        return "equal"
    if not program.is_opendkim(path) and decided.allowed(group.name, case, judge, tested):
        return "allowed"
    if counts["differ"] < SHOWN:
        print(f"--- {group.name} / {case.name}\n  judge:  {judge}\n  tested: {tested}")
    return "differ"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
