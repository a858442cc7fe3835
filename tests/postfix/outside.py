"""Mail from outside through Postfix: sends it as other hosts would, and checks what is stored of it."""

import re
import smtplib
import threading

from postfix.arriving import AR, BURST
from postfix.instance import has_ipv6

# Who the clients are: (XCLIENT's attributes, or None for a real client) and the address to connect from.
ORIGINS = (
    ("NAME=mail.example.org ADDR=192.0.2.77 HELO=mail.example.org", "127.0.0.1"),
    (f"NAME=[UNAVAILABLE] ADDR={'IPV6:2001:db8::77' if has_ipv6() else '198.51.100.77'} HELO=mail.example.org", "127.0.0.1"),
    (None, "127.0.0.2"),
)
DOMAIN = "inside.example"
TIMEOUT_SECONDS = 100
RECEIVED = re.compile(rb"from .*\sby mx\.example\.com \(Postfix\)", re.S)
ITEM = re.compile(rb";\s+dkim=(\w+)")
ATPS = re.compile(rb";\s+dkim-atps=neutral\Z")


def send_all(postfix, mail, problems):
    """Sends everything, many messages in a session and then many sessions at once; returns the names to arrive."""
    names = [name for name in mail if not name.startswith(BURST)]
    for number, origin in enumerate(ORIGINS):
        send(postfix.port, origin, {n: mail[n] for n in names[number::len(ORIGINS)]}, problems)
    many = [name for name in mail if name.startswith(BURST)]
    threads = [
        threading.Thread(target=send, args=(postfix.port, ORIGINS[n % len(ORIGINS)], {name: mail[name]}, problems))
        for n, name in enumerate(many)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(mail)


def send(port, origin, mail, problems):
    """Messages in one session, octet for octet."""
    attributes, address = origin
    name = "connecting"
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=TIMEOUT_SECONDS, source_address=(address, 0)) as smtp:
            smtp.ehlo("mail.example.org")
            if attributes:
                code, text = smtp.docmd("XCLIENT", attributes)
                if code != 220:
                    problems.append(f"XCLIENT answered with {code} {text.decode()}")
                    return
                smtp.ehlo("mail.example.org")
            for name, one in mail.items():
                smtp.mail(one.sender, ["BODY=8BITMIME"])
                smtp.rcpt(f"{name}@{DOMAIN}")
                code, text = smtp.data(one.octets())
                if code != 250:
                    problems.append(f"{name}: DATA answered with {code} {text.decode()}")
    except (OSError, smtplib.SMTPException) as error:
        problems.append(f"{name}: {error!r}")


class Stored:
    """A message as it was delivered: our own results on top (None without), and all fields below Postfix's Received."""

    def __init__(self, octets):
        header, _, self.body = octets.partition(b"\r\n\r\n")
        lines = re.split(rb"\r\n(?![ \t])", header)
        self.fields = [tuple(line.split(b":", 1)) for line in lines]
        self.own = None
        self.faults = []
        fields = list(self.fields)
        if fields[0][0] == AR:
            self.own = fields.pop(0)[1]
            if not re.match(rb" mx\.example\.com[; ]", self.own):
                self.faults.append(f"the results on top are not ours: {self.own!r}")
        if fields and fields[0][0] == b"Received" and RECEIVED.search(fields[0][1]):
            fields.pop(0)
        else:
            self.faults.append(f"Postfix's Received does not follow our results but {fields[:1]}")
        self.left = fields

    def words(self):
        """The result of each signature."""
        return None if self.own is None else tuple(word.decode() for word in ITEM.findall(self.own))


def faults(stored, sent):
    """What is wrong with a stored message, one sentence each."""
    found = list(stored.faults)
    if stored.words() != sent.results:
        found.append(f"results {stored.words()} instead of {sent.results}: {stored.own}")
    if stored.left != sent.left():
        gone = [f for f in sent.left() if f not in stored.left]
        added = [f for f in stored.left if f not in sent.left()]
        found.append(f"fields gone: {gone!r:.300}; fields that should not be there: {added!r:.300}")
    if stored.body != sent.body:
        found.append(f"a body of {len(sent.body)} octets was stored with {len(stored.body)}, or changed")
    return found


def problems_of(stored, mail, side):
    """What is wrong with the stored messages in a directory."""
    return [f"{side}: {name}: {fault}" for name, sent in mail.items() for fault in faults(read(stored, name), sent)]


def differences(tested, judge, mail):
    """Where opendkim does otherwise than it should or than the program under test, and nothing explains it."""
    found = []
    for name, sent in mail.items():
        ours, theirs = read(tested, name), read(judge, name)
        these = faults(theirs, sent)
        mended = theirs.own and ATPS.sub(b"", theirs.own)
        if ours.own != mended:
            these.append(f"writes {mended}, the tested program {ours.own}")
        if sent.differs:
            these = [] if these else [f"no longer differs, though {sent.differs}"]
        found += [f"opendkim: {name}: {fault}" for fault in these]
    return found


def read(directory, name):
    """A stored message."""
    return Stored((directory / f"{name}.eml").read_bytes())
