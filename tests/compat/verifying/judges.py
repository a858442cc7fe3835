"""The verdicts of three other verifiers, in batches; every verdict is `pass` or what they say instead."""

import pathlib
import re

from peers import milter, program, verify


def opendkim(messages, key_file, directory):
    """Results from Authentication-Results, one word or reason a signature, by name."""
    config = f"Mode v\nTestPublicKeys {key_file}\nMaximumSignaturesToVerify 100\nMaximumHeaders 0\nMinimumKeyBits 1024\nSyslog no\n"
    server = program.Program(program.OPENDKIM, directory, config, "judge")
    verdicts = {}
    try:
        for name, (fields, body) in messages.items():
            mail = milter.Message([(n, v.replace(b"\r\n", b"\n")) for n, v in fields], body)
            try:
                outcome = milter.deliver(server.address, mail, milter.Envelope(host="mx.example.org", address="192.0.2.7"))
            except (milter.MilterError, OSError) as error:
                verdicts[name] = [f"connection lost ({error})"]
                server.stop()
                server = program.Program(program.OPENDKIM, directory, config, "judge")
                continue
            added = b" ".join(value for _, value in outcome.inserted(b"Authentication-Results"))
            verdicts[name] = [
                word.decode() + (f" ({reason.decode()})" if reason else "")
                for word, reason in re.findall(rb'dkim=(\w+)(?: reason="([^"]*)")?', added)
            ] or [f"no result ({outcome.reply})"]
    finally:
        server.stop()
    return verdicts


def dkimpy(messages, records):
    """dkimpy's results by name."""
    verdicts = {}
    for name, (fields, body) in messages.items():
        try:
            verdicts[name] = verify.with_dkimpy(rendered(fields, body), records)
        except Exception as error:  # noqa: BLE001 - a judge's crash is its verdict
            verdicts[name] = [f"crash ({type(error).__name__})"]
    return verdicts


def mail_dkim(files, key_file):
    """Mail::DKIM's results by file stem."""
    found = verify.with_mail_dkim(files, key_file)
    return {pathlib.Path(file).stem: results for file, results in found.items()}


def rendered(fields, body):
    """The message in wire form."""
    return b"".join(n + b":" + v + b"\r\n" for n, v in fields) + b"\r\n" + body
