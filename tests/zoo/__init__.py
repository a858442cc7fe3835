"""Servers with one thing wrong, or nothing, each in namespaces of its own, and what doctor says of them."""
