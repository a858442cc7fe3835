"""What a mail server has besides Postfix and the milter: a log and a place that knows the users' passwords."""

import contextlib
import os
import pwd
import re
import socket

from zoo.strangers import in_background

PRIORITY = re.compile(rb"^<\d+>")
LOG = "/var/log/mail.log"


def start_syslog():
    """Writes to the mail log what arrives at /dev/log, as rsyslog does on Debian."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    in_background(_write_log, receiver, socket.gethostname().encode())


def _write_log(receiver, host):
    with open(LOG, "ab", buffering=0) as log:
        while True:
            line = PRIORITY.sub(b"", receiver.recv(65536)).rstrip(b"\0\n")
            # "Nov 23 21:00:00 program[1]: text": the host's name goes between the two.
            log.write(line[:15] + b" " + host + b" " + line[16:] + b"\n")


def start_passwords(path):
    """Speaks Dovecot's authentication protocol at a socket of Postfix's; every password is right."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    os.chown(path, pwd.getpwnam("postfix").pw_uid, -1)
    server.listen(8)
    in_background(_serve_passwords, server)


def _serve_passwords(server):
    while True:
        in_background(_authenticate, server.accept()[0])


def _authenticate(connection):
    # Whoever only looks whether somebody is there goes away at once.
    with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as lines:
        connection.sendall(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n")
        for line in lines:
            fields = line.rstrip(b"\n").split(b"\t")
            if fields[0] == b"AUTH":
                connection.sendall(b"OK\t" + fields[1] + b"\tuser=joe\n")
