#!/usr/bin/python3
"""Compares what the program under test and Debian's opendkim do to the same messages at the same second.

Usage: signing.py [setup-pattern [message-pattern]]; DKIM_PROGRAM names the program under test.
Every difference must stand in allowed.py.
"""

import fnmatch
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compat import allowed, configs, messages
from peers import keys, milter, program

SHOWN = 40


def main(setup_pattern="*", message_pattern="*"):
    """Prints the differences; the number of those not allowed decides the exit status."""
    path = program.under_test()
    directory = program.work_directory()
    started = time.monotonic()
    try:
        made = configs.make_keys(directory / "keys")
        records = keys.records(keys.publish(made.values(), directory / "records"))
        chosen = {n: s for n, s in configs.setups(made).items() if fnmatch.fnmatchcase(n, setup_pattern)}
        mail = {n: m for n, m in messages.all_messages().items() if fnmatch.fnmatchcase(n, message_pattern)}
        counts = compare(path, directory, chosen, mail, records)
    finally:
        program.remove(directory)
    print("{} messages x {} configurations in {:.0f} s: {} equal, {} differ as allowed, {} differ".format(
        len(mail), len(chosen), time.monotonic() - started, counts["equal"], counts["allowed"], counts["differ"]))
    print("{} of the judge's outcomes are signed".format(counts["signed"]))
    return 1 if counts["differ"] or not counts["equal"] else 0


def compare(path, directory, setups, mail, records):
    """Runs all messages under all set-ups through both programs."""
    counts = dict.fromkeys(("equal", "allowed", "differ", "signed"), 0)
    started = []
    try:
        for number, (name, setup) in enumerate(setups.items()):
            pair = start_pair(path, directory, number, setup)
            started += pair
            for case, message in mail.items():
                judge, tested = (run(p.address, message, setup) for p in pair)
                counts["signed"] += isinstance(judge, milter.Outcome) and judge.signed
                counts[verdict(name, case, message, judge, tested, records, path, counts)] += 1
    finally:
        program.stop_all(started)
    return counts


def start_pair(path, directory, number, setup):
    """Debian's opendkim and the program under test with one set-up."""
    files = directory / f"files-{number}"
    files.mkdir()
    for file, text in setup.files.items():
        (files / file).write_text(text)
    text = setup.text.replace("{dir}", str(files))
    judge = program.Program(program.OPENDKIM, directory, text, f"judge-{number}", fixed_clock=True)
    try:
        return [judge, program.Program(path, directory, text, f"tested-{number}", fixed_clock=True)]
    except RuntimeError:
        judge.stop()
        raise


def run(address, message, setup):
    """The outcome, or the sentence that says how the filter failed."""
    try:
        return milter.deliver(address, message, setup.envelope, steps=setup.steps, chunk=setup.chunk)
    except (milter.MilterError, OSError) as error:
        return f"failed: {error}"


def verdict(setup, case, message, judge, tested, records, path, counts):
    """`equal`, `allowed` or `differ`; prints the last."""
    if comparable(judge) == comparable(tested):
        return "equal"
    if not program.is_opendkim(path) and not isinstance(judge, str) and not isinstance(tested, str):
        entries = allowed.allowed(allowed.SIGNING, setup, case)
        if any(allowed.holds(entry, message, judge, tested, records) for entry in entries):
            return "allowed"
    if counts["differ"] < SHOWN:
        print(f"--- {setup} / {case}\n  judge:  {comparable(judge)}\n  tested: {comparable(tested)}")
    return "differ"


def comparable(outcome):
    """What the MTA would act on."""
    if isinstance(outcome, str):
        return outcome
    return (outcome.reply, outcome.changes)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
