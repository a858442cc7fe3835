"""Puts this process where it can be a mail server of its own: own network, mounts, host name and processes."""

import contextlib
import os
import pathlib
import signal
import subprocess

from peers.apart import MS_BIND, NEWNS, call, mount, private_devices, private_mounts

NEWUTS, NEWPID, NEWNET = 0x04000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
SCRATCH = pathlib.Path("/mnt")
# What a world has of its own.
COVERED = (SCRATCH, *map(pathlib.Path, ("/etc", "/var", "/run", "/dev")))


def run_apart(work):
    """Runs `work` as the first process of fresh namespaces, all of whose processes end with it; returns its status."""
    call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    call("unshare", NEWNS | NEWUTS | NEWPID | NEWNET)
    child = os.fork()
    if child == 0:
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
        os._exit(work())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def private_files(*kept):
    """/etc and /var as they are, but written to memory; /run, /dev and the scratch directory anew.

    Files and directories that are `kept` stay where they are.
    """
    private_mounts()
    mount("proc", "/proc", "proc")
    with held([pathlib.Path(path).resolve() for path in kept]):
        mount("tmpfs", SCRATCH, "tmpfs", options="mode=755")
        for name in ("etc", "var"):
            upper, work = SCRATCH / f"{name}-upper", SCRATCH / f"{name}-work"
            upper.mkdir()
            work.mkdir()
            mount("overlay", f"/{name}", "overlay", options=f"lowerdir=/{name},upperdir={upper},workdir={work}")
        # On some systems it is part of what is given to several systems at once, with its own rules.
        mount("tmpfs", "/run", "tmpfs", options="mode=755")
        devices = SCRATCH / "dev"
        devices.mkdir()
        private_devices(devices)


@contextlib.contextmanager
def held(paths):
    """Keeps these in their places while other things are mounted above them."""
    below = [path for path in paths if any(path.is_relative_to(place) for place in COVERED)]
    files = {path: os.open(path, os.O_PATH) for path in below}
    yield
    for path, file in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            place = path.mkdir if os.path.isdir(f"/proc/self/fd/{file}") else path.touch
            place()
            mount(f"/proc/self/fd/{file}", path, flags=MS_BIND)
        os.close(file)


def ip(*lines):
    """Runs ip(8) commands; an error in one is an error."""
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip: {done.stderr}")


class Outside:
    """A second network namespace, in which everybody else's servers live, joined to the first by one cable."""

    def __init__(self):
        self.inside = os.open("/proc/self/ns/net", os.O_RDONLY)
        call("unshare", NEWNET)
        self.outside = os.open("/proc/self/ns/net", os.O_RDONLY)
        ip("link set lo up", f"link add out type veth peer name eth0 netns /proc/{os.getpid()}/fd/{self.inside}",
           "link set out up")
        call("setns", self.inside, NEWNET)
        ip("link set lo up", "link set eth0 up")

    @contextlib.contextmanager
    def entered(self):
        """Sockets opened and programs started in this block are outside for good."""
        call("setns", self.outside, NEWNET)
        try:
            yield
        finally:
            call("setns", self.inside, NEWNET)
