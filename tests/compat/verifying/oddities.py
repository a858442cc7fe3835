"""Oddities of signatures and key records that no standard signer writes and some administrator published.

The verdicts are those of RFC 6376; where dkimd is lenient because everybody is, the reason says so.
`random_records` makes records that nobody thought of, judged by a reading of the grammar of its own.
"""

import re

from compat.verifying.edits import add, replace

RANDOM_RECORDS = 600

MANY_NAMES = ":".join(["From", "To", *(f"X-{number}" for number in range(600))])

# Signed as they stand. name -> (edit of tags, RFC's verdict, reason).
TAGS = {
    "i-two-at": (add("i", "@@example.com"), "no", "a local part holds no bare at sign (3.5, RFC 5321 section 4.1.2)"),
    "i-local-two-at": (add("i", "a@b@example.com"), "no", "a local part holds no bare at sign (3.5, RFC 5321 section 4.1.2)"),
    "i-quoted-at": (add("i", '"a@b"@example.com'), "pass", "an at sign may stand in quotes (RFC 5321 section 4.1.2)"),
    "i-encoded-at": (add("i", "a=40b@example.com"), "pass", "=40 is an at sign (2.11)"),
    "i-lower-hex": (add("i", "a=3db@example.com"), "no", "hexadecimal digits are upper case (2.11, RFC 2045 section 6.7)"),
    "i-bad-hex": (add("i", "a=b@example.com"), "no", "= begins two hexadecimal digits (2.11)"),
    "i-empty": (add("i", ""), "no", "i= has an @ (3.5)"),
    "i-blank": (add("i", "a b@example.com"), "pass", "white space in i= is ignored (2.11)"),
    "i-dot": (add("i", "a@example.com."), "no", "a domain has no final dot (3.5)"),
    "q-last-colon": (add("q", "dns/txt:"), "pass", "one known method is enough (3.5); an empty one is unknown"),
    "q-first-colon": (add("q", ":dns/txt"), "pass", "one known method is enough (3.5); an empty one is unknown"),
    "q-twice": (add("q", "dns/txt:dns/txt"), "pass", "one known method is enough (3.5)"),
    "q-upper": (add("q", "DNS/TXT"), "no", "values keep their case (3.2)"),
    "q-empty": (add("q", ""), "no", "dns/txt must be offered (3.5)"),
    "q-half": (add("q", "dns"), "no", "dns/txt must be offered (3.5)"),
    "q-blanks": (add("q", "dns / txt"), "no", "dns/txt must be offered (3.5)"),
    "t-empty": (add("t", ""), "no", "t= is a number (3.5)"),
    "t-zero": (add("t", "0"), "pass", "zero is a number (3.5)"),
    "t-plus": (add("t", "+1700000000"), "no", "t= is a number (3.5)"),
    "t-blank": (add("t", "17000 00000"), "no", "t= is a number (3.5)"),
    "x-empty": (add("x", ""), "no", "x= is a number (3.5)"),
    "x-fraction": (add("x", "4000000000.5"), "no", "x= is a number (3.5)"),
    "l-empty": (add("l", ""), "no", "l= is a number (3.5)"),
    "z-empty": (add("z", ""), "pass", "z= is for diagnosis alone (3.5)"),
    "h-many": (replace("h", MANY_NAMES), "pass", "h= has no limit (3.5)"),
    "h-upper": (replace("h", "FROM:TO:SUBJECT"), "pass", "field names have no case (3.5)"),
    "h-first-colon": (replace("h", ":From:To"), "no", "entries of h= are names (3.5); 6.1.1 asks for meticulous validation"),
    "c-upper": (replace("c", "Relaxed/Simple"), "no", "values keep their case (3.2)"),
    "c-blanks": (replace("c", "relaxed / simple"), "no", "c= has no white space inside (3.5)"),
    "c-half": (replace("c", "relaxed/"), "no", "c= names an algorithm (3.5)"),
    "v-01": (replace("v", "01"), "no", "v= must be 1 (3.5)"),
    "v-1.0": (replace("v", "1.0"), "no", "v= must be 1 (3.5)"),
    "s-upper": (replace("s", "R2048"), "pass", "names in DNS have no case"),
    "s-dot": (replace("s", "r2048."), "no", "s= has no final dot (3.5)"),
    "d-upper": (replace("d", "EXAMPLE.com"), "pass", "names in DNS have no case"),
    "d-blank": (replace("d", "exam ple.com"), "no", "d= is a domain name (3.5)"),
    "d-folded": (replace("d", "example\r\n\t.com"), "no", "d= is a domain name (3.5)"),
    "a-blanks": (replace("a", "rsa - sha256"), "no", "unknown algorithm (3.5)"),
}

TOLERATED = "a zone file's quotation marks and backslashes are no part of the key; everybody reads it so"
BROKEN = "what breaks the format is ignored (3.2, 6.1.2)"

# name -> (record, where P is the key's base64; RFC's verdict, reason).
RECORDS = {
    "h-last-colon": ("v=DKIM1; h=sha256:; p=P", "pass", "unknown hashes are ignored (3.6.1), an empty one too"),
    "h-first-colon": ("v=DKIM1; h=:sha256; p=P", "pass", "unknown hashes are ignored (3.6.1), an empty one too"),
    "h-upper": ("v=DKIM1; h=SHA256; p=P", "pass", "the grammar's words have no case (RFC 5234 section 2.3); 3.2 says otherwise"),
    "h-blanks": ("v=DKIM1; h=sha1 : sha256; p=P", "pass", "FWS may surround the colons (3.6.1)"),
    "h-empty": ("v=DKIM1; h=; p=P", "no", "h= of the key lacks sha256 (3.6.1, 6.1.2)"),
    "h-comma": ("v=DKIM1; h=sha1,sha256; p=P", "no", "h= of the key lacks sha256 (3.6.1, 6.1.2)"),
    "h-dash": ("v=DKIM1; h=sha-256; p=P", "no", "h= of the key lacks sha256 (3.6.1, 6.1.2)"),
    "h-star": ("v=DKIM1; h=*; p=P", "no", "h= of the key lacks sha256 (3.6.1, 6.1.2)"),
    "t-empty": ("v=DKIM1; t=; p=P", "pass", "unknown flags are ignored (3.6.1), an empty one too"),
    "t-last-colon": ("v=DKIM1; t=y:; p=P", "pass", "unknown flags are ignored (3.6.1), an empty one too"),
    "t-unknown": ("v=DKIM1; t=Y:foo; p=P", "pass", "unknown flags are ignored (3.6.1)"),
    "s-upper": ("v=DKIM1; s=EMAIL; p=P", "no", "values keep their case (3.2)"),
    "s-empty": ("v=DKIM1; s=; p=P", "no", "s= of the key does not list email (3.6.1)"),
    "s-list": ("v=DKIM1; s=foo:email; p=P", "pass", "s= lists email (3.6.1)"),
    "s-last-colon": ("v=DKIM1; s=email:; p=P", "pass", "s= lists email (3.6.1)"),
    "s-comma": ("v=DKIM1; s=email,foo; p=P", "no", "s= of the key does not list email (3.6.1)"),
    "k-upper": ("v=DKIM1; k=RSA; p=P", "no", "values keep their case (3.2)"),
    "k-empty": ("v=DKIM1; k=; p=P", "no", "unknown k= (3.6.1)"),
    "k-list": ("v=DKIM1; k=rsa:ed25519; p=P", "no", "unknown k= (3.6.1)"),
    "p-quotes": ('v=DKIM1; p=P" "Q', "pass", TOLERATED),
    "p-quoted": ('v=DKIM1; p="PQ"', "pass", TOLERATED),
    "p-one-quote": ('v=DKIM1; p=PQ"', "pass", TOLERATED),
    "p-backslash": ("v=DKIM1; p=P\\Q", "pass", TOLERATED),
    "p-blanks": ("v=DKIM1; p=P  Q\t ", "pass", "FWS is allowed (2.10)"),
    "p-padded": ("v=DKIM1; p=PQ==", "pass", "padding more than needed is no other key"),
    "p-exclamation": ("v=DKIM1; p=PQ!", "no", "p= is base64 (3.6.1)"),
    "p-pem": ("v=DKIM1; p=-----BEGIN PUBLIC KEY-----PQ-----END PUBLIC KEY-----", "no", "p= is base64 (3.6.1)"),
    "p-upper": ("v=DKIM1; P=PQ", "no", "p= is required (3.6.1); tag names keep their case (3.2)"),
    "all-quoted": ('"v=DKIM1; p=PQ"', "no", BROKEN),
    "zone-semicolons": ("v=DKIM1\\; k=rsa\\; p=PQ", "no", "v= of the key must be DKIM1 (3.6.1)"),
    "twice-k": ("v=DKIM1; k=rsa; k=rsa; p=P", "no", "tags must not be repeated (3.2)"),
    "twice-note": ("v=DKIM1; n=a; n=b; p=P", "no", "tags must not be repeated (3.2)"),
    "odd-name-dash": ("v=DKIM1; x-y=1; p=P", "no", "tag names are letters, digits and _ (3.2); " + BROKEN),
    "odd-name-digit": ("v=DKIM1; 1x=1; p=P", "no", "tag names begin with a letter (3.2); " + BROKEN),
    "no-equals": ("v=DKIM1; foo; p=P", "no", "a tag has a value (3.2)"),
    "word-at-end": ("v=DKIM1; p=P; foo", "no", "a tag has a value (3.2)"),
    "semicolon-first": ("; v=DKIM1; p=P", "no", "a tag has a name (3.2)"),
    "semicolons-last": ("v=DKIM1; p=P;;", "no", "a tag has a name (3.2)"),
    "commas": ("v=DKIM1, k=rsa, p=P", "no", "v= of the key must be DKIM1 (3.6.1)"),
    "v-upper": ("V=DKIM1; p=P", "pass", "V= is an unknown tag (3.2), and v= has a default (3.6.1)"),
    "v-empty": ("v=; p=P", "no", "v= of the key must be DKIM1 (3.6.1)"),
    "no-spaces": ("v=DKIM1;k=rsa;p=P", "pass", "FWS is optional (3.2)"),
    "note-utf8": ("v=DKIM1; n=\u00fc; p=P", "pass", "values may be UTF-8 (RFC 8616 section 3)"),
    "note-control": ("v=DKIM1; n=a\x01b; p=P", "no", "values have no controls (3.2)"),
    "g-empty": ("v=DKIM1; g=; p=P", "pass", "g= is an unknown tag since RFC 6376"),
    "long-note": ("v=DKIM1; n=" + "x" * 3000 + "; p=P", "pass", "records have no limit (3.6.1)"),
    "many-tags": ("v=DKIM1; " + "; ".join(f"x{number}=1" for number in range(80)) + "; p=P", "pass", "unknown tags are ignored (3.2)"),
}


def record(text, p):
    """The record with the key in it: whole for P alone, in two parts for P and Q."""
    if "Q" in text:
        return re.sub(r"P([^PQ]*)Q", lambda between: p[:40] + between[1] + p[40:], text)
    head, _, tail = text.rpartition("P")
    return head + p + tail


NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def by_the_grammar(text, p):
    """`pass` if a record, read by sections 3.2 and 3.6.1 and with the leniencies of RECORDS, holds the key p."""
    specs = text.split(";")
    if len(specs) > 1 and not specs[-1].strip(" \t"):
        specs.pop()
    tags = {}
    for spec in specs:
        name, equals, value = spec.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not equals or not NAME.fullmatch(name) or name in tags or any(c < " " and c != "\t" or c == "\x7f" for c in value):
            return "no"
        tags[name] = value
    words = {name: [word.strip(" \t") for word in value.split(":")] for name, value in tags.items()}
    right = (
        tags.get("v", "DKIM1") == "DKIM1" and ("v" not in tags or next(iter(tags)) == "v") and tags.get("k", "rsa") == "rsa"
        and ("h" not in tags or "sha256" in map(str.lower, words["h"]))
        and ("s" not in tags or {"*", "email"} & set(words["s"]))
    )
    digits = re.sub(r'[ \t"\\]', "", tags.get("p", ""))
    key = re.fullmatch(r"([A-Za-z0-9+/]*)={0,2}", digits)
    return "pass" if right and key and key[1] == p else "no"


def random_records(dice, p):
    """Records put together at random and then damaged at one place or none."""
    pieces = {
        "v": ("DKIM1",) * 6 + ("DKIM2", "dkim1", "", "DKIM1 "), "k": ("rsa",) * 5 + ("RSA", "", "ed25519", " rsa"),
        "h": ("sha256", "sha1:sha256", "sha256 : sha1", "SHA256", "sha1", "", "sha256:", "sha256,sha1", "x:Sha256"),
        "s": ("*", "email", "email:x", " * ", "tlsrpt", "", "Email", "x : email"), "t": ("y", "", "y:x", "Y"),
        "n": ("a note", "", "a=b", "\u00fc", "a\tb"), "g": ("", "*"), "x1": ("1",), "X_y": ("",), "x-y": ("1",), "1x": ("1",), "": ("1",),
    }
    while True:
        names = [name for name in pieces if dice.random() < {"v": 0.8, "k": 0.5, "h": 0.3, "s": 0.3}.get(name, 0.06)]
        if dice.random() < 0.08:
            names.append(dice.choice(names or ["v"]))
        if dice.random() < 0.08:
            dice.shuffle(names)
        key = p
        if dice.random() < 0.25:
            at = dice.randrange(len(p))
            key = p[:at] + dice.choice((" ", "\t", '"', '" "', "\\", "!", "=", "-", "A", "\x01", ",")) + p[at:]
        specs = [f"{name}{dice.choice(('=',) * 6 + (' = ', '= '))}{dice.choice(pieces[name])}" for name in names]
        specs.insert(len(specs) if dice.random() < 0.9 else 0, f"p={key}")
        text = dice.choice(("; ", ";", " ; ")).join(specs) + dice.choice(("",) * 6 + (";", "; ", ";;"))
        if dice.random() < 0.15:
            at = dice.randrange(max(1, text.index("p=")))
            text = text[:at] + dice.choice((";", "=", " ", '"', "\\", "\x01", ":", "x")) + text[at + dice.choice((0, 1)):]
        yield text, by_the_grammar(text, p)
