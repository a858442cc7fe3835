"""A milter client that plays Postfix: hands one message to a filter and records all it answers."""

import socket
import struct
from dataclasses import dataclass, field

POSTFIX_ACTIONS = 0x1FF
POSTFIX_STEPS = 0x1FFFFF
HEADER_LEADING_SPACE = 0x100000
CHUNK = 65535
TIMEOUT_SECONDS = 60

# Protocol steps the filter may ask to leave out, and replies it may ask not to give.
LEAVE_OUT = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "B": 0x10, "L": 0x20, "N": 0x40, "T": 0x200}
NO_REPLY = {
    "C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000,
    "L": 0x80, "N": 0x40000, "B": 0x80000,
}
STAGE = {
    "C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data",
    "L": "header", "N": "end-of-headers", "B": "body", "E": "end-of-message",
}
FINAL = {"a": "accept", "r": "reject", "t": "tempfail", "d": "discard"}


class MilterError(Exception):
    """The filter broke the protocol or went away."""


@dataclass
class Envelope:
    """What the MTA knows besides the message; macros are sent at the named stage."""

    host: str = "localhost"
    address: str | None = "127.0.0.1"
    helo: str = "client.example.org"
    sender: str = "<sender@example.com>"
    recipients: tuple = ("<rcpt@example.net>",)
    connect_macros: tuple = (("j", "mx.example.com"), ("{daemon_name}", "mx.example.com"), ("v", "Postfix"))
    mail_macros: tuple = ()
    queue_id: str | None = "4XyZ1a2b3c"


@dataclass
class Message:
    """Header fields as (name, value after the colon with its leading blank, LF folds) and the body."""

    headers: list
    body: bytes = b""

    def rendered(self, inserted=()):
        """The whole message with CRLF line ends, `inserted` fields on top (last insertion first)."""
        lines = [name + b":" + value for name, value in list(inserted) + self.headers]
        return b"".join(line.replace(b"\n", b"\r\n") + b"\r\n" for line in lines) + b"\r\n" + self.body


@dataclass
class Outcome:
    """What the filter did to one message."""

    reply: str = "deliver"
    stage: str = "end-of-message"
    changes: list = field(default_factory=list)

    def inserted(self, name=None):
        """Inserted fields as (name, value), the topmost first."""
        fields = [(c[2], c[3]) for c in self.changes if c[0] == "insert"]
        fields.reverse()
        return [f for f in fields if name is None or f[0].lower() == name.lower()]

    @property
    def signed(self):
        """Whether a DKIM-Signature was added and the message goes on."""
        return self.reply == "deliver" and bool(self.inserted(b"DKIM-Signature"))


class Connection:
    """One connection to a filter."""

    def __init__(self, address, version=6, actions=POSTFIX_ACTIONS, steps=POSTFIX_STEPS):
        kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(kind)
        self.socket.settimeout(TIMEOUT_SECONDS)
        self.socket.connect(address)
        self.buffer = b""
        self._send("O", struct.pack("!III", version, actions, steps))
        code, data = self._receive()
        if code != "O" or len(data) < 12:
            raise MilterError(f"negotiation answered with {code!r} {data!r}")
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        self.wanted_macros = data[12:]
        self.greeted = False

    def close(self):
        """Ends the session as an MTA does."""
        try:
            self._send("Q", b"")
        except OSError:
            pass
        self.socket.close()

    def deliver(self, message, envelope, chunk=CHUNK):
        """Hands over one message, up to the filter's last word on it; the client is named before the first alone."""
        outcome = Outcome()
        events = self._events(message, envelope, chunk)
        if self.greeted:
            next(events), next(events)
        self.greeted = True
        for code, macros, data in events:
            if macros:
                self._send("D", code.encode() + b"".join(_z(k) + _z(v) for k, v in macros))
            if self.steps & LEAVE_OUT.get(code, 0):
                continue
            self._send(code, data)
            if self.steps & NO_REPLY.get(code, 0):
                continue
            reply = self._reply(outcome)
            if reply == "skip" and code == "B":
                self.skipping = True
            if reply in ("continue", "skip"):
                continue
            outcome.reply, outcome.stage = "deliver" if reply == "accept" else reply, STAGE[code]
            return outcome
        return outcome

    def abort(self):
        """Gives up the message under way; the connection stays usable."""
        self._send("A", b"")

    def _events(self, message, envelope, chunk):
        if envelope.address is None:
            connect = _z(envelope.host) + b"L" + struct.pack("!H", 0) + _z("/run/client")
        elif envelope.address == "unknown":
            connect = _z(envelope.host) + b"U"
        else:
            family = b"6" if ":" in envelope.address else b"4"
            shown = "IPv6:" + envelope.address if family == b"6" else envelope.address
            connect = _z(envelope.host) + family + struct.pack("!H", 40000) + _z(shown)
        queue_id = (("i", envelope.queue_id),) if envelope.queue_id else ()
        yield "C", envelope.connect_macros, connect
        yield "H", (), _z(envelope.helo)
        yield "M", envelope.mail_macros, _z(envelope.sender)
        for recipient in envelope.recipients:
            yield "R", (), _z(recipient)
        yield "T", queue_id, b""
        leading = self.steps & HEADER_LEADING_SPACE
        for name, value in message.headers:
            if not leading and value[:1] == b" ":
                value = value[1:]
            yield "L", queue_id, _z(name) + _z(value)
        yield "N", queue_id, b""
        self.skipping = False
        for start in range(0, len(message.body), chunk):
            if self.skipping:
                break
            yield "B", queue_id, message.body[start:start + chunk]
        yield "E", queue_id, b""

    def _reply(self, outcome):
        while True:
            code, data = self._receive()
            if code == "c":
                return "continue"
            if code == "s":
                return "skip"
            if code in FINAL:
                return FINAL[code]
            if code == "y":
                return data.rstrip(b"\0").decode("utf-8", "surrogateescape")
            if code == "p":
                continue
            outcome.changes.append(_change(code, data))

    def _send(self, code, data):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + code.encode() + data)

    def _receive(self):
        size = struct.unpack("!I", self._exactly(4))[0]
        data = self._exactly(size)
        return chr(data[0]), data[1:]

    def _exactly(self, count):
        while len(self.buffer) < count:
            piece = self.socket.recv(65536)
            if not piece:
                raise MilterError("the filter closed the connection")
            self.buffer += piece
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data


def deliver(address, message, envelope, **options):
    """One connection, one message."""
    chunk = options.pop("chunk", CHUNK)
    connection = Connection(address, **options)
    try:
        return connection.deliver(message, envelope, chunk)
    finally:
        connection.close()


def _z(text):
    return (text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text) + b"\0"


def _change(code, data):
    if code == "i":
        name, value = data[4:].split(b"\0")[:2]
        return ("insert", struct.unpack("!I", data[:4])[0], name, value)
    if code == "m":
        name, value = data[4:].split(b"\0")[:2]
        kind = "change" if value else "delete"
        return (kind, struct.unpack("!I", data[:4])[0], name, value)
    if code == "h":
        name, value = data.split(b"\0")[:2]
        return ("append", None, name, value)
    return ({"+": "add-recipient", "-": "delete-recipient", "q": "quarantine", "b": "body"}.get(code, code), data)
