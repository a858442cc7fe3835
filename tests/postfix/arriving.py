"""The messages that come in from outside, each with the results that dkimd must tell about it."""

from dataclasses import dataclass

from compat.verifying import cases, forge, world
from postfix.corpus import LINE, MEGABYTE, sized

ID = "mx.example.com"
OTHER = "relay.example.net"
AR = b"Authentication-Results"
USUAL = ("relaxed", "simple")
# What comes in at the same time.
BURST, AT_ONCE = "outside-burst", 60

# Ways to write our own name; whoever reads results takes each of them for ours.
FORGED = {
    "plain": f" {ID}; dkim=pass header.d=bank.example",
    "spf": f" {ID}; spf=pass smtp.mailfrom=a@bank.example",
    "none": f" {ID}; none",
    "bare": f" {ID}",
    "upper": f" {ID.upper()}; dkim=pass",
    "version": f" {ID} 1; dkim=pass",
    "quoted": f' "{ID}"; dkim=pass',
    "escaped": ' "mx.exam\\ple.com"; dkim=pass',
    "job": f" {ID}/4XyZ; dkim=pass",
    "comment": f" (x (y)) {ID} (z); dkim=pass",
    "folded": f"\r\n\t{ID}\r\n\t;\r\n dkim=pass",
    "dot": f" {ID}.; dkim=pass",
    "property": f" {ID}; dkim=pass foo.bar=x",
    "unclosed": f" {ID}; dkim=pass (",
    "noblank": f"{ID};dkim=pass",
    "long": f" {ID}; dkim=pass (" + "\r\n x" * 2000 + ")",
}
# Those that Debian's opendkim leaves in place.
KEPT = ("spf", "none", "bare", "dot", "property", "long")
# Results that are not ours: each stays where it was.
OTHERS = (
    f" {OTHER}; dkim=pass header.d={ID}", f" ({ID}) {OTHER}; spf=pass", f" x{ID}; dkim=pass", f" {ID}.example.org; dkim=pass",
    " example.com; dkim=pass", " ;;;",
)

# Why Debian's opendkim may do otherwise. Each of these must be seen, or it is no longer true.
GIVES_UP = "one malformed signature makes OpenDKIM give up on the message: no result, forged ones stay"
KEEPS = "OpenDKIM deletes only fields with a dkim result that it can read to the end"
UNREAD = "OpenDKIM shows rsa-sha1 for a signature that it stopped reading"
SHA1 = "rsa-sha1 verifies with OpenDKIM, RFC 8301 forbids it"
TOP_DOWN = "OpenDKIM verifies from the top, whosesoever signatures those are"
MALFORMED = "OpenDKIM writes no blank after the colon, and lets forged results through"


@dataclass(frozen=True)
class Arriving:
    """A message from outside as SMTP carries it: its fields from the top (name, rest of the line) and its body.

    `results` are the words of the signatures in order (None: no field of ours is due), `differs` why OpenDKIM may do
    otherwise, `sender` the envelope's.
    """

    fields: tuple
    body: bytes
    results: tuple | None
    differs: str = ""
    sender: str = "joe@example.com"

    def octets(self):
        """The message."""
        return b"".join(n + b":" + v + b"\r\n" for n, v in self.fields) + b"\r\n" + self.body

    def left(self):
        """The fields that must be left, in order."""
        forged = {v.encode() for v in FORGED.values()}
        return [(n, v) for n, v in self.fields if n.lower() != AR.lower() or v not in forged]


class Maker:
    """Makes messages with the keys of a world."""

    def __init__(self, place):
        self.place = place
        self.plain, _ = world.plain()

    def sign(self, body, key="r2048", canon=USUAL, domain=world.DOMAIN, fields=None, selector=None, extra=(), limit=None, algorithm=None):
        """A signature as a field."""
        extra = (*extra, ("l", str(limit))) if limit else extra
        tags = cases.base_tags(key, canon, selector, domain, algorithm, extra)
        digest = "sha1" if algorithm == "rsa-sha1" else "sha256"
        value = forge.sign(self.place.keys[key], fields or self.plain, body, tags, canon, digest=digest, limit=limit)
        return (b"DKIM-Signature", value)

    def message(self, signatures, body, results, fields=None, **more):
        """A message with those signatures on top."""
        return Arriving((*signatures, *(fields or self.plain)), body, results, **more)


def all_mail(place):
    """Every message by name; names are local parts of recipients."""
    maker = Maker(place)
    found = {**good(maker), **broken(maker), **several(maker), **malformed(maker), **forged(maker)}
    kinds = (found["body-changed-ed"], found["good-r2048-relaxed-simple"], found["forgeries-bad"], found["good-ed-simple-simple"])
    return {**{f"outside-{name}": one for name, one in found.items()}, **{f"{BURST}{n}": kinds[n % len(kinds)] for n in range(AT_ONCE)}}


def good(maker):
    """Both algorithms, all canonicalizations, bodies of every kind and size."""
    found = {}
    for key in ("r2048", "ed"):
        for canon in cases.CANONS:
            body = sized(1024)
            found[f"good-{key}-{canon[0]}-{canon[1]}"] = maker.message([maker.sign(body, key, canon)], body, ("pass",))
    bodies = {
        "64k": sized(65536), "65535": b"x" * 900 + b"\r\n" + LINE * 886, "1m": sized(MEGABYTE), "6m": sized(6 * MEGABYTE),
        "8bit": "Grüße aus Österreich: äöü ßñ 漢字\r\n".encode() * 20, "latin1": "Grüße\r\n".encode("latin-1") * 20,
        "empty": b"", "blanklines": b"\r\n" * 20, "trailingblanks": b"a \t \r\n \r\n\t\r\nb  \r\n\r\n\r\n", "dots": b".\r\n..\r\n.a\r\n",
    }
    for name, body in bodies.items():
        for key, canon in (("r2048", USUAL), ("ed", ("relaxed", "relaxed"))):
            found[f"body-{name}-{key}"] = maker.message([maker.sign(body, key, canon)], body, ("pass",))
    body = sized(500)
    odd = [
        (b"Subject", " Grüße".encode()) if n == b"Subject" else
        (b"To", b" a@example.net,\r\n\tb@example.net,\r\n  c@example.net") if n == b"To" else (n, v) for n, v in maker.plain]
    for canon in (("simple", "simple"), ("relaxed", "relaxed")):
        found[f"oddheader-{canon[0]}"] = maker.message([maker.sign(body, canon=canon, fields=odd)], body, ("pass",), odd)
    long = [*maker.plain, (b"References", b"\r\n".join(b" <%d@example.com>" % n for n in range(800)))]
    found["longheader"] = maker.message([maker.sign(body, fields=long)], body, ("pass",), long)
    found["bounce"] = maker.message([maker.sign(body)], body, ("pass",), sender="")
    found["appended"] = maker.message([maker.sign(body, limit=len(body))], body + b"more\r\n", ("pass",))
    return found


def broken(maker):
    """Mail that does not pass, each for one reason."""
    body = sized(1024)
    signature = maker.sign(body)
    other = [(b"Subject", b" another") if n == b"Subject" else (n, v) for n, v in maker.plain]
    large = sized(6 * MEGABYTE)
    past = (("t", "1700000000"), ("x", "1700000100"))
    sender = [(n, v) for n, v in maker.plain if n != b"From"]
    found = {"unsigned": maker.message([], body, None)}
    for key in ("r2048", "ed"):
        made = maker.sign(body, key)
        found[f"body-changed-{key}"] = maker.message([made], body.replace(b"fox", b"cat", 1), ("fail",))
        found[f"body-longer-{key}"] = maker.message([made], body + b"x\r\n", ("fail",))
        found[f"header-changed-{key}"] = maker.message([made], body, ("fail",), other)
    found.update({
        "lastoctet": maker.message([maker.sign(large)], large[:-3] + b"!\r\n", ("fail",)),
        "from-changed": maker.message([signature], body, ("fail",), [(b"From", b" x@example.org"), *sender]),
        "signature-changed": maker.message([(signature[0], cases.corrupt_b(signature[1]))], body, ("fail",)),
        "nokey": maker.message([maker.sign(body, selector="nosuchkey")], body, ("fail",)),
        "revoked": maker.message([maker.sign(body, selector="revoked")], body, ("fail",)),
        "otherkey": maker.message([maker.sign(body, selector="other")], body, ("fail",)),
        "expired": maker.message([maker.sign(body, extra=past)], body, ("permerror",), differs=UNREAD),
        "smallkey": maker.message([maker.sign(body, "r512")], body, ("policy",)),
        "sha1": maker.message([maker.sign(body, algorithm="rsa-sha1")], body, ("policy",), differs=SHA1),
    })
    return found


def several(maker):
    """Several signatures: every one has its result, in order."""
    body = sized(2000)
    own, ed = maker.sign(body), maker.sign(body, "ed")
    third = maker.sign(body, "ed", domain=world.EAI_DOMAIN)
    bad, absent = (own[0], cases.corrupt_b(own[1])), maker.sign(body, selector="nosuchkey")
    sets = {
        "bad-good": ([bad, ed], ("fail", "pass")), "good-bad": ([ed, bad], ("pass", "fail")), "both": ([own, ed], ("pass", "pass")),
        "absent-good": ([absent, own], ("fail", "pass")), "third": ([third, own], ("pass", "pass")),
    }
    found = {f"several-{name}": maker.message(signatures, body, results) for name, (signatures, results) in sets.items()}
    # MaximumSignaturesToVerify is 3 where nothing else is said.
    results = ("fail", "neutral", "fail", "pass")
    found["several-four"] = maker.message([bad, third, absent, ed], body, results, differs=TOP_DOWN)
    return found


def malformed(maker):
    """Signatures that are none, and headers that have no author."""
    body = sized(700)
    own = maker.sign(body)
    without = [f for f in maker.plain if f[0] != b"From"]
    # The signature covers the last From, so it is good: who shows the first must know (RFC 6376 section 8.15).
    two = [(b"From", b" a@example.org"), *maker.plain]
    values = {"nonsense": b" v=1; nonsense", "empty": b"", "nod": b" v=1; a=rsa-sha256; s=x; h=From; bh=AAAA; b=AAAA", "8bit": b" \xff\xfe=\xfd"}
    found = {f"malformed-{name}": maker.message([(b"DKIM-Signature", v)], body, ("permerror",), differs=GIVES_UP) for name, v in values.items()}
    nonsense = (b"DKIM-Signature", values["nonsense"])
    found["malformed-good"] = maker.message([nonsense, own], body, ("permerror", "pass"), differs=GIVES_UP)
    found["good-malformed"] = maker.message([own, nonsense], body, ("pass", "permerror"), differs=GIVES_UP)
    found["nofrom"] = maker.message([own], body, ("permerror",), without, differs=MALFORMED)
    found["twofrom"] = maker.message([own], body, ("pass",), two)
    return found


def forged(maker):
    """Forged results among those of others, above and below, on mail of every kind."""
    body = sized(900)
    own = maker.sign(body)
    ways = [(AR if n % 2 else AR.upper(), v.encode()) for n, v in enumerate(FORGED.values())]
    others = [(AR, v.encode()) for v in OTHERS]
    mixed = [field for n, way in enumerate(ways) for field in (way, *others[n:n + 1])]
    middle = len(mixed) // 2
    found = {}
    for name, way in zip(FORGED, ways):
        found[f"forged-{name}"] = maker.message([way, others[0], own, others[1]], body, ("pass",), differs=KEEPS if name in KEPT else "")
    states = {
        "good": ([own], ("pass",), KEEPS), "bad": ([(own[0], cases.corrupt_b(own[1]))], ("fail",), KEEPS), "unsigned": ([], None, KEEPS),
        "malformed": ([(b"DKIM-Signature", b" v=1; nonsense")], ("permerror",), GIVES_UP),
    }
    for name, (signatures, results, reason) in states.items():
        fields = [*mixed[:middle], *signatures, *maker.plain[:2], *mixed[middle:], *maker.plain[2:]]
        found[f"forgeries-{name}"] = Arriving(tuple(fields), body, results, reason)
    without = [f for f in maker.plain if f[0] != b"From"]
    found["forgeries-nofrom"] = maker.message([*mixed, own], body, ("permerror",), without, differs=MALFORMED)
    return found
