#!/usr/bin/python3
"""Runs the miltertest scripts of this directory against the program named by DKIM_PROGRAM.

Usage: run.py [name-pattern]
"""

import concurrent.futures
import fnmatch
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import arriving
from peers import dns, keys, program, syslog

HERE = pathlib.Path(__file__).resolve().parent
AT_ONCE = 4
SECONDS = 30
SHARED = ("lib.lua", "arriving.lua")
# The script that says what must stand in the log, in a file of one text a line.
LOGGING, EXPECTED_LOG = "verify-logging", "expected-log"


def main(pattern="*"):
    """Prints the scripts that fail with their output."""
    directory = program.work_directory()
    try:
        records = make_keys(directory / "keys")
        os.environ["DKIM_NAMESERVER"] = dns.NameServer(records).address
        binary = named_opendkim(directory)
        scripts = sorted(s for s in HERE.glob("*.lua") if s.name not in SHARED and fnmatch.fnmatchcase(s.stem, pattern))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            failures = [f for f in pool.map(lambda s: run(s, directory, binary), scripts) if f]
    finally:
        program.remove(directory)
    print("\n".join(failures))
    print(f"{len(scripts) - len(failures)} of {len(scripts)} scripts pass")
    return 1 if failures or not scripts else 0


# Debian's opendkim takes 5 s to obey SIGTERM, or forever.
IMPATIENT = """\
#!/bin/sh
"{}" "$@" &
child=$!
trap 'kill -9 $child; exit 0' TERM
trap 'kill -USR1 $child' USR1
while :; do
    wait $child
    status=$?
    kill -0 $child 2>/dev/null || exit $status
done
"""


def named_opendkim(directory):
    """The program under the name `opendkim`, which takes opendkim's flags."""
    path = program.under_test()
    link = directory / "opendkim"
    if program.is_opendkim(path):
        link.write_text(IMPATIENT.format(path))
        link.chmod(0o755)
    else:
        link.symlink_to(os.path.realpath(path))
    return str(link)


def make_keys(directory):
    """Good, small, tiny, unsafe, unreadable and broken keys under plain names; returns what DNS says of them."""
    made = {}
    for name, kind, bits in (("mail", "rsa", 2048), ("two", "rsa", 2048), ("small", "rsa", 1024), ("tiny", "rsa", 768),
                             ("unsafe", "rsa", 2048), ("ed", "ed25519", 0)):
        key = keys.Key(directory, "example.com", name, kind, bits)
        key.path.rename(directory / f"{name}.private")
        made[name] = key
    (directory / "unsafe.private").chmod(0o644)
    (directory / "garbage.private").write_text("this is no key\n")
    (directory / "empty.private").write_text("")
    (directory / "garbage-pem.private").write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")
    for name in ("garbage", "empty", "garbage-pem"):
        (directory / f"{name}.private").chmod(0o600)
    return arriving.write(directory, made)


def run(script, directory, binary):
    """One script in a directory of its own; returns what went wrong."""
    work = directory / script.stem
    work.mkdir()
    environment = dict(
        os.environ, DKIM_PROGRAM=binary, DKIM_WORK=str(work), DKIM_KEYS=str(directory / "keys"),
        DKIM_IS_OPENDKIM="yes" if program.is_opendkim(program.under_test()) else "no", LUA_INIT="",
    )
    command = ["miltertest", "-s", "script.lua"]
    (work / "script.lua").write_text("".join(f'dofile("{HERE}/{name}")\n' for name in SHARED) + f'run("{script}")\n')
    log = syslog.Syslog() if script.stem == LOGGING else None
    try:
        done = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True, timeout=SECONDS, check=False)
        missing = missing_lines(log, work) if log else []
    except subprocess.TimeoutExpired:
        return f"--- {script.name}: no end after {SECONDS} s"
    finally:
        if log:
            log.close()
    if done.returncode:
        return f"--- {script.name}: {done.stdout}{done.stderr}".rstrip()
    if missing:
        return f"--- {script.name}: not in the log: {missing}"
    return None


def missing_lines(log, work):
    """Expected texts that no line of the log holds."""
    lines = log.take(LOGGING)
    expected = (work / EXPECTED_LOG).read_text().splitlines()
    return [text for text in expected if not any(text in line for line in lines)]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
