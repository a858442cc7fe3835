"""Servers with nothing wrong, in the many ways a server can be set up."""

from zoo.worlds.case import healthy


@healthy
def plain(_world):
    """Two keys, two families, one domain: what all others start from."""
