#!/usr/bin/python3
"""Says which readers take an Authentication-Results field for the word of mail.example.com.

Standard input holds one field's value a line, in hexadecimal. For each a line comes back with the letters of those
who believe it: `d` Debian's opendkim, which deletes it; `m` OpenDMARC, which takes its `dkim=pass header.d=bank.example`
as a pass of DMARC; `p` Perl's Mail::AuthenticationResults. A field that they don't believe is an empty line.
"""

import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import milter, program

OPENDMARC = "/usr/sbin/opendmarc"
PERL = pathlib.Path(__file__).with_name("reader.pl")
NAME = b"Authentication-Results"
# Fields in one message.
AT_ONCE = 250
START_SECONDS = 20
# Stands below them, so that it shows that all were read.
BELIEVED = b" mail.example.com; dkim=pass header.d=bank.example"
DKIM = "Mode v\nAuthservID mail.example.com\nRemoveARAll yes\nMaximumHeaders 0\nSyslog no\n"
DMARC = """AuthservID mail.example.com
TrustedAuthservIDs mail.example.com
Socket local:{0}/socket
TestDNSData {0}/dns
PublicSuffixList {0}/suffixes
IgnoreHosts {0}/nobody
PidFile {0}/pid
Syslog no
"""


def main():
    """Asks all three, side by side."""
    fields = [bytes.fromhex(line) for line in sys.stdin.read().split("\n")[:-1]]
    # A milter gets a field's value up to its first NUL.
    cut = [field.split(b"\0")[0] for field in fields]
    directory = program.work_directory()
    letters = [set() for _ in fields]
    failures = []

    def ask(letter, judge, given):
        try:
            for number in judge(given):
                letters[number].add(letter)
        except BaseException as error:  # told by the main thread
            failures.append(f"{letter}: {error!r}")

    try:
        opendkim = program.Program(program.OPENDKIM, directory, DKIM, "opendkim")
        opendmarc = Opendmarc(directory)
        try:
            threads = [threading.Thread(target=ask, args=arguments) for arguments in (
                ("d", Deleting(opendkim.address).believed, cut), ("m", Believing(opendmarc.address).believed, cut), ("p", perl, fields))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            opendmarc.stop()
            opendkim.stop()
    finally:
        program.remove(directory)
    if failures:
        raise SystemExit("\n".join(failures))
    print("\n".join("".join(sorted(found)) for found in letters))


class Opendmarc:
    """OpenDMARC with a DNS of its own, in which bank.example wants all else rejected."""

    def __init__(self, directory):
        place = pathlib.Path(directory) / "opendmarc"
        place.mkdir()
        (place / "dns").write_text("_dmarc.bank.example v=DMARC1; p=reject\n")
        (place / "suffixes").write_text("example\n")
        (place / "nobody").write_text("")
        (place / "conf").write_text(DMARC.format(place))
        self.address = str(place / "socket")
        with open(place / "output", "wb") as output:
            self.process = subprocess.Popen([OPENDMARC, "-f", "-c", str(place / "conf")],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(self.address)
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise SystemExit("opendmarc does not start: " + (place / "output").read_text()) from None
                time.sleep(0.02)

    def stop(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()


class Reader:
    """A milter that gets many fields with one message."""

    def __init__(self, address):
        self.address = address

    def outcome(self, fields):
        """What becomes of a message with these fields."""
        headers = [(b"From", b" ceo@bank.example"), (b"Date", b" Mon, 23 Nov 2026 10:00:00 +0000")]
        headers += [(NAME, field) for field in fields]
        envelope = milter.Envelope(host="mail.bank.example", address="192.0.2.66")
        return milter.deliver(self.address, milter.Message(headers, b"hello\r\n"), envelope)

    def believed(self, fields):
        """The numbers of the fields that this reader believes."""
        for first in range(0, len(fields), AT_ONCE):
            for number in self.among(fields[first:first + AT_ONCE]):
                yield first + number


class Deleting(Reader):
    """opendkim, which tells by number what it deletes."""

    def among(self, fields):
        """The numbers among a few."""
        changes = self.outcome([*fields, BELIEVED]).changes
        deleted = {change[1] - 1 for change in changes if change[0] == "delete" and change[2] == NAME}
        if len(fields) not in deleted:
            raise RuntimeError(f"opendkim did not read to the end of {fields}")
        return deleted - {len(fields)}


class Believing(Reader):
    """OpenDMARC, which tells whether it believes one of them."""

    def among(self, fields):
        """The numbers among a few: halves of what it believes, until one is left."""
        if not self.passes([*fields, BELIEVED]):
            raise RuntimeError(f"opendmarc did not read to the end of {fields}")
        pending, found = [(0, fields)], []
        while pending:
            first, some = pending.pop()
            if not some or not self.passes(some):
                continue
            if len(some) == 1:
                found.append(first)
                continue
            half = len(some) // 2
            pending += [(first, some[:half]), (first + half, some[half:])]
        return found

    def passes(self, fields):
        """Whether DMARC passes."""
        outcome = self.outcome(fields)
        verdict = b"".join(value for _, value in outcome.inserted(NAME))
        if outcome.reply not in ("deliver", "continue") or (b"dmarc=pass" in verdict) == (b"dmarc=fail" in verdict):
            raise RuntimeError(f"opendmarc says {outcome} of {fields}")
        return b"dmarc=pass" in verdict


def perl(fields):
    """The numbers of the fields that Perl's reader takes for ours, read as octets or as text."""
    lines = "\n".join(field.hex() for field in fields) + "\n"
    answer = subprocess.run(["perl", str(PERL)], input=lines, capture_output=True, text=True, check=False)
    words = answer.stdout.split()
    if answer.returncode or len(words) != len(fields):
        raise RuntimeError(f"perl ended with {answer.returncode} after {len(words)} fields: {answer.stderr[:500]}")
    return [number for number, word in enumerate(words) if word == "ours"]


if __name__ == "__main__":
    main()
