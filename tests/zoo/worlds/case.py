"""A world's function with what is expected of doctor there."""

import dataclasses
import json
import re
import typing

from zoo.worlds.troubles import TROUBLES

LEVELS = {"fail": 2, "warn": 1, "info": 0}
CASES = []


@dataclasses.dataclass
class Case:
    """One world: `expected` is the code of the first finding, None where nothing is wrong."""

    name: str
    summary: str
    change: typing.Callable
    expected: str | None = None
    level: str | None = None
    # What the first finding's words must match, where the code alone does not tell the fault.
    says: str = ""
    # Numbers of the TROUBLES that it stands for.
    pains: tuple = ()
    # Codes that a healthy world must not have even as information.
    never: tuple = ()
    # Why no program can do what the finding says.
    by_hand: str = ""
    # What is wrong with the remedy, as far as it is known.
    not_yet: str = ""
    # What to do in the world, in place of asking doctor; returns what went wrong.
    journey: typing.Callable | None = None

    @property
    def is_broken(self):
        """Whether there is something to find."""
        return self.expected is not None

    def expected_text(self):
        """What doctor has to say."""
        return f"{self.level} {self.expected}" if self.is_broken else "nothing wrong"

    def build(self, world):
        """The world with this case's change."""
        self.change(world)
        return world

    def problem_of(self, outcome):
        """What is wrong with doctor's answer as it was printed, or None."""
        try:
            answer = json.loads(outcome["output"])
            return self.problem(outcome["status"], answer["findings"], answer["checks"])
        except (ValueError, KeyError):
            return f"doctor printed no JSON with findings, exit status {outcome['status']}"

    def problem(self, status, findings, checks):
        """What is wrong with doctor's answer, or None."""
        unfinished = [check["check"] for check in checks if check.get("cause") in ("time", "fault")]
        if unfinished:
            return f"checks that did not end: {unfinished}"
        told = [f"{finding['level']} {finding['code']}" for finding in findings]
        # What could not be examined for want of a program is no good word either.
        lacking = self.is_broken and any(
            part["cause"] == "unavailable" for check in checks for part in check.get("not_examined", []))
        if status != max(LEVELS[self.level or "info"], LEVELS["warn"] if lacking else 0):
            return f"expected {self.expected_text()}, exit status is {status}, findings: {told}"
        if not self.is_broken:
            wrong = [f for f in findings if f["level"] != "info" or f["code"] in self.never]
            return f"healthy, but doctor says {told}" if wrong else None
        # What is worth knowing is told in the order of the checks; what is wrong, by its weight.
        first = told.index(self.expected_text()) if self.level == "info" and self.expected_text() in told else 0
        if not told or told[first] != self.expected_text():
            return f"expected {self.expected_text()} first, doctor says {told}"
        return self._words(findings[first])

    def finding(self, findings):
        """The one that was expected, of an answer that has it."""
        return next(f for f in findings if f"{f['level']} {f['code']}" == self.expected_text())

    def _words(self, finding):
        fixes = [fix["text"] for fix in finding["fix"]]
        words = "\n".join([finding["subject"], finding["what"], *finding["evidence"], *fixes])
        if not re.search(self.says, words, re.I):
            return f"{self.expected} says nothing like {self.says!r}"
        # Some findings of `dkimd check` are one sentence that ends in the command.
        if not fixes and "dkimd " not in finding["what"]:
            return f"{self.expected} has no remedy"
        return None


def broken(expected, level="fail", says="", pains=(), by_hand="", not_yet=""):
    """Registers a world in which doctor's first finding must have this code and level.

    What it tells to do is done, unless `by_hand` gives the reason why no program can, or `not_yet` what is wrong with it.
    """
    return lambda change: _register(
        change, expected=expected, level=level, says=says, pains=tuple(pains), by_hand=by_hand, not_yet=not_yet)


def healthy(change=None, never=()):
    """Registers a world in which doctor must find neither failures nor warnings."""
    if change is None:
        return lambda function: _register(function, never=tuple(never))
    return _register(change)


def journey(world_of):
    """Registers work to be done in the world that `world_of` makes."""
    def register(work):
        name = work.__name__.replace("_", "-")
        CASES.append(Case(name, work.__doc__.strip().splitlines()[0], world_of, journey=work))
        return work
    return register


def _register(change, **expectation):
    name = change.__name__.replace("_", "-")
    if any(case.name == name for case in CASES):
        raise ValueError(f"two worlds are called {name}")
    if unknown := set(expectation.get("pains", ())) - TROUBLES.keys():
        raise ValueError(f"{name} stands for {unknown}, which are no troubles")
    CASES.append(Case(name, change.__doc__.strip().splitlines()[0], change, **expectation))
    return change
