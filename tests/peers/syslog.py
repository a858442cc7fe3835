"""Listens on /dev/log, if nothing else does, so that the log lines of two programs can be compared."""

import os
import re
import socket
import time

PATH = "/dev/log"
WAIT_SECONDS = 120
LINE = re.compile(rb"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(\S+?)(?:\[\d+\])?: (.*)", re.S)
LEVELS = "emerg alert crit err warning notice info debug".split()


class Syslog:
    """Collected lines by program name (SyslogName), as `level text`."""

    def __init__(self):
        self.lines = {}
        self.socket = None
        if not _free():
            return
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(PATH)
        os.chmod(PATH, 0o666)
        self.socket.setblocking(False)

    @property
    def listening(self):
        """False when the machine has a syslog daemon of its own: lines can't be compared then."""
        return self.socket is not None

    def drain(self):
        """Takes in what has arrived."""
        while self.socket:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                return
            match = LINE.match(data.rstrip(b"\0\n"))
            if match:
                level = LEVELS[int(match[1]) & 7]
                text = match[3].decode("utf-8", "backslashreplace")
                self.lines.setdefault(match[2].decode(), []).append(f"{level} {text}")

    def take(self, name):
        """The lines of one program since the last call."""
        self.drain()
        return self.lines.pop(name, [])

    def close(self):
        """Gives /dev/log back."""
        if self.socket:
            self.socket.close()
            self.socket = None
            os.unlink(PATH)


def _free():
    end = time.monotonic() + WAIT_SECONDS
    while os.path.lexists(PATH):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(PATH)
            except ConnectionRefusedError:
                os.unlink(PATH)
                return True
            except OSError:
                return False
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True
