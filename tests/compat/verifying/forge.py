"""Signs by the letter of RFC 6376 whatever it is given, also what no signer would write."""

import base64
import hashlib
import re

import dkim.crypto
import nacl.signing

WSP = b" \t"


class SigningKey:
    """A private key with its algorithm."""

    def __init__(self, kind, private):
        self.kind = kind
        self.private = private

    def sign(self, digest_name, data):
        """The octets for b=."""
        hashed = hashlib.new(digest_name, data)
        if self.kind == "ed25519":
            return self.private.sign(hashed.digest()).signature
        return dkim.crypto.RSASSA_PKCS1_v1_5_sign(hashed, self.private)


def rsa(pem):
    """An RSA key from PEM."""
    return SigningKey("rsa", dkim.crypto.parse_pem_private_key(pem))


def ed25519(seed):
    """An Ed25519 key from its 32 octets."""
    return SigningKey("ed25519", nacl.signing.SigningKey(seed))


def relaxed_value(value):
    """RFC 6376 section 3.4.2, steps 2 to 5."""
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", value)
    return re.sub(rb"[ \t]+", b" ", unfolded).strip(WSP)


def canonical_field(canon, name, value):
    """One field, without final CRLF."""
    if canon == "relaxed":
        return name.rstrip(WSP).lower() + b":" + relaxed_value(value)
    return name + b":" + value


def canonical_body(canon, body):
    """RFC 6376 sections 3.4.3 and 3.4.4."""
    if canon == "relaxed":
        body = re.sub(rb"[ \t]+(?=\r\n|\Z)", b"", body)
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb"(\r\n)+\Z", b"", body)
        return body + b"\r\n" if body else b""
    return re.sub(rb"(\r\n)*\Z", b"", body, count=1) + b"\r\n"


def choose(fields, names):
    """The fields that h= names, from the bottom up."""
    left = list(fields)
    chosen = []
    for name in names:
        for at in range(len(left) - 1, -1, -1):
            if left[at][0].strip().lower() == name.strip().lower():
                chosen.append(left.pop(at))
                break
    return chosen


def sign(key, fields, body, tags, canon=("relaxed", "relaxed"), digest="sha256", limit=None, covered=None, edit=None):
    """A DKIM-Signature value. `tags` is a list of (name, value) with bh and b as None to be filled;
    `edit` changes the finished text before it is signed (b= still empty)."""
    names = [n.encode() for n in (covered if covered is not None else dict(tags).get("h", "").split(":"))]
    canonical = canonical_body(canon[1], body)
    hashed = base64.b64encode(hashlib.new(digest, canonical[:limit]).digest()).decode()
    filled = [(n, hashed if n == "bh" and v is None else v) for n, v in tags]
    text = " " + ";\r\n\t".join(f"{n}={'' if v is None else v}" for n, v in filled)
    if edit:
        text = edit(text)
    value = text.encode()
    pieces = [canonical_field(canon[0], n, v) + b"\r\n" for n, v in choose(fields, names)]
    pieces.append(canonical_field(canon[0], b"DKIM-Signature", value))
    signature = base64.b64encode(key.sign(digest, b"".join(pieces)))
    match = re.search(rb"(?:\A|;)[ \t\r\n]*b[ \t\r\n]*=", value)
    if not match:
        return value
    return value[:match.end()] + signature + value[match.end():]
