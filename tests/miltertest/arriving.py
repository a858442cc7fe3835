"""Signs the messages that come in: a signature for each outcome, made with the clock of the run."""

import base64
import datetime
import hashlib
import time

from compat.verifying import forge

DATE = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S +0000")
FIELDS = {"From": "joe@example.com", "To": "rcpt@example.net", "Date": DATE, "Subject": "a test"}
BODY = "Hello\r\n"
CANON = ("relaxed", "relaxed")


def write(directory, made):
    """Writes `arriving.lua`, which holds all signatures, and `public`, the records for the test options; returns these."""
    records = {
        **{f"{name}._domainkey.example.com": key.record for name, key in made.items()},
        "mail._domainkey.other.example": made["mail"].record,
        "mail._domainkey.third.example": made["mail"].record,
        "testing._domainkey.example.com": made["mail"].record.replace("v=DKIM1;", "v=DKIM1; t=y;"),
        "revoked._domainkey.example.com": "v=DKIM1; p=",
        "_report._domainkey.example.com": "ra=dkim-errors; rs=Ask=20postmaster",
        "other.example._atps.example.com": "v=ATPS1",
        base64.b32encode(hashlib.sha256(b"other.example").digest()).decode() + "._atps.example.com": "v=ATPS1",
    }
    (directory / "public").write_text("".join(f"{name} {record}\n" for name, record in records.items()))
    lines = [f"  [{quoted(name)}] = {quoted(value)}," for name, value in signatures(directory).items()]
    fields = [f"  {{ {quoted(name)}, {quoted(value)} }}," for name, value in FIELDS.items()]
    text = ["SIGNATURES = {", *lines, "}", "SIGNED_FIELDS = {", *fields, "}"]
    (directory / "arriving.lua").write_text("\n".join(text) + "\n")
    return records


def quoted(text):
    """As a Lua string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
    return f'"{escaped}"'


def signatures(directory):
    """Name -> DKIM-Signature value."""
    private = {name: forge.rsa((directory / f"{name}.private").read_bytes()) for name in ("mail", "small", "tiny")}
    now = int(time.time())

    def sign(*extra, key="mail", d="example.com", s=None, body=BODY, limit=None, digest="sha256", h="From:To:Date:Subject", **changed):
        fields = [(n.encode(), v.encode()) for n, v in {**FIELDS, **changed}.items()]
        length = [("l", str(limit))] if limit is not None else []
        tags = [("v", "1"), ("a", f"rsa-{digest}"), ("c", "/".join(CANON)), ("d", d), ("s", s or key), *extra, *length,
                ("h", h), ("bh", None), ("b", None)]
        value = forge.sign(private[key], fields, body.encode(), tags, CANON, digest, limit, edit=lambda text: text.replace("\r\n\t", " "))
        return value.decode().strip()

    good = sign()
    return {
        "good": good,
        "broken": sign(body="Another\r\n"),
        "syntax": "v=1; a=rsa-sha256; d=example.com; nonsense",
        "small": sign(key="small"),
        "tiny": sign(key="tiny"),
        "other": sign(d="other.example"),
        "third": sign(d="third.example"),
        "absent": sign(s="absent"),
        "revoked": sign(s="revoked"),
        "testing": sign(s="testing", body="Another\r\n"),
        "sha1": sign(digest="sha1"),
        "part": sign(limit=3),
        "no subject": sign(h="From:To:Date"),
        "expired": sign(("t", str(now - 5000)), ("x", str(now - 1000))),
        "ahead": sign(("t", str(now + 1000))),
        "copied": sign(("z", "From:joe@example.com|Subject:another=20test"), body="Another\r\n"),
        "reported": sign(("r", "y"), body="Another\r\n"),
        "atps sha256": sign(("atps", "example.com"), ("atpsh", "sha256"), d="other.example"),
        "atps": sign(("atps", "example.com"), ("atpsh", "none"), d="other.example"),
        "atps refused": sign(("atps", "example.com"), ("atpsh", "none"), d="third.example"),
        "two lines": sign(body="one\r\ntwo\r\n"),
        "odd from": sign(From="no address"),
        "no from": sign(From=""),
        "comma": sign(From="Example, Joe <joe@example.com>"),
    }
