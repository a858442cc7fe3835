"""All worlds of the zoo, by subject."""

import importlib

from zoo.worlds.case import CASES

SUBJECTS = ("healthy", "addresses", "spf", "key_records", "dmarc", "signing", "wiring", "tls", "surroundings", "arriving")


def all_cases():
    """Every world, healthy ones first, in the order of their files."""
    for subject in SUBJECTS:
        importlib.import_module(f"zoo.worlds.{subject}")
    return CASES
