"""Listens on /dev/log, if nothing else does, so that the log lines of two programs can be compared."""

import os
import re
import socket
import threading
import time

PATH = "/dev/log"
WAIT_SECONDS = 120
MARK = b"mark"
LINE = re.compile(rb"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(\S+?)(?:\[\d+\])?: (.*)", re.S)
LEVELS = "emerg alert crit err warning notice info debug".split()


class Syslog:
    """Collected lines by program name (SyslogName), as `level text`."""

    def __init__(self):
        self.lines = {}
        self.lock = threading.Lock()
        self.marked = threading.Semaphore(0)
        self.socket = None
        if not _free():
            return
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(PATH)
        os.chmod(PATH, 0o666)
        # The kernel holds ten lines only: unless they are read at once, whoever writes more is held up.
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @property
    def listening(self):
        """False when the machine has a syslog daemon of its own: lines can't be compared then."""
        return self.socket is not None

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
        if self.socket:
            self._send(MARK)
            self.marked.acquire()
        with self.lock:
            return self.lines.pop(name, [])

    def close(self):
        """Gives /dev/log back."""
        if self.socket:
            self._send(b"")
            self.reader.join()
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
