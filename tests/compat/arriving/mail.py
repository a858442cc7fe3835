"""The messages that come in: every outcome of verification, and every kind of forged result."""

from dataclasses import dataclass

from compat.verifying import cases, forge, messages, world
from peers import milter

SHAPES = (("r2048", ("relaxed", "simple")), ("ed", ("relaxed", "relaxed")), ("r1024", ("simple", "relaxed")))
ID = "mx.example.com"
OTHER = "relay.example.net"
AR = b"Authentication-Results"


@dataclass(frozen=True)
class Mail:
    """A message with its name; `kind` says what was done to it, `by_rfc` the verdict that RFC 6376 demands."""

    name: str
    kind: str
    message: milter.Message
    recipients: tuple = ("<rcpt@example.net>",)
    by_rfc: str = ""


def all_mail(place):
    """Every message, always the same ones."""
    found = judged(place)
    found += with_results(place)
    found += signatures(place)
    found += malformed(place)
    return found


def judged(place):
    """The messages of the verdict comparison: odd tags, odd keys, and changes on the way."""
    made = {}
    for key, canon in SHAPES[:2]:
        made.update(messages.forged_texts(place, key, canon))
    made.update((n, m) for n, m in messages.records_and_algorithms(place).items() if n.endswith("relaxed-simple"))
    for key, canon in SHAPES:
        fields, bodies = world.plain()
        for option in ("plain", "l", "i", "z"):
            extra, limit = cases.OPTIONS[option]
            tags = cases.base_tags(key, canon, extra=extra + ((("l", str(limit)),) if limit else ()))
            value = forge.sign(place.keys[key], fields, bodies["text"], tags, canon, limit=limit)
            base = messages.base(f"{key}-{option}", canon, limit, "text", value, fields, bodies["text"])
            for change in cases.CHANGES:
                after, body, verdict, reason = messages.changed(base, change)
                if after is not None:
                    made[f"{base['name']}-{change}"] = (after, body, change, verdict, reason)
    return [mail(name, kind, fields, body, by_rfc=verdict) for name, (fields, body, kind, verdict, _) in made.items()]


def mail(name, kind, fields, body, **more):
    """One message as the MTA hands it over: LF folds."""
    return Mail(name, kind, milter.Message([(n, v.replace(b"\r\n", b"\n")) for n, v in fields], body), **more)


# What spammers, relays and other filters write, before the MTA's own filter sees it.
RESULTS = {
    "ours": (f" {ID}; dkim=pass header.d=bank.example",),
    "ours, spf": (f" {ID}; spf=pass smtp.mailfrom=a@bank.example",),
    "ours, none": (f" {ID}; none",),
    "ours, bare": (f" {ID}",),
    "ours, upper case": (f" {ID.upper()}; dkim=pass",),
    "ours, version": (f" {ID} 1; dkim=pass",),
    "ours, quoted": (f' "{ID}"; dkim=pass',),
    "ours, with job": (f" {ID}/4XyZ; dkim=pass",),
    "ours, comment": (f" (x) {ID}; dkim=pass",),
    "ours, odd property": (f" {ID}; dkim=pass foo.bar=x",),
    "ours, dot": (f" {ID}.; dkim=pass",),
    "others": (f" {OTHER}; dkim=pass header.d=bank.example",),
    "others, spf": (f" {OTHER}; spf=pass smtp.mailfrom=a@bank.example",),
    "others, below": (" a.b.example.org; dkim=pass",),
    "others, not below": (" example.org; dkim=pass",),
    "all kinds": (
        f" {ID}; dkim=pass", f" {OTHER}; dkim=pass", f" {ID}; spf=pass", " x.example; dkim=fail",
        f" {ID}; dkim=pass; spf=pass", f" {OTHER}; spf=fail", f" {ID} 1; dkim=none",
    ),
    "garbage": (" ;;;=", "", " =", f" {OTHER}; dkim=pass foo.bar=x"),
}


def with_results(place):
    """Good, bad and unsigned mail with results on it."""
    found = []
    fields, bodies = world.plain()
    value = forge.sign(place.keys["r2048"], fields, bodies["text"], cases.base_tags("r2048", SHAPES[0][1]), SHAPES[0][1])
    for name, values in RESULTS.items():
        results = [(AR, v.encode()) for v in values]
        for state, signature in (("good", [(b"DKIM-Signature", value)]), ("bad", [(b"DKIM-Signature", cases.corrupt_b(value))]), ("unsigned", [])):
            found.append(mail(f"results {name}, {state}", f"results {name}", results[:3] + signature + results[3:] + fields, bodies["text"]))
    return found


def signatures(place):
    """Several signatures of several domains, and unsigned mail."""
    fields, bodies = world.plain()
    body = bodies["text"]
    canon = SHAPES[0][1]

    def sign(key, domain=world.DOMAIN, selector=None, extra=()):
        tags = cases.base_tags(key, canon, selector, domain, extra=extra)
        return (b"DKIM-Signature", forge.sign(place.keys[key], fields, body, tags, canon))

    own, ed = sign("r2048"), sign("ed")
    third, third_ed = sign("r2048", world.EAI_DOMAIN), sign("ed", world.EAI_DOMAIN)
    absent = sign("r2048", selector="nosuchkey")
    elsewhere = sign("r2048", "elsewhere.example")
    broken = (b"DKIM-Signature", cases.corrupt_b(own[1]))
    fresh = sign("r2048", extra=(("t", "1700000000"), ("x", "1700000100")))
    sets = {
        "unsigned": [], "third party": [third], "two of two domains": [own, third], "third party first": [third, own],
        "four": [own, ed, third, third_ed], "four, third party first": [third, third_ed, own, ed],
        "five, all broken": [broken] * 5, "three broken, one good": [broken, broken, broken, own],
        "absent first": [absent, own], "absent last": [own, absent], "absent and broken": [absent, broken],
        "broken and absent": [broken, absent], "elsewhere": [elsewhere], "expired": [fresh], "expired and good": [fresh, own],
        "same twice": [own, own],
    }
    found = [mail(f"signatures {name}", f"signatures {name}", added + fields, body) for name, added in sets.items()]
    found.append(mail("several recipients", "several recipients", [broken] + fields, body, recipients=("<a@example.net>", "<b@example.net>", "<c@example.net>")))
    subject = (b"Subject", b" another")
    found.append(mail("z= and another subject", "z= and another subject", [sign("r2048", extra=(("z", "From:x|Subject:=20y"),))]
                      + [subject if f[0] == b"Subject" else f for f in fields], body))
    for name, text in {"no end": b"no end", "lf": b"a\nb\n", "cr": b"a\rb\r\n", "empty": b"", "blank lines": b"\r\n\r\n"}.items():
        for shape in (("relaxed", "simple"), ("relaxed", "relaxed")):
            value = forge.sign(place.keys["r2048"], fields, text, cases.base_tags("r2048", shape), shape)
            found.append(mail(f"body {name} {shape[1]}", f"body {name} {shape[1]}", [(b"DKIM-Signature", value)] + fields, text))
    return found


def malformed(place):
    """Messages that no verdict can be given on, some with forged results."""
    fields, bodies = world.plain()
    body = bodies["text"]
    canon = SHAPES[0][1]
    signature = (b"DKIM-Signature", forge.sign(place.keys["r2048"], fields, body, cases.base_tags("r2048", canon), canon))
    forged = [(AR, f" {ID}; dkim=pass".encode())]
    without = [f for f in fields if f[0] != b"From"]
    sets = {
        "no From": without, "empty From": [(b"From", b"")] + without, "unparsable From": [(b"From", b" not an address")] + without,
        "two From": [(b"From", b" a@example.org")] + fields, "no Date": [f for f in fields if f[0] != b"Date"],
        "two Subject": [(b"Subject", b" again")] + fields, "exempt": [(b"From", b" a@exempt.example")] + without,
        "odd name": [(b"X\xff", b" odd")] + fields, "name with semicolon": [(b"X;y", b" odd")] + fields,
        "group From": [(b"From", b" friends: a@example.com;")] + without,
    }
    found = []
    for name, these in sets.items():
        found.append(mail(f"malformed {name}", f"malformed {name}", these, body))
        found.append(mail(f"malformed {name}, signed", f"malformed {name}", [signature] + these, body))
        found.append(mail(f"malformed {name}, forged", f"malformed {name}", forged + [signature] + these, body))
    return found
