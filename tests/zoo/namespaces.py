"""Puts this process where it can be a mail server of its own: own network, mounts, host name and processes."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess

NEWNS, NEWUTS, NEWPID, NEWNET = 0x00020000, 0x04000000, 0x20000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
SCRATCH = pathlib.Path("/mnt")


def _call(name, *arguments):
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    """mount(2)."""
    texts = [None if text is None else str(text).encode() for text in (source, target, kind)]
    _call("mount", *texts, ctypes.c_ulong(flags), options.encode() if options else None)


def run_apart(work):
    """Runs `work` as the first process of fresh namespaces, all of whose processes end with it; returns its status."""
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    _call("unshare", NEWNS | NEWUTS | NEWPID | NEWNET)
    child = os.fork()
    if child == 0:
        _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def private_files():
    """/etc and /var as they are, but written to memory; /run, /dev and the scratch directory anew."""
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    mount("tmpfs", SCRATCH, "tmpfs", options="mode=755")
    for name in ("etc", "var"):
        upper, work = SCRATCH / f"{name}-upper", SCRATCH / f"{name}-work"
        upper.mkdir()
        work.mkdir()
        mount("overlay", f"/{name}", "overlay", options=f"lowerdir=/{name},upperdir={upper},workdir={work}")
    # On some systems it is part of what is given to several systems at once, with its own rules.
    mount("tmpfs", "/run", "tmpfs", options="mode=755")
    _private_devices()


def _private_devices():
    devices = SCRATCH / "dev"
    devices.mkdir()
    mount("tmpfs", devices, "tmpfs", options="mode=755")
    for name in DEVICES:
        (devices / name).touch()
        mount(f"/dev/{name}", devices / name, flags=MS_BIND)
    (devices / "shm").mkdir()
    (devices / "shm").chmod(0o1777)
    (devices / "fd").symlink_to("/proc/self/fd")
    mount(devices, "/dev", flags=MS_BIND | MS_REC)


def ip(*lines):
    """Runs ip(8) commands; an error in one is an error."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip: {done.stderr}")


class Outside:
    """A second network namespace, in which everybody else's servers live, joined to the first by one cable."""

    def __init__(self):
        self.inside = os.open("/proc/self/ns/net", os.O_RDONLY)
        _call("unshare", NEWNET)
        self.outside = os.open("/proc/self/ns/net", os.O_RDONLY)
        ip("link set lo up", f"link add out type veth peer name eth0 netns /proc/{os.getpid()}/fd/{self.inside}",
           "link set out up")
        _call("setns", self.inside, NEWNET)
        ip("link set lo up", "link set eth0 up")

    @contextlib.contextmanager
    def entered(self):
        """Sockets opened and programs started in this block are outside for good."""
        _call("setns", self.outside, NEWNET)
        try:
            yield
        finally:
            _call("setns", self.inside, NEWNET)
