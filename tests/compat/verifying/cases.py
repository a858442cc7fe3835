"""What is done to messages: options of good signatures, and named ways to break them.

Each entry says what RFC 6376, 8301, 8463 and 8616 demand: `pass`, `no` (anything but pass), or a function of the base.
"""

import re

from compat.verifying import forge, world
from compat.verifying.edits import add, replace

NOW_SIGNED = 1700000000
FAR = 4000000000
CANONS = [(h, b) for h in ("simple", "relaxed") for b in ("simple", "relaxed")]


def base_tags(key, canon, selector=None, domain=world.DOMAIN, algorithm=None, extra=()):
    """The usual tags in the usual order."""
    algorithm = algorithm or ("ed25519-sha256" if key == "ed" else "rsa-sha256")
    return [
        ("v", "1"), ("a", algorithm), ("c", "/".join(canon)), ("d", domain), ("s", selector or key),
        *extra, ("h", world.SIGNED), ("bh", None), ("b", None),
    ]


# Good signatures: name -> (extra tags, digits of l= or None).
OPTIONS = {
    "plain": ((), None),
    "t": ((("t", str(NOW_SIGNED)),), None),
    "t-x": ((("t", str(NOW_SIGNED)), ("x", str(FAR))), None),
    "i": ((("i", "joe=20x@mail.example.com"),), None),
    "z": ((("z", "From:a=3Bb|Subject:x"),), None),
    "l": ((), 8),
    "q": ((("q", "dns/txt"),), None),
}

# Signed as they stand: the crypto is right, the text is what matters. name -> (edit of tags, RFC's verdict, reason).
TAGS = {
    "v-missing": (replace("v", None), "no", "v= is required (RFC 6376 section 3.5)"),
    "v-2": (replace("v", "2"), "no", "v= must be 1 (3.5)"),
    "v-0.5": (replace("v", "0.5"), "no", "v= must be 1 (3.5)"),
    "v-empty": (replace("v", ""), "no", "v= must be 1 (3.5)"),
    "a-missing": (replace("a", None), "no", "a= is required (3.5)"),
    "a-unknown": (replace("a", "rsa-sha512"), "no", "unknown algorithm (3.5)"),
    "a-upper": (replace("a", "RSA-SHA256"), "no", "values keep their case (3.2)"),
    "d-missing": (replace("d", None), "no", "d= is required (3.5)"),
    "d-empty": (replace("d", ""), "no", "d= is a domain name (3.5)"),
    "d-dot": (replace("d", "example.com."), "no", "d= has no final dot (3.5)"),
    "s-missing": (replace("s", None), "no", "s= is required (3.5)"),
    "s-empty": (replace("s", ""), "no", "s= is a selector (3.5)"),
    "h-missing": (replace("h", None), "no", "h= is required (3.5)"),
    "h-empty": (replace("h", ""), "no", "h= must not be empty (3.5)"),
    "h-no-from": (replace("h", "To:Subject"), "no", "From must be signed (5.4, 6.1.1)"),
    "h-empty-entry": (replace("h", "From::To"), "no", "entries of h= are names (3.5); 6.1.1 asks for meticulous validation"),
    "h-last-colon": (replace("h", "From:To:"), "no", "entries of h= are names (3.5); 6.1.1 asks for meticulous validation"),
    "h-blanks": (replace("h", "From : To :\r\n\tSubject"), "pass", "FWS may surround the colons (3.5)"),
    "h-oversigned": (replace("h", "From:From:To:Cc:Subject:Subject"), "pass", "absent fields count as empty (5.4)"),
    "h-absent-first": (replace("h", "Cc:From:Aa:To:Zz"), "pass", "absent fields count as empty (5.4)"),
    "bh-missing": (replace("bh", ""), "no", "bh= must not be empty (3.5)"),
    "bh-corrupt": (replace("bh", "!!!!"), "no", "bh= is base64 (3.5)"),
    "bh-other": (replace("bh", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFX="), "no", "the body hash differs (6.1.3)"),
    "c-unknown-header": (replace("c", "nowsp/simple"), "no", "unknown canonicalization (3.5)"),
    "c-unknown-body": (replace("c", "relaxed/nofws"), "no", "unknown canonicalization (3.5)"),
    "c-empty": (replace("c", ""), "no", "c= names an algorithm (3.5)"),
    "i-other-domain": (add("i", "@example.org"), "no", "i= must be within d= (3.5, 6.1.1)"),
    "i-suffix-only": (add("i", "@badexample.com"), "no", "i= must be within d= (3.5, 6.1.1)"),
    "i-no-at": (add("i", "example.com"), "no", "i= has an @ (3.5)"),
    "i-upper": (add("i", "Joe@EXAMPLE.com"), "pass", "domains are compared without case (3.5)"),
    "l-junk": (add("l", "12x"), "no", "l= is a number (3.5)"),
    "l-too-large": (add("l", "99999"), "no", "l= must not exceed the body (3.5)"),
    "l-negative": (add("l", "-1"), "no", "l= is a number (3.5)"),
    "q-http": (add("q", "http"), "no", "dns/txt must be offered (3.5)"),
    "q-list": (add("q", "http:dns/txt"), "pass", "one known method is enough (3.5)"),
    "t-future": (add("t", str(FAR)), "no", "signatures from the future may be refused (3.5)"),
    "t-junk": (add("t", "yesterday"), "no", "t= is a number (3.5)"),
    "x-past": (add("x", "1000000000"), "no", "expired signatures may be refused (3.5)"),
    "x-before-t": (lambda tags: add("x", "3999999999")(add("t", "1700000000000")(tags)), "no", "x= must be later than t= (3.5)"),
    "x-junk": (add("x", "soon"), "no", "x= is a number (3.5)"),
    "x-endless": (add("x", "99999999999999999999"), "pass", "longer than 12 digits may count as infinite (3.5)"),
    "unknown-tag": (add("zz", "whatever"), "pass", "unknown tags are ignored (3.2)"),
    "duplicate-d": (lambda tags: [("d", "example.org"), *tags], "no", "tags must not be repeated (3.2)"),
    "duplicate-same": (add("s", "r2048"), "no", "tags must not be repeated (3.2)"),
    "upper-tag": (lambda tags: [("D" if n == "d" else n, v) for n, v in tags], "no", "tag names keep their case (3.2)"),
    "bad-tag-name": (add("x-y", "1"), "no", "tag names are letters, digits and _ (3.2)"),
}

# Changes of the finished text before it is signed.
TEXTS = {
    "spaces-around-equals": (lambda t: t.replace("d=", "d =\r\n\t ").replace("a=", " a = "), "pass", "FWS may surround names and values (3.2)"),
    "last-semicolon": (lambda t: t + ";", "pass", "a tag list may end with a semicolon (3.2)"),
    "last-semicolon-fold": (lambda t: t + ";\r\n ", "pass", "3.2 has no FWS there, but signers write it and most verifiers take it"),
    "empty-tag": (lambda t: t.replace(";", ";;", 1), "no", "a tag has a name (3.2)"),
    "no-equals": (lambda t: t.replace(" v=1;", " v=1; foo;"), "no", "a tag has a value (3.2)"),
    "control-octet": (lambda t: t.replace("d=", "n=a\x01b; d="), "no", "values have no controls (3.2)"),
    "utf8-note": (lambda t: t.replace("d=", "n=\u00fc; d="), "pass", "values may be UTF-8 (RFC 8616 section 3)"),
}

# Key records by selector: RFC's verdict and reason.
KEY_RECORDS = {
    "bare": ("pass", "all but p= have defaults (3.6.1)"), "testing": ("pass", "t=y changes no verdict (3.6.1)"),
    "strict": ("pass", "i= is d= (3.6.1)"), "onlysha1": ("no", "h= of the key lacks sha256 (3.6.1, 6.1.2)"),
    "onlysha256": ("pass", "h= of the key lists sha256 (3.6.1)"), "bothhashes": ("pass", "h= of the key lists sha256 (3.6.1)"),
    "oddhash": ("no", "h= of the key lacks sha256 (3.6.1, 6.1.2)"), "email": ("pass", "s= lists email (3.6.1)"),
    "star": ("pass", "s=* (3.6.1)"), "tlsrpt": ("no", "s= of the key does not list email (3.6.1)"),
    "dsa": ("no", "unknown k= (3.6.1)"), "dkim2": ("no", "v= of the key must be DKIM1 (3.6.1)"),
    "lateversion": ("no", "v= must be the first tag of a key (3.6.1); what breaks the format is ignored (6.1.2)"), "lowerversion": ("no", "v= keeps its case (3.2, 3.6.1)"),
    "revoked": ("no", "the key is revoked (3.6.1)"), "nop": ("no", "p= is required (3.6.1)"),
    "junk": ("no", "p= is base64 (3.6.1)"), "notder": ("no", "p= is a key in DER (3.6.1)"),
    "pkcs1": ("pass", "p= is an RSAPublicKey by the letter of 3.6.1, SubjectPublicKeyInfo in its erratum: both are read"),
    "glued": ("no", "octets after the key: not a key in DER (3.6.1)"), "other": ("no", "another key"),
    "unknowntag": ("pass", "unknown tags are ignored (3.2)"), "twice": ("no", "tags must not be repeated (3.2)"),
    "prose": ("no", "not a tag list (3.6.1)"), "spaced": ("pass", "FWS is allowed (3.2)"),
    "edasrsa": ("no", "p= is no RSA key (3.6.1)"), "rsaased": ("no", "p= is no Ed25519 key (RFC 8463 section 4)"),
    "semicolons": ("no", "a tag has a name (3.2)"), "nosuchkey": ("no", "no key (6.1.2)"),
}


def body_is(kind):
    """Pass if the body canonicalization is `kind`."""
    return lambda base: "pass" if base["canon"][1] == kind else "no"


def header_is(kind):
    """Pass if the header canonicalization is `kind`."""
    return lambda base: "pass" if base["canon"][0] == kind else "no"


def on_field(name, change):
    """Changes a field's value."""
    def edit(fields, body):
        return [(n, change(v) if n.lower() == name.lower() else v) for n, v in fields], body
    return edit


def on_body(change):
    """Changes the body."""
    return lambda fields, body: (fields, change(body))


def corrupt_b(value):
    """Flips one digit inside b=."""
    at = re.search(rb"(?:\A|;)[ \t\r\n]*b[ \t\r\n]*=", value).end() + 20
    while value[at:at + 1].isspace():
        at += 1
    return value[:at] + (b"A" if value[at:at + 1] != b"A" else b"B") + value[at + 1:]


def body_grows(base):
    """Appending after the end is unseen only where l= stops before it."""
    return "pass" if base["limit"] is not None else "no"


def within_limit(verdict):
    """A change behind l= octets is not seen."""
    return lambda base: "pass" if base["limit"] is not None else (verdict(base) if callable(verdict) else verdict)


# Changes on the way: name -> (change of fields and body, RFC's verdict, reason).
CHANGES = {
    "untouched": (lambda f, b: (f, b), "pass", "nothing was changed"),
    "subject-changed": (on_field(b"Subject", lambda v: v + b"!"), "no", "a signed field was changed"),
    "subject-blanks": (on_field(b"Subject", lambda v: v.replace(b"  ", b" ")), header_is("relaxed"), "only white space changed (3.4.2)"),
    "subject-gone": (lambda f, b: ([x for x in f if x[0] != b"Subject"], b), "no", "a signed field was removed"),
    "to-unfolded": (on_field(b"To", lambda v: v.replace(b"\r\n\t", b" ")), header_is("relaxed"), "only folding changed (3.4.2)"),
    "from-case": (on_field(b"From", lambda v: v.replace(b"sender@", b"SENDER@")), "no", "values keep their case (3.4.2)"),
    "name-case": (lambda f, b: ([(n.upper() if n == b"Subject" else n, v) for n, v in f], b), header_is("relaxed"), "only the name's case changed (3.4.2)"),
    "second-from-below": (lambda f, b: (f + [(b"From", b" x@example.org")], b), "no", "fields are taken from the bottom up (5.4.2)"),
    "second-subject-on-top": (lambda f, b: ([(b"Subject", b" other")] + f, b), lambda base: "no" if base.get("oversigned") else "pass", "the lowest field is signed (5.4.2, 8.15)"),
    "unsigned-added": (lambda f, b: ([(b"X-Note", b" added")] + f, b), "pass", "the field is not signed"),
    "received-added": (lambda f, b: ([(b"Received", b" by c.example")] + f, b), "pass", "the field is not signed"),
    "body-word": (on_body(lambda b: b"X" + b), lambda base: "no", "the body was changed"),
    "body-appended": (on_body(lambda b: b + b"-- \r\nfooter\r\n"), body_grows, "l= leaves what follows unsigned (3.5)"),
    "body-empty-lines": (on_body(lambda b: b + b"\r\n\r\n"), "pass", "empty lines at the end are ignored (3.4.3, 3.4.4)"),
    "body-blank-line-at-end": (on_body(lambda b: b + b" \r\n"), within_limit(body_is("relaxed")), "white space at line ends is ignored by relaxed (3.4.4)"),
    "body-inner-blanks": (on_body(lambda b: b.replace(b" ", b"  ")), lambda base: "pass" if base["limit"] == 8 and base["text"] != "trailing" else ("pass" if base["canon"][1] == "relaxed" else "no"), "relaxed reduces white space (3.4.4)"),
    "b-corrupt": ("signature", corrupt_b, "no", "the signature was changed"),
    "b-cut": ("signature", lambda v: v[:-8], "no", "the signature was changed"),
    "b-folded": ("signature", lambda v: re.sub(rb"(b=\S{20})(\S{20})", rb"\1\r\n\t \2", v), "pass", "b= may be folded, and is left out of its own hash (3.5, 3.7)"),
    "d-changed": ("signature", lambda v: v.replace(b"d=example.com", b"d=example.net"), "no", "the signature field itself is signed"),
    "t-removed": ("signature", lambda v: v.replace(b"v=1;", b"v=1; n=;"), "no", "the signature field itself is signed"),
    "sig-blanks": ("signature", lambda v: v.replace(b";\r\n\t", b";\r\n\t\t "), header_is("relaxed"), "only white space changed (3.4.2)"),
    "sig-name-case": ("name", b"dkim-signature", header_is("relaxed"), "only the name's case changed (3.4.2)"),
}
