"""Messages signed by dkimpy, Mail::DKIM and opendkim, and those that dkimd signed."""

import base64
import pathlib
import subprocess

import dkim

from compat.verifying import cases, judges, messages, world
from peers import milter, program

PEERS = pathlib.Path(__file__).resolve().parent.parent.parent / "peers"


def dkimpy(place):
    """Both algorithms, all canonicalizations, with and without l= and i=."""
    made = []
    for key, algorithm in (("r2048", b"rsa-sha256"), ("ed", b"ed25519-sha256")):
        private = place.pem[key].read_bytes() if key != "ed" else base64.b64encode(place.seed)
        for canon in cases.CANONS:
            for length in (False, True):
                fields, bodies = world.plain()
                signer = dkim.DKIM(judges.rendered(fields, bodies["text"]), signature_algorithm=algorithm)
                field = signer.sign(
                    key.encode(), world.DOMAIN.encode(), private, identity=b"@mail.example.com" if length else None,
                    canonicalize=tuple(c.encode() for c in canon), length=length)
                limit = len(bodies["text"]) if length else None
                made.append(messages.base(
                    f"dkimpy-{key}-{'-'.join(canon)}-{'l' if length else 'plain'}", canon, limit, "text", after_colon(field), fields, bodies["text"]))
    return made


def mail_dkim(place):
    """RSA, all canonicalizations."""
    wanted = []
    for canon in cases.CANONS:
        for text in ("text", "trailing"):
            fields, bodies = world.plain()
            path = place.directory / f"mail-dkim-{'-'.join(canon)}-{text}"
            path.write_bytes(judges.rendered(fields, bodies[text]))
            wanted.append((canon, text, path))
    lines = "".join(f"rsa-sha256 {'/'.join(c)} {world.DOMAIN} r2048 {place.pem['r2048']} {p}\n" for c, _, p in wanted)
    subprocess.run([PEERS / "mail-dkim-sign"], input=lines, text=True, check=True, capture_output=True)
    made = []
    for canon, text, path in wanted:
        fields, bodies = world.plain()
        value = after_colon(pathlib.Path(f"{path}.sig").read_bytes())
        made.append(messages.base(path.name, canon, None, text, value, fields, bodies[text]))
    return made


def opendkim(place):
    """Both algorithms, all canonicalizations, with x=, z= and l=."""
    made = []
    for key in ("r2048", "ed"):
        for canon in cases.CANONS:
            if key == "ed" and canon[0] == "simple":
                continue  # opendkim's own signatures of this kind verify nowhere, not even with opendkim.
            for option, line, limit in (("x", "SignatureTTL 999999999", None), ("z", "Diagnostics yes", None), ("l", "MaximumSignedBytes 8", 8)):
                name = f"opendkim-{key}-{'-'.join(canon)}-{option}"
                algorithm = "ed25519-sha256" if key == "ed" else "rsa-sha256"
                config = (
                    f"Mode s\nDomain {world.DOMAIN}\nSelector {key}\nKeyFile {place.pem[key]}\nRequireSafeKeys no\nSyslog no\n"
                    f"Canonicalization {'/'.join(canon)}\nSignatureAlgorithm {algorithm}\n{line}\n")
                server = program.Program(program.OPENDKIM, place.directory, config, name)
                try:
                    fields, bodies = world.plain()
                    mail = milter.Message([(n, v.replace(b"\r\n", b"\n")) for n, v in fields], bodies["text"])
                    added = milter.deliver(server.address, mail, milter.Envelope()).inserted(b"DKIM-Signature")
                finally:
                    server.stop()
                value = added[0][1].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                made.append(messages.base(name, canon, limit, "text", value, fields, bodies["text"]))
    return made


def dkimd(folder):
    """What the caller signed before: files named `key_header_body_option_text.eml`."""
    made = []
    for path in sorted(pathlib.Path(folder).glob("*.eml")):
        _, header, body_canon, option, text = path.stem.split("_")
        header_part, body = path.read_bytes().split(b"\r\n\r\n", 1)
        value = after_colon(header_part.split(b"\r\nReceived:", 1)[0] + b"\r\n")
        fields, _ = world.plain()
        limit = 8 if option == "l" else None
        made.append(messages.base("dkimd-" + path.stem.replace("_", "-"), (header, body_canon), limit, text, value, fields, body))
    return made


def plain_files(folder):
    """Writes the plain messages for others to sign."""
    fields, bodies = world.plain()
    for text, body in bodies.items():
        (pathlib.Path(folder) / f"{text}.plain").write_bytes(judges.rendered(fields, body))


def after_colon(field):
    """A field's value, without its final line end."""
    value = field.split(b":", 1)[1]
    value = value.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    while value.endswith(b"\r\n"):
        value = value[:-2]
    return value
