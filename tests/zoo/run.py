#!/usr/bin/python3
"""Builds the worlds of the zoo and asks doctor about each.

A broken world passes when doctor's first finding is the one expected, and what it says mends it: its commands, records
and lines are applied in the world, after which doctor must not find it again nor anything new, and mail must still leave
signed. A world says why where no program can do that. A healthy world passes when there is no failure.
DKIM_PROGRAM names the program under test, target/debug/dkimd without it. Needs root, and Debian's packages (tests/install-peers).

    run.py                     all worlds, two at a time
    run.py --world NAME ...    these
    run.py --world NAME --keep all that doctor says, then a shell inside the world
    run.py --list              the names, and what each stands for

A new world is one function with a decorator, in the file of `worlds/` that has its subject:

    @broken("spf-several-records", pains=[25])
    def spf_twice(world):
        \"\"\"Two SPF records.\"\"\"
        world.records.add("example.com", "TXT", "v=spf1 a -all")
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import program
from zoo import remedy, worlds
from zoo.material import Material
from zoo.namespaces import run_apart
from zoo.server import Server
from zoo.world import World
from zoo.worlds.troubles import without_world

AT_ONCE = 2
BUILT = pathlib.Path(__file__).resolve().parents[2] / "target/debug/dkimd"


def main():
    """Runs what the command line asks for; the exit status is 1 if doctor was wrong about any world."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--world", nargs="*", metavar="NAME", default=[])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=AT_ONCE)
    arguments = parser.parse_args()
    if arguments.list:
        for case in worlds.all_cases():
            print(f"{case.name:34} {case.expected_text():44} {case.summary}")
        return 0
    if os.geteuid() != 0:
        raise SystemExit("this test needs root: each world has namespaces of its own")
    os.environ.setdefault("DKIM_PROGRAM", str(BUILT))
    known = {case.name: case for case in worlds.all_cases()}
    unknown = [name for name in arguments.world if name not in known]
    if unknown:
        raise SystemExit(f"no such world: {', '.join(unknown)}")
    if missing := without_world(known.values()):
        raise SystemExit("no world stands for: " + "; ".join(missing))
    chosen = [known[name] for name in arguments.world] or list(known.values())
    with tempfile.TemporaryDirectory(prefix="dkimd-zoo-") as directory:
        directory = pathlib.Path(directory)
        material = Material(directory)
        # Everybody may run it, whoever built it.
        shutil.copyfile(program.under_test(), directory / "dkimd")
        os.chmod(directory / "dkimd", 0o755)
        if arguments.keep:
            return run_apart(lambda: visit(chosen[0], material))
        return run_all(chosen, material, directory, arguments.jobs)


def run_all(chosen, material, directory, at_once):
    """Every world in a process of its own, some at a time."""
    started = time.monotonic()
    waiting, running, wrong = list(chosen), {}, []
    while waiting or running:
        while waiting and len(running) < at_once:
            case = waiting.pop(0)
            running[start(case, material, directory / case.name)] = (case, time.monotonic())
        child, _ = os.wait()
        case, since = running.pop(child)
        problem = judge(case, directory / case.name)
        print(f"{'WRONG' if problem else 'ok':5} {case.name:34} {time.monotonic() - since:4.1f} s", flush=True)
        if problem:
            print(problem, flush=True)
            wrong.append(case.name)
    tell_of_remedies(chosen, wrong)
    broken = sum(case.is_broken for case in chosen)
    print(f"zoo: {broken} broken and {len(chosen) - broken} healthy worlds in {time.monotonic() - started:.0f} s, "
          + (f"doctor is wrong about {len(wrong)}: {' '.join(wrong)}" if wrong else "doctor is right about all"))
    return 1 if wrong else 0


def tell_of_remedies(chosen, wrong):
    """How many remedies were applied, and why others were not."""
    broken = [case for case in chosen if case.is_broken and case.name not in wrong]
    reasons = collections.Counter(case.by_hand for case in broken if case.by_hand)
    waiting = [case for case in broken if case.not_yet]
    applied = len(broken) - reasons.total() - len(waiting)
    print(f"remedies: {applied} applied, after which the finding was gone; {reasons.total()} for people:")
    for reason, count in reasons.most_common():
        print(f"    {count:3} {reason}")
    for case in waiting:
        print(f"    not yet: {case.name}: {case.not_yet}")


def start(case, material, result):
    """Forks a process that builds the world, asks doctor and writes what came of it."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(run_apart(lambda: examine(case, material, result)))
    return child


def examine(case, material, result):
    """In the namespaces: the answer of doctor, or why there is none."""
    outcome = {}
    try:
        server = Server(case.build(World(material)), material.file("dkimd"))
        try:
            if case.journey:
                outcome["problems"] = case.journey(server)
            else:
                outcome["status"], outcome["output"], outcome["errors"] = server.doctor("--json", "--lang", "en")
                if case.is_broken and case.problem_of(outcome) is None and not case.by_hand and not case.not_yet:
                    answer = json.loads(outcome["output"])
                    outcome["remedy"] = remedy.try_out(server, answer, case.finding(answer["findings"]))
        finally:
            outcome["logs"] = server.logs()
    except (Exception, SystemExit):  # a child must tell its parent whatever it was
        outcome["failed"] = traceback.format_exc() + Server.logs()
    result.write_text(json.dumps(outcome))
    return 0


def judge(case, result):
    """What is wrong with the outcome of a world, or None."""
    if not result.exists():
        return "the world ended without a result"
    outcome = json.loads(result.read_text())
    if "failed" in outcome:
        return outcome["failed"]
    if "problems" in outcome:
        return "\n".join([*outcome["problems"], outcome["logs"]]) if outcome["problems"] else None
    problem = case.problem_of(outcome)
    if problem is None:
        told = remedy.placeholders(json.loads(outcome["output"])["findings"]) + outcome.get("remedy", [])
        problem = "\n".join(told) or None
    if problem is None:
        return None
    return f"{problem}\n--- doctor\n{outcome['output']}{outcome['errors']}{outcome['logs']}"


def visit(case, material):
    """All that doctor says to a person, and a shell in the world."""
    server = Server(case.build(World(material)), material.file("dkimd"))
    status, output, errors = server.doctor("--lang", "en")
    print(f"{output}{errors}exit status {status}, expected: {case.expected_text()}", flush=True)
    os.environ["PS1"] = f"{case.name}# "
    subprocess.run(["/bin/sh"] if sys.stdin.isatty() else ["/bin/sh", "-s"], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
