"""The keys, their records, and the plain messages of the comparison."""

import base64
import itertools
import pathlib
import random
import subprocess

from compat.verifying import forge, oddities

DOMAIN = "example.com"
EAI_DOMAIN = "xn--bcher-kva.example"
SIGNED = "From:To:Subject:Date:Message-ID"


def openssl(*arguments):
    """Runs openssl and returns what it prints."""
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True).stdout


class World:
    """Keys by name (`r2048`, `r1024`, `r512`, `ed`) and the records by selector."""

    def __init__(self, directory, testdata):
        self.directory = pathlib.Path(directory)
        self.keys, self.pem, self.public = {}, {}, {}
        for bits in (512, 1024, 2048):
            path = self.directory / f"rsa{bits}.pem"
            path.write_bytes(openssl("rsa", "-inform", "DER", "-in", pathlib.Path(testdata) / f"rsa{bits}.pkcs1.der", "-traditional"))
            path.chmod(0o600)
            self.pem[f"r{bits}"] = path
            self.keys[f"r{bits}"] = forge.rsa(path.read_bytes())
            self.public[f"r{bits}"] = openssl("rsa", "-in", path, "-pubout", "-outform", "DER")
        path = self.directory / "ed25519.pem"
        path.write_bytes(openssl("pkey", "-inform", "DER", "-in", pathlib.Path(testdata) / "ed25519.pkcs8.der"))
        path.chmod(0o600)
        self.pem["ed"] = path
        self.seed = openssl("pkey", "-in", path, "-outform", "DER")[-32:]
        self.keys["ed"] = forge.ed25519(self.seed)
        self.public["ed"] = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")[-32:]
        made = itertools.islice(oddities.random_records(random.Random(3761), self.p("r2048")), oddities.RANDOM_RECORDS)
        self.random = {f"random-{number:03}": record for number, record in enumerate(made)}
        self.records = self._records()

    def p(self, key):
        """The p= of a key."""
        return base64.b64encode(self.public[key]).decode()

    def _records(self):
        good = {name: f"v=DKIM1; k={'ed25519' if name == 'ed' else 'rsa'}; p={self.p(name)}" for name in self.keys}
        p = self.p("r2048")
        pkcs1 = base64.b64encode(openssl("rsa", "-in", self.pem["r2048"], "-RSAPublicKey_out", "-outform", "DER")).decode()
        glued = base64.b64encode(self.public["r2048"] * 2).decode()
        variants = {
            "bare": f"p={p}", "testing": f"v=DKIM1; t=y; p={p}", "strict": f"v=DKIM1; t=s; p={p}",
            "onlysha1": f"v=DKIM1; h=sha1; p={p}", "onlysha256": f"v=DKIM1; h=sha256; p={p}",
            "bothhashes": f"v=DKIM1; h=sha1:sha256; p={p}", "oddhash": f"v=DKIM1; h=md5; p={p}",
            "email": f"v=DKIM1; s=email; p={p}", "star": f"v=DKIM1; s=*; p={p}", "tlsrpt": f"v=DKIM1; s=tlsrpt; p={p}",
            "dsa": f"v=DKIM1; k=dsa; p={p}", "dkim2": f"v=DKIM2; p={p}", "lateversion": f"p={p}; v=DKIM1",
            "lowerversion": f"v=dkim1; p={p}", "revoked": "v=DKIM1; p=", "nop": "v=DKIM1; k=rsa", "junk": "v=DKIM1; p=!!!!",
            "notder": "v=DKIM1; p=AAAA", "pkcs1": f"v=DKIM1; p={pkcs1}", "glued": f"v=DKIM1; p={glued}",
            "other": f"v=DKIM1; p={self.p('r1024')}", "unknowntag": f"v=DKIM1; xx=1; n=note; g=*; p={p}",
            "twice": f"v=DKIM1; p={p}; p={p}", "prose": "this is no key record", "spaced": f" v = DKIM1 ; p = {p[:40]} {p[40:]} ; ",
            "edasrsa": f"v=DKIM1; k=rsa; p={self.p('ed')}", "rsaased": f"v=DKIM1; k=ed25519; p={p}", "semicolons": f"v=DKIM1;; p={p}",
        }
        variants.update((f"odd-{name}", oddities.record(text, p)) for name, (text, *_) in oddities.RECORDS.items())
        variants.update((selector, text) for selector, (text, _) in self.random.items())
        records = {f"{s}._domainkey.{DOMAIN}": text for s, text in {**good, **variants}.items()}
        records[f"r2048._domainkey.{EAI_DOMAIN}"] = good["r2048"]
        records[f"ed._domainkey.{EAI_DOMAIN}"] = good["ed"]
        return records

    def publish(self, path):
        """Writes the file that all verifiers read."""
        pathlib.Path(path).write_text("".join(f"{name} {text}\n" for name, text in self.records.items()))
        return path


def plain(domain=DOMAIN):
    """Fields and bodies to be signed."""
    fields = [
        (b"Received", b" from a.example by b.example; Mon, 23 Nov 2026 10:00:00 +0000"),
        (b"From", b' "A. Sender" <sender@' + domain.encode() + b">"),
        (b"To", b" rcpt@example.net,\r\n\tother@example.net"),
        (b"Subject", b" a  test\t of verdicts "),
        (b"Date", b" Mon, 23 Nov 2026 10:00:00 +0000"),
        (b"Message-ID", b" <1@example.com>"),
    ]
    bodies = {
        "text": b"Hello,\r\n\r\nthis  is\ta test. \r\nBye\r\n",
        "trailing": b"line \t \r\nlast\r\n \r\n\r\n\r\n",
        "empty": b"",
    }
    return fields, bodies
