#!/usr/bin/python3
"""Has `dkimd explain` tell what a real Postfix and a real milter wrote into their logs.

Every line of the milter must be known, Debian's opendkim's too, and each message's story must name what
happened to it. DKIM_PROGRAM names the program under test. Needs root, and Debian's packages
(tests/install-peers).
"""

import json
import os
import pathlib
import pwd
import re
import signal
import smtplib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import keys, program, syslog
from postfix.instance import Postfix, free_port
from postfix.sink import Sink

SECONDS = 60
CONFIG = """\
Syslog yes
SyslogSuccess yes
LogWhy yes
LogResults yes
UMask 007
UserID opendkim:postfix
PidFile {dir}/opendkim.pid
Mode sv
InternalHosts {dir}/TrustedHosts
KeyTable refile:{dir}/KeyTable
SigningTable refile:{dir}/SigningTable
TestPublicKeys {dir}/records
"""
MESSAGE = "From: {author}\r\nTo: {to}\r\nSubject: hi\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nbody\r\n"


class Scene:
    """One Postfix with one milter; the milter's lines go into Postfix's log as a log daemon would write them."""

    def __init__(self, directory, binary, log):
        self.directory, self.binary, self.log = directory, binary, log
        where = directory / ("judge" if program.is_opendkim(binary) else "tested")
        where.mkdir()
        (where / "stored").mkdir()
        self.sink = Sink(where / "stored")
        self.postfix = Postfix(where, self.sink.port)
        self.where = where
        self.count = 0
        self.milter = None

    def start_milter(self):
        """Starts the milter at the socket in Postfix's queue directory."""
        self.count += 1
        config = CONFIG.replace("{dir}", str(self.directory))
        self.milter = program.Program(
            self.binary, self.where, config, f"explained-{self.count}", listen=f"local:{self.postfix.socket}")

    def stop_milter(self):
        """Stops it and takes its last lines."""
        self.milter.stop()
        self.take_lines()

    def take_lines(self):
        """What the milter logged since the last call; the lines are appended to Postfix's log."""
        taken = [line.split(" ", 1)[1] for line in self.log.take(self.milter.name)]
        stamp = time.strftime("%b %e %H:%M:%S")
        with open(self.postfix.log, "a", encoding="utf-8") as log:
            log.writelines(f"{stamp} mail opendkim[812]: {line}\n" for line in taken)
        return taken

    def send(self, author, to):
        """One message by SMTP; returns its queue id, refused or not."""
        known = self.postfix.log_text().count("client=")
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=SECONDS) as smtp:
            try:
                smtp.sendmail(author, [to], MESSAGE.format(author=author, to=to).encode())
            except smtplib.SMTPException:
                pass
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            ids = re.findall(r": ([0-9A-Za-z]+): client=", self.postfix.log_text())
            if len(ids) > known:
                return ids[-1]
            time.sleep(0.1)
        raise RuntimeError("no queue id: " + self.postfix.log_text()[-2000:])

    def wait_for(self, text):
        """Until Postfix has logged this."""
        end = time.monotonic() + SECONDS
        while text not in self.postfix.log_text():
            if time.monotonic() > end:
                raise RuntimeError(f"never logged: {text}\n" + self.postfix.log_text()[-3000:])
            time.sleep(0.1)

    def explain(self, *arguments, lines=""):
        """The exit code and the answer."""
        environment = dict(os.environ, MAIL_CONFIG=str(self.postfix.config), LC_ALL="C")
        done = subprocess.run(
            [program.under_test(), "explain", "--json", *arguments],
            input=lines, capture_output=True, text=True, check=False, env=environment, timeout=SECONDS)
        return done.returncode, json.loads(done.stdout) if done.stdout else {"findings": [], "story": [], "error": done.stderr}

    def close(self):
        """Ends everything."""
        if self.milter:
            self.milter.stop()
        self.postfix.stop()
        self.sink.shutdown()
        self.sink.server_close()


def main():
    """Runs everything; any failure is printed and makes the exit status 1."""
    if os.geteuid() != 0:
        raise SystemExit("this test needs root: it starts a Postfix of its own")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = program.work_directory()
    log = syslog.Syslog()
    problems = []
    try:
        made = keys.Key(directory / "keys", "example.com", "mail")
        keys.publish([made], directory / "records")
        user = pwd.getpwnam("opendkim")
        os.chown(made.path, user.pw_uid, user.pw_gid)
        (directory / "TrustedHosts").write_text("127.0.0.1\n::1\n")
        (directory / "KeyTable").write_text(f"example example.com:mail:{made.path}\n")
        (directory / "SigningTable").write_text("*@example.com example\n*@broken.example nosuchkey\n")
        for binary in (program.under_test(), program.OPENDKIM):
            problems += run(directory, binary, log, made)
    finally:
        log.close()
        program.remove(directory)
    for problem in problems:
        print(problem)
    print("explaining: " + (f"{len(problems)} failures" if problems else "every line and every story was understood"))
    return 1 if problems else 0


def run(directory, binary, log, key):
    """All stories with one milter."""
    scene = Scene(directory, binary, log)
    judge = program.is_opendkim(binary)
    side = "opendkim" if judge else "dkimd"
    problems, lines = [], []

    def expect(name, queue_id, exit_code, codes):
        """The story of a message names these first."""
        lines.extend(scene.take_lines())
        code, answer = scene.explain(queue_id)
        found = [finding["code"] for finding in answer["findings"]]
        if code != exit_code or found[:len(codes)] != codes or (not codes and found):
            problems.append(f"{side}: {name}: exit {code}, {found} instead of {exit_code}, {codes}: {json.dumps(answer, indent=1)}")

    try:
        scene.start_milter()
        scene.postfix.start()
        queue_id = scene.send("joe@example.com", "signed@example.net")
        scene.wait_for(f"{queue_id}: removed")
        expect("signed", queue_id, 0, [])

        queue_id = scene.send("joe@nowhere.example", "unsigned@example.net")
        scene.wait_for(f"{queue_id}: removed")
        expect("no entry", queue_id, 1, ["no-matching-entry"])

        queue_id = scene.send("joe@broken.example", "unknownkey@example.net")
        expect("unknown key", queue_id, 1, ["key-not-in-table"])

        key.path.chmod(0o666)
        scene.stop_milter()
        scene.start_milter()
        queue_id = scene.send("joe@example.com", "unsafe@example.net")
        expect("unsafe key", queue_id, 1, ["key-unsafe"])
        key.path.chmod(0o600)
        scene.stop_milter()

        # Without the milter every client is put off before there is a queue id.
        try:
            scene.send("joe@example.com", "nobody@example.net")
        except (smtplib.SMTPException, OSError, RuntimeError):
            pass
        text = scene.postfix.log_text()
        code, answer = scene.explain("-", lines=text)
        found = {finding["code"] for finding in answer["findings"]}
        if code != 1 or not found & {"milter-socket-missing", "milter-refused"}:
            problems.append(f"{side}: a milter that is down: {code}, {found}")

        scene.start_milter()
        scene.sink.shutdown()
        scene.sink.server_close()
        scene.postfix.configure("local:/opendkim/opendkim.sock", f"relayhost = [127.0.0.1]:{free_port()}")
        scene.postfix.reload()
        queue_id = scene.send("joe@example.com", "later@example.net")
        scene.wait_for("status=deferred")
        lines.extend(scene.take_lines())
        code, answer = scene.explain(queue_id)
        if code != 1 or "later@example.net" not in json.dumps(answer["findings"]) or "postqueue" not in json.dumps(answer["story"]):
            problems.append(f"{side}: deferred: {code}, {json.dumps(answer, indent=1)}")
    finally:
        scene.close()
    for line in lines:
        code, answer = scene.explain("--line", f"Nov 23 21:24:52 mail opendkim[812]: {line}")
        if code == 65:
            problems.append(f"{side}: unknown line: {line}")
    print(f"{side}: {len(lines)} lines explained")
    if not lines:
        problems.append(f"{side}: the milter logged nothing")
    return problems


if __name__ == "__main__":
    sys.exit(main())
