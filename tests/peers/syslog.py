"""Listens on a /dev/log of its own, so that the log lines of two programs can be compared."""

import os
import pathlib
import re
import socket
import tempfile
import threading

from peers import apart

PATH = "/dev/log"
MARK = b"mark"
LINE = re.compile(rb"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(\S+?)(?:\[\d+\])?: (.*)", re.S)
LEVELS = "emerg alert crit err warning notice info debug".split()


class Syslog:
    """Collected lines by program name (SyslogName), as `level text`.

    The programs are to be started after it: they and this process get a /dev of their own, whatever log
    the machine has at its own.
    """

    def __init__(self):
        self.lines = {}
        self.lock = threading.Lock()
        self.marked = threading.Semaphore(0)
        apart.private_mounts()
        apart.private_devices(pathlib.Path(tempfile.mkdtemp()))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(PATH)
        os.chmod(PATH, 0o666)
        # The kernel holds ten lines only: unless they are read at once, whoever writes more is held up.
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _send(self, data):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(data, PATH)

    def _read(self):
        while data := self.socket.recv(65536):
            if data == MARK:
                self.marked.release()
                continue
            match = LINE.match(data.rstrip(b"\0\n"))
            if match:
                level = LEVELS[int(match[1]) & 7]
                text = match[3].decode("utf-8", "backslashreplace")
                with self.lock:
                    self.lines.setdefault(match[2].decode(), []).append(f"{level} {text}")

    def take(self, name):
        """The lines of one program since the last call, up to what was written before this one."""
        self._send(MARK)
        self.marked.acquire()
        with self.lock:
            return self.lines.pop(name, [])

    def close(self):
        """Ends the collecting."""
        self._send(b"")
        self.reader.join()
        self.socket.close()
