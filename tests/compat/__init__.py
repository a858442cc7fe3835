"""Comparisons of a program with Debian's opendkim."""
