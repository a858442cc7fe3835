#!/usr/bin/python3
"""Sends mail through a real Postfix with the program under test as its milter and has every message verified.

Mail from inside leaves signed; mail from outside arrives with its results on top and without forged ones.
The same messages go through Debian's opendkim with the same configuration: decision, h=, bh= and results must agree.
DKIM_PROGRAM names the program under test. Needs root, and Debian's packages (tests/install-peers).
"""

import itertools
import os
import pathlib
import pwd
import signal
import smtplib
import statistics
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from compat.verifying import world
from peers import keys, program, verify
from postfix import arriving, corpus, outside, restarting
from postfix.instance import Postfix, free_port
from postfix.sink import Sink

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "src/dkim/crypto/testdata"
AT_ONCE = 200
DELIVERY_SECONDS = 120
SENDER = "joe@example.com"
CONFIG = """\
Syslog yes
SyslogSuccess yes
LogWhy yes
UMask 007
UserID opendkim:postfix
PidFile {dir}/opendkim.pid
Canonicalization relaxed/simple
Mode sv
OversignHeaders From
ExternalIgnoreList refile:{dir}/TrustedHosts
InternalHosts {dir}/TrustedHosts
KeyTable refile:{dir}/KeyTable
SigningTable refile:{dir}/SigningTable
TestPublicKeys {dir}/arriving-records
"""
LATENCY_ROUNDS = 3
LATENCY_MESSAGES = 60
# A quiet machine needs half of it, OpenDKIM fifteen times as much.
LATENCY_MOST = 0.006
UNTOUCHED = "without-milter"


def main():
    """Runs everything; any failure is printed and makes the exit status 1."""
    if os.geteuid() != 0:
        raise SystemExit("this test needs root: it starts a Postfix of its own")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = program.work_directory()
    try:
        problems = run(directory)
    finally:
        program.remove(directory)
    for problem in problems:
        print(problem)
    print("end to end: " + (f"{len(problems)} failures" if problems else "all messages verified"))
    return 1 if problems else 0


def run(directory):
    """All parts, in one Postfix instance per program."""
    made = [
        keys.Key(directory / "keys", "example.com", "mail"), keys.Key(directory / "keys", "second.example", "two"),
    ]
    key_file = keys.publish(made, directory / "records")
    write_tables(directory, made)
    place = world.World(directory / "keys", TESTDATA)
    place.publish(directory / "arriving-records")
    mail = arriving.all_mail(place)
    path = program.under_test()
    problems, results = [], {}
    for side, binary in (("tested", path), ("judge", program.OPENDKIM)):
        where = directory / side
        where.mkdir()
        results[side] = one_program(where, binary, side, CONFIG.replace("{dir}", str(directory)), key_file, mail, problems)
    problems += outside.differences(directory / "tested/stored", directory / "judge/stored", mail)
    for name, judged in results["judge"].items():
        if results["tested"].get(name) != judged:
            problems.append(f"{name}: opendkim gives {judged}, the tested program {results['tested'].get(name)}")
    return problems


def write_tables(directory, made):
    """The tables of the common guide; keys belong to the daemon's user."""
    (directory / "TrustedHosts").write_text("127.0.0.1\n::1\nlocalhost\n")
    (directory / "KeyTable").write_text("".join(f"{k.domain} {k.domain}:{k.selector}:{k.path}\n" for k in made))
    (directory / "SigningTable").write_text(
        "*@example.com example.com\n*@*.example.com example.com\n*@second.example second.example\n")
    user = pwd.getpwnam("opendkim")
    for key in made:
        os.chown(key.path, user.pw_uid, user.pw_gid)


def one_program(where, binary, side, config, key_file, mail, problems):
    """Sends everything through one program; returns (signatures' d, s, h and bh) by message."""
    stored = where / "stored"
    stored.mkdir()
    sink = Sink(stored)
    postfix = Postfix(where, sink.port)
    started = time.monotonic()
    running = None
    try:
        running = program.Program(binary, where, config, f"dkim-{side}", listen=f"local:{postfix.socket}")
        postfix.start()
        expected = send_all(postfix, problems) + outside.send_all(postfix, mail, problems)
        missing = sink.wait_for(expected, DELIVERY_SECONDS)
        problems += [f"{side}: {name} never arrived" for name in missing]
        if missing:
            problems.append(postfix.log_text()[-4000:])
        sent = time.monotonic()
        running.stop()
        problems += errors_of_postfix(postfix, side)
        if side == "tested":
            numbers = itertools.count()

            def start():
                name = f"dkim-{side}-{next(numbers)}"
                return program.Program(binary, where, config, name, listen=f"local:{postfix.socket}")
            running, found = restarting.run(postfix, sink, start(), start)
            problems += found
            running.stop()
        port = free_port()
        running = program.Program(
            binary, where, config, f"dkim-{side}-tcp", listen=f"inet:{port}@127.0.0.1")
        postfix.configure(f"inet:127.0.0.1:{port}")
        postfix.reload()
        time.sleep(1)
        measure(postfix, sink, side, problems)
    finally:
        if running:
            running.stop()
        postfix.stop()
        sink.shutdown()
        sink.server_close()
    if side == "tested" and not missing:
        problems += outside.problems_of(stored, mail, side)
    files = sorted(f for f in stored.glob("*.eml") if f.stem != UNTOUCHED and f.stem not in mail)
    unsigned = {f for f in files if f.stem.removesuffix("-sendmail") in corpus.unsigned()}
    problems += [f"{side}: {f.name} is signed" for f in unsigned if signatures(f)]
    to_verify = [f for f in files if f not in unsigned]
    foreign = {f for f in files if f.stem.startswith("oldsignature")}
    problems += [f"{side}: {text}" for text in verify.failures(to_verify, key_file, where, foreign)]
    print(f"{side}: {len(files)} messages from inside and {len(mail)} from outside, sent in {sent - started:.0f} s, verified after {time.monotonic() - started:.0f} s")
    return {f.stem: signatures(f) for f in files if not f.stem.startswith("latency")}


def send_all(postfix, problems):
    """Every message by SMTP, the smaller ones by sendmail, and many at once; returns the names to arrive."""
    names = []
    for name, message in {**corpus.signed(), **corpus.unsigned()}.items():
        names.append(name)
        send(postfix.port, name, message, problems)
        if len(message) <= corpus.MEGABYTE and name != "65535":
            names.append(f"{name}-sendmail")
            postfix.sendmail(message.replace(b"\r\n", b"\n"), SENDER, f"{name}-sendmail@example.net")
    many = corpus.burst(AT_ONCE)
    barrier = threading.Barrier(AT_ONCE)
    threads = [
        threading.Thread(target=send, args=(postfix.port, name, message, problems, barrier)) for name, message in many.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return names + list(many)


def send(port, name, message, problems, barrier=None):
    """One message octet for octet; at a barrier all wait with open connections."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=100) as smtp:
            smtp.ehlo("client.example.org")
            if barrier:
                barrier.wait(100)
            smtp.mail(SENDER, ["BODY=8BITMIME"])
            smtp.rcpt(f"{name}@example.net")
            code, text = smtp.data(message)
            if code != 250:
                problems.append(f"{name}: DATA answered with {code} {text.decode()}")
    except (OSError, smtplib.SMTPException, threading.BrokenBarrierError) as error:
        problems.append(f"{name}: {error!r}")


def errors_of_postfix(postfix, side):
    """Complaints of Postfix about the milter."""
    return [f"{side}: Postfix says: {line}" for line in postfix.log_text().splitlines()
            if "milter" in line and ("warning" in line or "error" in line)]


def measure(postfix, sink, side, problems):
    """The median of what the milter adds to a small message over TCP; the best of a few rounds counts."""
    message = corpus.HEAD + b"\r\n" + corpus.sized(4096)
    best = None
    for number in range(LATENCY_ROUNDS):
        times = {postfix.port: [], postfix.plain_port: []}
        for count in range(LATENCY_MESSAGES):
            for port, taken in times.items():
                begin = time.perf_counter()
                send(port, "latency" if port == postfix.port else UNTOUCHED, message, problems)
                if count >= 5:
                    taken.append(time.perf_counter() - begin)
        added = statistics.median(times[postfix.port]) - statistics.median(times[postfix.plain_port])
        best = added if best is None else min(best, added)
        if best < LATENCY_MOST:
            break
    sink.wait_for(["latency"], DELIVERY_SECONDS)
    print(f"{side}: over TCP the milter adds {best * 1000:.2f} ms to a message of 4 KB (median)")
    if best >= LATENCY_MOST and side == "tested" and not program.is_opendkim(program.under_test()):
        problems.append(f"{side}: {best * 1000:.2f} ms is more than {LATENCY_MOST * 1000:.0f} ms")


def signatures(file):
    """d, s, h and bh of each signature added by us, topmost first."""
    header = file.read_bytes().split(b"\r\n\r\n", 1)[0].replace(b"\r\n\t", b"\t").replace(b"\r\n ", b" ")
    found = []
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"dkim-signature":
            text = b"".join(value.split()).decode().rstrip(";")
            tags = dict(part.split("=", 1) for part in text.split(";"))
            if tags["d"] != "example.net":
                found.append({tag: tags.get(tag) for tag in ("d", "s", "c", "h", "bh")})
    return found


if __name__ == "__main__":
    sys.exit(main())
