"""Numbered messages through Postfix while the milter is restarted again and again, and a client thinks."""

import smtplib
import socket
import struct
import threading
import time

MESSAGES = 1000
SENDERS = 8
RESTARTS = 4
LONGEST_SECONDS = 2
PATIENCE_SECONDS = 60
SENDER = "joe@example.com"
NAME = "restart"
MESSAGE = b"From: Joe <joe@example.com>\r\nTo: a@example.net\r\nSubject: %d\r\nMessage-ID: <%d.restart@example.com>\r\n\r\nText.\r\n"


class Senders:
    """Sends on until there are enough messages and the last restart is over; tries again what is deferred."""

    def __init__(self, port):
        self.port = port
        self.lock = threading.Lock()
        self.sent, self.late, self.problems = 0, [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._work) for _ in range(SENDERS)]

    def _next(self):
        with self.lock:
            if self.sent >= MESSAGES and self.over.is_set():
                return None
            self.sent += 1
            return self.sent

    def _work(self):
        while (number := self._next()) is not None:
            begun = time.monotonic()
            while not (done := self._send(number)) and time.monotonic() - begun < PATIENCE_SECONDS:
                time.sleep(0.05)
            with self.lock:
                if not done:
                    self.problems.append(f"message {number} was deferred for {PATIENCE_SECONDS} s")
                elif time.monotonic() - begun > LONGEST_SECONDS:
                    self.late.append(number)

    def _send(self, number):
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as smtp:
                smtp.sendmail(SENDER, [f"{NAME}{number}@example.net"], MESSAGE % (number, number))
            return True
        except (OSError, smtplib.SMTPException):
            return False


def think(port, milter):
    """A client that has said MAIL FROM and says nothing more, and one whose MTA has told the milter so.

    Postfix keeps what needs no answer until it has more to say.
    """
    told = socket.socket(socket.AF_UNIX)
    told.connect(str(milter))
    for body in (b"O" + struct.pack(">3I", 6, 0x1FF, 0x1FFFFF), b"M<joe@example.com>\0"):
        told.sendall(struct.pack(">I", len(body)) + body)
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    for line in (b"", b"EHLO client.example.org\r\n", b"MAIL FROM:<joe@example.com>\r\n"):
        client.sendall(line)
        client.recv(4096)
    time.sleep(0.1)
    return client, told


def run(postfix, sink, running, start):
    """Restarts `running`; gives the program that runs in the end, and what went wrong."""
    senders = Senders(postfix.port)
    for thread in senders.threads:
        thread.start()
    times, problems = [], []
    for _ in range(RESTARTS):
        time.sleep(1)
        client, told = think(postfix.port, postfix.socket)
        with client, told:
            asked = time.monotonic()
            running.stop()
            running = start()
            times.append(time.monotonic() - asked)
    senders.over.set()
    for thread in senders.threads:
        thread.join()
    names = [f"{NAME}{number}" for number in range(1, senders.sent + 1)]
    problems += senders.problems
    problems += [f"{name} never arrived" for name in sink.wait_for(names, PATIENCE_SECONDS)]
    problems += [f"a restart took {took:.1f} s" for took in times if took >= LONGEST_SECONDS]
    if len(senders.late) * 100 >= senders.sent:
        problems.append(f"{len(senders.late)} of {senders.sent} messages took more than {LONGEST_SECONDS} s")
    for file in sink.directory.glob(f"{NAME}*.eml"):
        if b"DKIM-Signature" not in file.read_bytes():
            problems.append(f"{file.stem} is unsigned")
        file.unlink()
    print(f"{senders.sent} messages during {RESTARTS} restarts of at most {max(times):.2f} s, {len(senders.late)} of them late")
    return running, problems
