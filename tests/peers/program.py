"""Starts a DKIM milter, Debian's opendkim or dkimd under that name, with one configuration."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

OPENDKIM = "/usr/sbin/opendkim"
FAKETIME = "/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1".format(os.uname().machine)
FIXED_CLOCK = "2026-01-02 03:04:05"
START_SECONDS = 20
STOP_SECONDS = 20


def under_test():
    """The program named by DKIM_PROGRAM, Debian's opendkim without it."""
    path = os.environ.get("DKIM_PROGRAM", OPENDKIM)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"DKIM_PROGRAM={path}: no such program")
    return path


def is_opendkim(path):
    """Whether `path` is Debian's own program, from which no difference is allowed."""
    return os.path.realpath(path) == os.path.realpath(OPENDKIM)


def work_directory(where="/var/lib"):
    """A fresh directory all of whose parents pass the check of private keys (the temp directory does not)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="dkimd-test-", dir=os.environ.get("DKIM_TEST_DIR", where)))
    path.chmod(0o755)
    return path


class Program:
    """A running milter; `address` is where it listens, a path or (host, port)."""

    def __init__(self, path, directory, config, name, fixed_clock=False, listen=None, arguments=()):
        self.directory = pathlib.Path(directory) / name
        self.directory.mkdir(parents=True, exist_ok=True)
        # Other tests on this machine write to the same log.
        self.name = f"{name}-{os.getpid()}"
        if listen is None:
            self.address = str(self.directory / "socket")
            listen = f"local:{self.address}"
        elif listen.startswith("inet:"):
            port, host = listen[5:].split("@")
            self.address = (host, int(port))
        else:
            self.address = listen.split(":", 1)[1]
        self.judge = is_opendkim(path)
        binary = self._as_opendkim(path)
        self.config = self.directory / "opendkim.conf"
        self.config.write_text(f"Socket {listen}\nSyslogName {self.name}\n" + config)
        environment = dict(os.environ, TZ="UTC")
        if fixed_clock:
            environment.update(
                LD_PRELOAD=FAKETIME, FAKETIME=FIXED_CLOCK,
                FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1",
            )
        self.stderr = self.directory / "stderr"
        with open(self.stderr, "wb") as output:
            self.process = subprocess.Popen(
                [binary, "-f", "-x", str(self.config), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
            )
        self._wait_until_it_answers()

    def _as_opendkim(self, path):
        if self.judge:
            return path
        link = self.directory / "opendkim"
        link.symlink_to(os.path.realpath(path))
        return str(link)

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}: {self.errors()}")
            try:
                kind = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
                with socket.socket(kind) as probe:
                    probe.connect(self.address)
                    return
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{self.name} does not listen after {START_SECONDS} s: {self.errors()}")

    def errors(self):
        """All that the program wrote to standard error."""
        return self.stderr.read_text(errors="replace").strip()

    def ask_to_stop(self):
        """Signals without waiting: SIGTERM, but SIGKILL to Debian's opendkim, which takes 5 s or never ends."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if self.judge else signal.SIGTERM)

    def stop(self):
        """Ends the program; one that ignores SIGTERM is an error."""
        self.ask_to_stop()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} ignores SIGTERM") from None


def stop_all(programs):
    """Ends several programs at once."""
    for program in programs:
        program.ask_to_stop()
    for program in programs:
        program.stop()


def remove(directory):
    """Removes a work directory unless DKIM_TEST_KEEP asks to keep it for a look."""
    if os.environ.get("DKIM_TEST_KEEP"):
        print(f"kept {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
