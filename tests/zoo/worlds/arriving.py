"""From a bare server to accepted mail, with what setup does and prints."""

import hashlib
import os
import pathlib
import re
import smtplib
import subprocess

from peers import verify
from zoo.internet import reverse
from zoo.namespaces import SCRATCH
from zoo.server import QUEUE, run, write
from zoo.world import ADDRESS, ADDRESS6, DOMAIN, HOST, SELECTOR, SELECTOR_ED25519
from zoo.worlds.case import journey

PACKAGED = pathlib.Path(__file__).resolve().parents[3] / "packaging/opendkim.conf"
SECOND_DOMAIN = "example.net"
SECONDS = 20
ROOT_KEY = "/etc/root.key"
# One record of a zone file: everything up to the end of its line, or of its parentheses.
RECORD = re.compile(r"^\S+\.\s+(?:\d+\s+)?IN\s+(?:TXT|A|AAAA|MX)\s+(?:\([^)]*\)|[^\n(]*)$", re.M)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Mail::DKIM knows no Ed25519.
NOT_JUDGED = "invalid (unsupported algorithm ed25519-sha256)"
# Debian's "Internet Site" has none of these.
NOT_YET = (
    "mydomain", "smtpd_sasl_type", "smtpd_sasl_path", "smtpd_sender_login_maps", "milter_default_action", "milter_protocol",
    "smtpd_milters", "non_smtpd_milters", "internal_mail_filter_classes",
)


def fresh(world):
    """Debian's "Internet Site", the package of the milter, a host with a name, and a domain with nothing in it."""
    for name in NOT_YET:
        world.main.pop(name)
    world.main["mydestination"] = f"$myhostname, {DOMAIN}, {SECOND_DOMAIN}, localhost.{DOMAIN}, localhost"
    world.submission = ""
    world.packaged = PACKAGED.read_text(encoding="utf-8").replace("@SOCKET@", str(QUEUE / "opendkim/opendkim.sock"))
    # This internet has a root of its own.
    world.signed_zones = ["", DOMAIN]
    world.packaged = world.packaged.replace("/usr/share/dns/root.key", ROOT_KEY)
    key = pathlib.Path(f"{world.material.zone_keys['']}.key").read_text(encoding="ascii")
    world.before.append(lambda _: write(ROOT_KEY, key))
    for selector in (SELECTOR, SELECTOR_ED25519):
        world.records.drop(f"{selector}._domainkey.{DOMAIN}")
    for name in (DOMAIN, f"_dmarc.{DOMAIN}"):
        world.records.drop(name)
    world.records.drop(HOST, "TXT")
    assert world.records.get(reverse(ADDRESS), "PTR") and world.records.get(reverse(ADDRESS6), "PTR")


@journey(fresh)
def from_a_bare_server_to_accepted_mail(server):
    """setup, its records published: doctor finds nothing, mail is signed and verified; a second domain; undone."""
    problems = []
    before = snapshot()
    shown = setup(server, DOMAIN)
    problems += differences("setup without --apply", before, snapshot())
    applied = setup(server, DOMAIN, "--apply")
    after = snapshot()
    if after == before:
        problems.append("setup --apply changed nothing")
    server.publish(DOMAIN, records_in(applied, problems))
    problems += doctor_is_content(server, DOMAIN)
    problems += mail_is_verified(server, f"joe@{DOMAIN}", applied)
    again = setup(server, DOMAIN, "--apply")
    problems += differences("setup --apply once more", after, snapshot())
    second = setup(server, SECOND_DOMAIN, "--apply")
    problems += one_line_more(after, snapshot())
    server.publish(SECOND_DOMAIN, records_in(second, problems))
    problems += doctor_is_content(server, DOMAIN, SECOND_DOMAIN)
    problems += mail_is_verified(server, f"joe@{SECOND_DOMAIN}", second)
    undone = setup(server, "--undo", "--all", "--apply")
    problems += differences("setup --undo", before, snapshot())
    if problems:
        problems += [f"--- {what}\n{text}" for what, text in (
            ("setup", shown), ("setup --apply", applied), ("again", again), ("second domain", second), ("undo", undone))]
    return problems


def setup(server, *arguments):
    """What setup prints; it must succeed."""
    return run(server.program, "setup", *arguments, "--lang", "en")


def snapshot():
    """Every file of /etc, and what stands at the milter's socket: owner, mode and content."""
    found = {}
    for top in ("/etc", QUEUE / "opendkim"):
        for directory, names, files in os.walk(top):
            for name in [*names, *files]:
                path = pathlib.Path(directory, name)
                # Keys stay, as their records may be published.
                if path.suffix == ".private":
                    continue
                state = path.lstat()
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
                found[str(path)] = (state.st_uid, state.st_gid, oct(state.st_mode), content)
    return found


def differences(what, before, after):
    """Which files are not as they were."""
    return [f"{what}: {path}: {before.get(path)} became {after.get(path)}"
            for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]


def one_line_more(before, after):
    """A second domain leaves Postfix and the configuration as they are."""
    changed = {path for path in before if after.get(path) != before[path]}
    return [f"the second domain: {path} has changed" for path in sorted(changed) if "Table" not in path]


def records_in(text, problems):
    """The records of a zone file among what setup printed."""
    found = RECORD.findall(text)
    for kind in (" TXT ", " MX "):
        if not any(kind in record for record in found):
            problems.append(f"setup printed no{kind}record for a zone file")
    return "".join(record + "\n" for record in found)


def doctor_is_content(server, *domains):
    """Doctor's findings, of which there may be none but information."""
    server.world.domains = list(domains)
    status, output, errors = server.doctor("--lang", "en")
    return [f"doctor of {' '.join(domains)}: exit status {status}\n{output}{errors}"] if status else []


def mail_is_verified(server, author, printed):
    """Sends by SMTP and by sendmail; both must arrive with signatures that others verify."""
    receiver = server.receivers["gmail.com"]
    already = len(receiver.messages)
    message = f"From: {author}\r\nTo: a@gmail.com\r\nSubject: one\r\n\r\nText.\r\n"
    with smtplib.SMTP("127.0.0.1", 25, timeout=SECONDS) as smtp:
        smtp.sendmail(author, ["a@gmail.com"], message)
    subprocess.run(["/usr/sbin/sendmail", "-i", "-f", author, "a@gmail.com"], input=message.replace("\r\n", "\n").encode(),
                   check=True)
    arrived = receiver.wait_for(already + 2, SECONDS)[already:]
    if len(arrived) != 2:
        return [f"{len(arrived)} of 2 messages of {author} arrived"]
    directory = SCRATCH / "arrived" / author
    directory.mkdir(parents=True)
    files = []
    for number, text in enumerate(arrived):
        files.append(directory / f"{number}.eml")
        files[-1].write_bytes(text)
    key_file = directory / "records"
    with open(key_file, "w", encoding="ascii") as out:
        for record in RECORD.findall(printed):
            name = record.split()[0].rstrip(".")
            if "._domainkey." in name:
                out.write(f"{name} {''.join(STRING.findall(record))}\n")
    return [f"{author}: {text}" for text in judged(files, key_file)]


def judged(files, key_file):
    """What two verifiers object to: there must be a signature of each kind, and both must hold."""
    problems = []
    by_perl = verify.with_mail_dkim(files, key_file)
    for file in files:
        results = {"dkimpy": verify.with_dkimpy(file.read_bytes(), verify.records(key_file)), "Mail::DKIM": by_perl[str(file)]}
        for verifier, words in results.items():
            if len(words) != 2 or not {"pass"} <= set(words) <= {"pass", NOT_JUDGED}:
                problems.append(f"{file.name}: {verifier} says {', '.join(words)}")
    return problems
