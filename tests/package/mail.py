"""Mail for the package tests: a sink, a stream of mail that never stops by itself, and a judge.

    mail.py sink PORT DIRECTORY             receives mail, one file per message
    mail.py flow DIRECTORY                  sends until DIRECTORY/stop appears; notes each accepted message
                                            and how often one was refused
    mail.py judge SINK FLOW RECORD [NONE]   every accepted message has arrived, signed by the key of RECORD
                                            (with NONE: unsigned)

A client that is told 4xx, or finds nobody, tries again, as every mail client and server does.
"""

import pathlib
import re
import smtplib
import socketserver
import subprocess
import sys
import time

RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 60


class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        self.say("220 sink")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                self.keep()
            elif verb == b"QUIT":
                return self.say("221 bye")
            self.say("250 ok")

    def keep(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        message = b"".join(lines)
        name = re.search(rb"^Subject: (\S+)", message, re.M)[1].decode()
        number = len(list(self.server.directory.glob(f"{name}.*")))
        (self.server.directory / f"{name}.{number}").write_bytes(message)

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


def sink(port, directory):
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    server = Server(("127.0.0.1", int(port)), Sink)
    server.directory = pathlib.Path(directory)
    server.serve_forever()


def flow(directory):
    directory = pathlib.Path(directory)
    accepted, refused, number = [], 0, 0
    while not (directory / "stop").exists() or number < 10:
        number += 1
        name = f"{directory.name}-{number}"
        message = f"From: joe@example.com\nTo: ann@example.net\nSubject: {name}\n\nMessage {number}.\n"
        # Every fifth one goes in by the sendmail command.
        refused += by_command(message) if number % 5 == 0 else by_smtp(message)
        accepted.append(name)
    (directory / "accepted").write_text("\n".join(accepted))
    (directory / "refused").write_text(str(refused))
    print(f"{directory.name}: {number} messages, {refused} times asked to try again")


def by_command(message):
    subprocess.run(["/usr/sbin/sendmail", "-f", "joe@example.com", "ann@example.net"], input=message.encode(), check=True)
    time.sleep(RETRY_SECONDS)
    return 0


def by_smtp(message):
    until, refused = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        try:
            with smtplib.SMTP("127.0.0.1", 25, timeout=30) as client:
                client.sendmail("joe@example.com", ["ann@example.net"], message.replace("\n", "\r\n"))
            return refused
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            print(error)
        except smtplib.SMTPResponseException as error:
            codes = [error.smtp_code]
            print(error)
        except OSError:
            codes = [421]
        if any(code >= 500 for code in codes) or time.monotonic() > until:
            sys.exit(f"refused for good: {codes}")
        refused += 1
        time.sleep(RETRY_SECONDS)


def judge(sink, flow, record, none=None):
    import dkim

    sink, flow = pathlib.Path(sink), pathlib.Path(flow)
    text = None if none else "".join(re.findall(r'"([^"]*)"', pathlib.Path(record).read_text()))
    accepted = (flow / "accepted").read_text().split()
    until = time.monotonic() + PATIENCE_SECONDS
    while missing := [name for name in accepted if not list(sink.glob(f"{name}.*"))]:
        if time.monotonic() > until:
            sys.exit(f"lost: {missing}")
        subprocess.run(["postqueue", "-f"])
        time.sleep(1)
    for name in accepted:
        for path in sink.glob(f"{name}.*"):
            message = path.read_bytes()
            fields = re.findall(rb"^DKIM-Signature:(?:.*\r\n[ \t])*.*", message, re.M)
            if none:
                if fields:
                    sys.exit(f"{path} is signed")
                continue
            if len(fields) != 1:
                sys.exit(f"{path}: {len(fields)} signatures")
            if b"d=example.com" not in fields[0] or b"s=mail" not in fields[0]:
                sys.exit(f"{path}: another key: {fields[0]}")
            if not dkim.verify(message, dnsfunc=lambda *_, **__: text.encode()):
                sys.exit(f"{path}: the signature is broken")
    print(f"{flow.name}: all {len(accepted)} arrived, {'unsigned' if none else 'signed by the key'}")


if __name__ == "__main__":
    {"sink": sink, "flow": flow, "judge": judge}[sys.argv[1]](*sys.argv[2:])
