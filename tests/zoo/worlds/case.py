"""A world's function with what is expected of doctor there."""

import dataclasses
import typing

LEVELS = {"fail": 2, "warn": 1, "info": 0}
CASES = []


@dataclasses.dataclass
class Case:
    """One world: `expected` is the code of the first finding, None where nothing is wrong."""

    name: str
    summary: str
    change: typing.Callable
    expected: str | None
    level: str
    pains: list

    @property
    def is_broken(self):
        """Whether there is something to find."""
        return self.expected is not None

    def expected_text(self):
        """What doctor has to say."""
        return f"{self.level} {self.expected}" if self.is_broken else "no failure"

    def build(self, world):
        """The world with this case's change."""
        self.change(world)
        return world

    def problem(self, status, findings):
        """What is wrong with doctor's answer, or None."""
        told = [(finding["level"], finding["code"]) for finding in findings]
        worst = max((LEVELS[level] for level, _ in told), default=0)
        if status != worst:
            return f"exit status {status}, but the worst finding means {worst}: {told}"
        if not self.is_broken:
            return f"healthy, but doctor says {told}" if worst else None
        if not told or told[0] != (self.level, self.expected):
            return f"expected {self.level} {self.expected} first, doctor says {told}"
        return None


def broken(expected, level="fail", pains=()):
    """Registers a world in which doctor's first finding must have this code and level."""
    return lambda change: _register(change, expected, level, pains)


def healthy(change):
    """Registers a world in which doctor must find neither failures nor warnings."""
    return _register(change, None, None, ())


def _register(change, expected, level, pains):
    name = change.__name__.replace("_", "-")
    if any(case.name == name for case in CASES):
        raise ValueError(f"two worlds are called {name}")
    CASES.append(Case(name, change.__doc__.strip().splitlines()[0], change, expected, level, list(pains)))
    return change
