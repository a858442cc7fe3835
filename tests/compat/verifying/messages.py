"""Makes all messages of the comparison, always the same ones."""

import random

from compat.verifying import cases, foreign, forge, oddities, world

CHANGES_PER_BASE = 12


def all_messages(place, ours):
    """name -> (fields, body, what was done, RFC's verdict, its reason)."""
    made = {}
    bases = forged_bases(place)
    bases += foreign.dkimpy(place) + foreign.mail_dkim(place) + foreign.opendkim(place) + ours
    dice = random.Random(6376)
    names = [n for n in cases.CHANGES if n != "untouched"]
    for number, base in enumerate(bases):
        for change in ["untouched", *dice.sample(names, CHANGES_PER_BASE)]:
            fields, body, verdict, reason = changed(base, change)
            if fields is not None:
                made[f"{number:04}-{base['name']}-{change}"] = (fields, body, change, verdict, reason)
    for key in ("r2048", "ed"):
        for canon in cases.CANONS:
            made.update(forged_texts(place, key, canon))
    made.update(records_and_algorithms(place))
    made.update(odd_texts(place))
    return made


def forged_bases(place):
    """Good signatures of every kind."""
    made = []
    for key in ("r2048", "r1024", "ed"):
        for canon in cases.CANONS:
            for option, (extra, limit) in cases.OPTIONS.items():
                fields, bodies = world.plain()
                for text in ("text", "trailing") if key != "r1024" else ("empty",):
                    if limit is not None and text == "empty":
                        continue
                    tags = cases.base_tags(key, canon, extra=extra + ((("l", str(limit)),) if limit else ()))
                    value = forge.sign(place.keys[key], fields, bodies[text], tags, canon, limit=limit)
                    made.append(base(f"{key}-{'-'.join(canon)}-{option}-{text}", canon, limit, text, value, fields, bodies[text]))
    for canon in cases.CANONS:
        for name, domain in (("u-label", "b\u00fccher.example"), ("a-label", world.EAI_DOMAIN)):
            fields, bodies = world.plain(domain)
            tags = cases.base_tags("ed", canon, domain=domain, extra=(("i", "j\u00f6rg@" + domain),) if name == "u-label" else ())
            value = forge.sign(place.keys["ed"], fields, bodies["text"], tags, canon)
            made.append(base(f"eai-{name}-{'-'.join(canon)}", canon, None, "text", value, fields, bodies["text"]))
    return made


def base(name, canon, limit, text, value, fields, body, oversigned=False):
    """A signed message and what must be known to foresee verdicts."""
    signed = [(b"DKIM-Signature", value)] + fields
    return {"name": name, "canon": canon, "limit": limit, "text": text, "fields": signed, "body": body, "oversigned": oversigned}


def changed(base, name):
    """The base after one change; no fields if the change does nothing there."""
    what = cases.CHANGES[name]
    fields, body = list(base["fields"]), base["body"]
    if what[0] == "signature":
        _, change, verdict, reason = what
        after, body_after = [(fields[0][0], change(fields[0][1]))] + fields[1:], body
    elif what[0] == "name":
        _, new, verdict, reason = what
        after, body_after = [(new, fields[0][1])] + fields[1:], body
    else:
        change, verdict, reason = what
        after, body_after = change(fields, body)
    if name != "untouched" and (after, body_after) == (fields, body):
        return None, None, None, None
    if callable(verdict):
        verdict = verdict(base)
    return after, body_after, verdict, reason


def forged_texts(place, key, canon):
    """Odd signatures whose crypto is right."""
    made = {}
    fields, bodies = world.plain()
    body = bodies["text"]
    for name, (edit, verdict, reason) in cases.TAGS.items():
        tags = edit(cases.base_tags(key, canon))
        value = forge.sign(place.keys[key], fields, body, tags, canon)
        made[f"tags-{key}-{'-'.join(canon)}-{name}"] = ([(b"DKIM-Signature", value)] + fields, body, name, verdict, reason)
    for name, (edit, verdict, reason) in cases.TEXTS.items():
        value = forge.sign(place.keys[key], fields, body, cases.base_tags(key, canon), canon, edit=edit)
        made[f"text-{key}-{'-'.join(canon)}-{name}"] = ([(b"DKIM-Signature", value)] + fields, body, name, verdict, reason)
    return made


def odd_texts(place):
    """Signatures and key records of the table of oddities, and records made at random; their crypto is right."""
    made = {}
    fields, bodies = world.plain()
    canon = ("relaxed", "simple")

    def put(name, tags, what, verdict, reason):
        value = forge.sign(place.keys["r2048"], fields, bodies["text"], tags, canon)
        made[name] = ([(b"DKIM-Signature", value)] + fields, bodies["text"], what, verdict, reason)

    for name, (edit, verdict, reason) in oddities.TAGS.items():
        put(f"odd-{name}", edit(cases.base_tags("r2048", canon)), name, verdict, reason)
    for name, (_, verdict, reason) in oddities.RECORDS.items():
        put(f"odd-key-{name}", cases.base_tags("r2048", canon, f"odd-{name}"), f"key-{name}", verdict, reason)
    for selector, (_, verdict) in place.random.items():
        put(selector, cases.base_tags("r2048", canon, selector), "key made at random", verdict, "by the grammar (3.2, 3.6.1)")
    return made


def records_and_algorithms(place):
    """Odd key records; old and small keys; several signatures."""
    made = {}
    fields, bodies = world.plain()
    body = bodies["text"]

    def put(name, values, what, verdict, reason):
        made[name] = ([(b"DKIM-Signature", v) for v in values] + fields, body, what, verdict, reason)

    for canon in cases.CANONS:
        shape = "-".join(canon)
        for selector, (verdict, reason) in cases.KEY_RECORDS.items():
            value = forge.sign(place.keys["r2048"], fields, body, cases.base_tags("r2048", canon, selector), canon)
            put(f"key-{selector}-{shape}", [value], f"key-{selector}", verdict, reason)
        tags = cases.base_tags("r2048", canon, "strict", extra=(("i", "@mail.example.com"),))
        value = forge.sign(place.keys["r2048"], fields, body, tags, canon)
        put(f"key-strict-below-{shape}", [value], "key-strict-below", "no", "t=s forbids i= below d= (3.6.1)")
        sha1 = forge.sign(place.keys["r2048"], fields, body, cases.base_tags("r2048", canon, algorithm="rsa-sha1"), canon, digest="sha1")
        put(f"rsa-sha1-{shape}", [sha1], "rsa-sha1", "no", "RFC 8301 section 3.1")
        small = forge.sign(place.keys["r512"], fields, body, cases.base_tags("r512", canon), canon)
        put(f"rsa-512-{shape}", [small], "rsa-512", "no", "RFC 8301 section 3.2")
        good = forge.sign(place.keys["ed"], fields, body, cases.base_tags("ed", canon), canon)
        other = forge.sign(place.keys["r2048"], fields, body, cases.base_tags("r2048", canon), canon)
        wrong = cases.corrupt_b(other)
        malformed = forge.sign(place.keys["r2048"], fields, body, cases.replace("d", None)(cases.base_tags("r2048", canon)), canon)
        put(f"two-good-{shape}", [good, other], "two-good", "pass", "both are good")
        put(f"bad-then-good-{shape}", [wrong, good], "bad-then-good", "pass", "one good signature is enough (6.1)")
        put(f"good-then-bad-{shape}", [other, cases.corrupt_b(good)], "good-then-bad", "pass", "one good signature is enough (6.1)")
        put(f"malformed-then-good-{shape}", [malformed, good], "malformed-then-good", "pass", "a malformed signature is treated as absent (6.1.1)")
        put(f"good-then-malformed-{shape}", [good, malformed], "good-then-malformed", "pass", "a malformed signature is treated as absent (6.1.1)")
        put(f"all-bad-{shape}", [wrong, malformed, sha1], "all-bad", "no", "none is good: the last one is rsa-sha1 (RFC 8301 section 3.1)")
    return made
