"""Does in a world what a finding tells its reader to do, and asks doctor again.

Commands run as they are printed, by root's shell. Records are published and lines written as a person would do
it: a record takes the place of those that it corrects, an option that of its old line, anything else is added.
What begins with "or" is another way to the same end, and only the first is gone.
"""

import json
import os
import pathlib
import re
import smtplib
import ssl
import subprocess

from zoo.namespaces import SCRATCH
from zoo.server import CHROOT_FILES, MILTER, QUEUE, START_SECONDS
from zoo.strangers import in_background
from zoo.world import DOMAIN

COMMAND_SECONDS = 60
MOST_ROUNDS = 5
MAIL_SECONDS = 30
STAND_INS = SCRATCH / "bin"
RECORD = re.compile(r"^(\S+)\.\s+(?:\d+\s+)?IN\s+(\S+)\s+(.*)$", re.S)
# One record of a zone file among other text: up to the end of its line, or of its parentheses.
PRINTED = re.compile(r"^\S+\.\s+(?:\d+\s+)?IN\s+\S+\s+(?:\([^)]*\)|[^\n(]*)$", re.M)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
OTHER_WAY = re.compile(r"or\b")
# What a printed command must not leave to its reader.
PLACEHOLDER = re.compile(r"<[^>]+>|…|\b(?:DOMAIN|SELECTOR|HOST|ADDRESS|TOKEN|PATH|NAME|FILE|USER)\b|\bprovider\.example\b")

# There is neither systemd in a world nor a way to the authorities and archives outside.
SYSTEMCTL = f"""\
#!/bin/sh
set -eu
case "$1 $2" in
"restart postfix"|"start postfix")
    for file in {" ".join(CHROOT_FILES)}; do
        [ ! -e "/etc/$file" ] || install -D -m 644 "/etc/$file" "{QUEUE}/etc/$file"
    done
    ! postfix status 2> /dev/null || postfix stop
    exec postfix start ;;
"reload postfix") exec postfix reload ;;
"reload opendkim") kill -USR1 "$(cat /run/opendkim/opendkim.pid)"; sleep 0.5 ;;
"start opendkim"|"restart opendkim")
    if [ -e /run/opendkim/opendkim.pid ]; then
        old=$(cat /run/opendkim/opendkim.pid)
        kill "$old" 2> /dev/null || true
        while kill -0 "$old" 2> /dev/null; do sleep 0.05; done
    fi
    {MILTER} -f -x /etc/opendkim.conf < /dev/null >> {SCRATCH}/milter.log 2>&1 &
    for _ in $(seq 100); do
        sleep 0.05
        new=$(cat /run/opendkim/opendkim.pid 2> /dev/null) && kill -0 "$new" 2> /dev/null && exit 0
    done
    exit 1 ;;
*) exit 1 ;;
esac
"""
# Postfix waits for files that may still be in the hands of an editor.
POSTFIX = """\
#!/bin/sh
touch -d @0 /etc/postfix/main.cf /etc/postfix/master.cf
exec /usr/sbin/postfix "$@"
"""
CERTBOT = """\
#!/bin/sh
set -eu
[ "$1" = certonly ]
for name; do :; done
mkdir -p "/etc/letsencrypt/live/$name"
cp "{good}.pem" "/etc/letsencrypt/live/$name/fullchain.pem"
cp "{good}.key" "/etc/letsencrypt/live/$name/privkey.pem"
"""


def try_out(server, first, finding):
    """Does what a finding says; returns what went wrong: `first` is what doctor said when it found it."""
    return Remedy(server).try_out(first, finding)


class Remedy:
    """What is done about one finding."""

    def __init__(self, server):
        self.server = server
        # Whether the server itself was changed, and not DNS alone; what happened, for the reader of a failure.
        self.touched, self.story = False, []
        # What doctor says now.
        self.findings = []
        STAND_INS.mkdir()
        good = server.world.material.file("good")
        for name, text in (("systemctl", SYSTEMCTL), ("postfix", POSTFIX), ("certbot", CERTBOT.format(good=good)),
                           ("apt", "#!/bin/sh\n"), ("journalctl", "#!/bin/sh\n")):
            (STAND_INS / name).write_text(text)
            (STAND_INS / name).chmod(0o755)
        (STAND_INS / "dkimd").symlink_to(server.program)
        if "milter" in server.daemons:
            # Its number is free only when its parent has heard of its end.
            in_background(server.daemons["milter"].wait)

    def try_out(self, first, finding):
        """See the function of this name."""
        problems = []
        for _ in range(MOST_ROUNDS):
            problems = self._carry_out(finding["fix"]) or self._look_again(first, finding)
            # Two keys have two findings, and a key may have two faults, of which the first hides the second.
            more = [told for told in self.findings if [told["level"], told["code"]] == [finding["level"], finding["code"]]]
            if problems or not more:
                break
            finding = more[0]
        if not problems and self.touched:
            problems = mail_flows(self.server)
        return problems + self.story if problems else []

    def _carry_out(self, steps):
        done, records = 0, []
        for step in steps:
            kind, text = step["kind"], step["text"]
            if kind == "words":
                if done and OTHER_WAY.match(text):
                    break
                continue
            done += 1
            self.story.append(f"{kind} {step.get('file', '')}: {text}")
            if kind == "record":
                records.append(text)
            elif kind == "setting":
                self.touched = True
                write_line(step["file"], text)
            elif problem := self._run(text, records):
                return [problem]
        if not done:
            return ["nothing that a program could do"]
        if records:
            self.server.change_records([parsed(record) for record in records])
        return []

    def _run(self, command, records):
        """Runs a command; records that it prints are to be published, too."""
        self.touched = True
        environment = dict(os.environ, PATH=f"{STAND_INS}:/usr/sbin:/usr/bin:/sbin:/bin")
        done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment,
                              timeout=COMMAND_SECONDS, check=False)
        if done.returncode:
            return f"exit status {done.returncode} of: {command}\n{done.stdout}{done.stderr}"
        if command.startswith("dkimd setup "):
            records += PRINTED.findall(done.stdout)
        for name in ("main.cf", "master.cf"):
            os.utime(f"/etc/postfix/{name}", (0, 0))
        return None

    def _look_again(self, first, finding):
        status, output, errors = self.server.doctor("--json", "--lang", "en")
        try:
            answer = json.loads(output)
        except ValueError:
            return [f"doctor printed no JSON afterwards, exit status {status}: {errors}"]
        self.findings = answer["findings"]
        before = {told["code"] for told in first["findings"]}
        problems = []
        for told in answer["findings"]:
            words = json.dumps(told, ensure_ascii=False, indent=1)
            if [told[key] for key in ("code", "subject", "what")] == [finding[key] for key in ("code", "subject", "what")]:
                problems.append(f"afterwards it is still found: {words}")
            elif told["level"] != "info" and told["code"] not in before:
                problems.append(f"afterwards there is also: {words}")
        return problems


def placeholders(findings):
    """Printed commands and records that leave something to be filled in."""
    return [f"{finding['code']} prints a placeholder: {step['text']}" for finding in findings for step in finding["fix"]
            if step["kind"] != "words" and PLACEHOLDER.search(step["text"])]


def parsed(record):
    """A line of a zone file as (name, kind, data)."""
    match = RECORD.match(record)
    if not match:
        raise ValueError(f"no record: {record}")
    name, kind, data = match.groups()
    if kind == "TXT":
        data = "".join(STRING.findall(data)).replace('\\"', '"').replace("\\\\", "\\")
    return name, kind, data


def write_line(file, line):
    """Writes a line of a remedy into its file."""
    path = pathlib.Path(file)
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".conf":
        option = line.split()[0].lower()
        lines = [old for old in lines if old.split()[:1] == [] or old.split()[0].lower() != option]
    path.write_text("\n".join([*lines, line]) + "\n", encoding="utf-8")
    if path.is_relative_to("/etc/postfix"):
        os.utime(path, (0, 0))


def unverified():
    """TLS with whatever certificate the server has: another check judges it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def mail_flows(server):
    """Sends by SMTP, as a user and by a local program: what does not arrive with a signature of the domain."""
    relay = re.match(r"\[(.+)\]", server.world.main["relayhost"])
    receiver = server.receivers.get(relay[1] if relay else "gmail.com")
    # No world has the content filter that its mail passes.
    if receiver is None or receiver.refusal or server.world.main.get("content_filter"):
        return []
    already = len(receiver.messages)
    text = "From: joe@{0}\nTo: a@gmail.com\nSubject: {1}\nMessage-ID: <{1}@{0}>\nDate: Mon, 23 Nov 2026 12:00:00 +0000\n\nText.\n"
    ports = (25, 587) if server.world.submission.startswith("submission ") else (25,)
    for port in ports:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=START_SECONDS) as smtp:
                if port != 25:
                    smtp.starttls(context=unverified())
                    smtp.login("joe", "secret")
                smtp.sendmail(f"joe@{DOMAIN}", ["a@gmail.com"], text.format(DOMAIN, port).replace("\n", "\r\n"))
        except (OSError, smtplib.SMTPException) as error:
            return [f"afterwards port {port} takes no mail: {error!r}"]
    subprocess.run(["/usr/sbin/sendmail", "-i", "-f", f"joe@{DOMAIN}", "a@gmail.com"],
                   input=text.format(DOMAIN, "sendmail"), text=True, check=True)
    sent = len(ports) + 1
    arrived = receiver.wait_for(already + sent, MAIL_SECONDS)[already:]
    problems = [] if len(arrived) == sent else [f"afterwards {len(arrived)} of {sent} messages arrive"]
    unsigned = [message for message in arrived
                if not re.search(rb"^DKIM-Signature:(?:.|\r\n[ \t])*?\bd=" + re.escape(DOMAIN).encode() + rb"\s*;", message, re.M)]
    return problems + [f"afterwards mail leaves unsigned:\n{message.decode('utf-8', 'replace')}" for message in unsigned]
