"""Verifies stored messages with three implementations that have nothing in common."""

import pathlib
import re
import subprocess

import dkim

from peers.keys import records
from peers.program import OPENDKIM

HERE = pathlib.Path(__file__).parent
BATCH = 50
# dkimpy refuses whole messages for a field name that Mail::DKIM and OpenDKIM read (trailing TAB, no name).
NOT_READ = "dkimpy does not read the message"


def with_dkimpy(message, txt):
    """One word or sentence per signature: `pass`, or what is wrong."""
    def lookup(name, timeout=5):
        return txt.get(name.decode().rstrip(".").lower(), "").encode() or None

    results = []
    try:
        verifier = dkim.DKIM(message, minkey=1024)
    except dkim.MessageFormatError:
        return [NOT_READ]
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
    for index in range(count):
        try:
            results.append("pass" if verifier.verify(idx=index, dnsfunc=lookup) else "fail")
        except dkim.DKIMException as error:
            results.append(f"fail ({error})")
    return results or ["none"]


def with_mail_dkim(files, key_file):
    """Results of Mail::DKIM by file."""
    results = {str(f): [] for f in files}
    for batch in _batches(files):
        done = subprocess.run(
            [HERE / "mail-dkim-verify", key_file, *batch], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"mail-dkim-verify: {done.stderr}")
        for line in done.stdout.splitlines():
            name, result = line.split("\t")
            results[name].append(result)
    return results


def with_opendkim(files, key_file, directory):
    """Results of opendkim's test mode by file (of the signature that decides)."""
    config = pathlib.Path(directory) / "verify.conf"
    config.write_text(f"Mode v\nTestPublicKeys {key_file}\nMaximumSignaturesToVerify 100\nMaximumHeaders 0\n")
    results = {str(f): ["no answer"] for f in files}
    for batch in _batches(files):
        done = subprocess.run(
            [OPENDKIM, "-x", config, "-b", "v", "-t", ",".join(map(str, batch))],
            capture_output=True, text=True, check=False,
        )
        for line in (done.stdout + done.stderr).splitlines():
            match = re.match(r"opendkim: (\S+): (.*)", line)
            if match and match[1] in results:
                results[match[1]] = ["pass" if match[2].endswith("succeeded") else match[2]]
    return results


def failures(files, key_file, directory, foreign=()):
    """What any of the three objects to, one sentence each; `foreign` files also carry somebody else's signature."""
    txt = {name.lower(): text for name, text in records(key_file).items()}
    by_name = {
        "Mail::DKIM": with_mail_dkim(files, key_file),
        "opendkim": with_opendkim(files, key_file, directory),
        "dkimpy": {str(f): with_dkimpy(pathlib.Path(f).read_bytes(), txt) for f in files},
    }
    found = []
    for verifier, results in by_name.items():
        for file, words in results.items():
            enough = any if pathlib.Path(file) in foreign else all
            if not words or not enough(word == "pass" for word in words):
                found.append(f"{pathlib.Path(file).name}: {verifier} says {', '.join(words) or 'nothing'}")
    return found


def _batches(files):
    files = list(files)
    return [files[i:i + BATCH] for i in range(0, len(files), BATCH)]
