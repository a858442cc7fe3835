"""A part of the system for this process and its children alone, so that the host's own does not matter."""

import ctypes
import os

NEWNS = 0x00020000
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def call(name, *arguments):
    """A function of the C library that returns 0 unless it fails."""
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    """mount(2)."""
    texts = [None if text is None else str(text).encode() for text in (source, target, kind)]
    call("mount", *texts, ctypes.c_ulong(flags), options.encode() if options else None)


def private_mounts():
    """From here on what is mounted is mounted for this process alone."""
    call("unshare", NEWNS)
    mount(None, "/", flags=MS_REC | MS_PRIVATE)


def private_devices(place):
    """A /dev with the usual devices and nothing else, no log and no shared memory of others; made at an empty directory."""
    mount("tmpfs", place, "tmpfs", options="mode=755")
    for name in DEVICES:
        (place / name).touch()
        mount(f"/dev/{name}", place / name, flags=MS_BIND)
    (place / "shm").mkdir()
    (place / "shm").chmod(0o1777)
    (place / "fd").symlink_to("/proc/self/fd")
    mount(place, "/dev", flags=MS_MOVE)
    place.rmdir()
