"""At least 300 odd messages by name, the same on every run."""

import random

from peers.milter import Message

FROM = (b"From", b" Joe <joe@example.com>")
TO = (b"To", b" rcpt@example.net")
SUBJECT = (b"Subject", b" a test")
DATE = (b"Date", b" Fri, 2 Jan 2026 03:04:05 +0000")
BODY = b"Hello,\r\nthis is a body.\r\n"
SEED = 6376


def all_messages():
    """Every message by name."""
    messages = {}
    for part in (froms, values, names, bodies, signatures, lists, random_ones):
        for name, message in part():
            if name in messages:
                raise ValueError(f"two messages named {name}")
            messages[name] = message
    return messages


def plain(*extra, sender=FROM, body=BODY):
    """An ordinary message with `extra` fields after the usual four."""
    return Message([sender, TO, SUBJECT, DATE, *extra], body)


def froms():
    """The From field, and what becomes of the decision."""
    values_of_from = {
        "plain": b" joe@example.com", "angle": b" <joe@example.com>", "upper-case domain": b" joe@EXAMPLE.Com",
        "no blank": b"joe@example.com", "two blanks": b"  joe@example.com", "tab": b"\tjoe@example.com",
        "folded at once": b"\n joe@example.com", "folded in name": b" Joe\n\tExample <joe@example.com>",
        "trailing blanks": b" joe@example.com  ", "trailing tab": b" joe@example.com\t",
        "display name quoted": b' "Example, Joe" <joe@example.com>', "comment after": b" joe@example.com (Joe)",
        "comment before": b" (Joe) joe@example.com", "comment nested": b" Joe (a (b) c) <joe@example.com>",
        "comment with at": b" Joe (x@y) <joe@example.com>", "quoted local part": b' "joe smith"@example.com',
        "quoted local part with at": b' "joe@home"@example.com', "escaped quote": b' "a\\"b" <joe@example.com>',
        "dot in name": b" J. Example <joe@example.com>", "blanks in address": b" joe @ example.com",
        "blanks in angle": b" < joe@example.com >", "plus": b" joe+tag@example.com", "percent": b" joe%x@example.com",
        "8-bit name": b" Jos\xc3\xa9 <joe@example.com>", "latin-1 name": b" Jos\xe9 <joe@example.com>",
        "encoded word": b" =?utf-8?q?Jos=C3=A9?= <joe@example.com>", "8-bit local part": b" jos\xc3\xa9@example.com",
        "8-bit domain": b" joe@ex\xc3\xa4mple.com", "long name": b" " + b"Joe " * 100 + b"<joe@example.com>",
        "sub-domain": b" joe@mail.example.com", "deep sub-domain": b" joe@a.b.mail.example.com",
        "other domain": b" joe@example.org", "parent": b" joe@com", "suffix trap": b" joe@notexample.com",
        "trailing dot": b" joe@example.com.", "second": b" other@second.example",
        "special": b" special@example.com", "many labels": b" joe@" + b"a." * 40 + b"example.com",
        "literal": b" joe@[192.0.2.1]", "route": b" <@relay.example.net:joe@example.com>",
        "two in one": b" joe@example.com, ann@example.org", "two in one reversed": b" ann@example.org, joe@example.com",
    }
    for name, value in values_of_from.items():
        yield f"From {name}", plain(sender=(b"From", value))
    unparsable = {
        "empty": b"", "only blank": b" ", "only tab": b" \t ", "empty angle": b" <>", "no at": b" joe",
        "only at": b" @", "no local part": b" @example.com", "no domain": b" joe@",
        "group": b" undisclosed:;", "group with member": b" friends: joe@example.com;",
        "group with two members": b" friends: joe@example.com, ann@example.org;",
        "open comment": b" joe@example.com (open", "open quote": b' "joe <joe@example.com>',
        "open angle": b" Joe <joe@example.com", "two angles": b" <joe@example.com> <ann@example.org>",
        "two ats": b" joe@example.com@example.org", "only name": b' "Joe Example"', "comment only": b" (joe@example.com)",
        "name like address": b' "joe@example.com" <ann@example.org>',
        "bare name like address": b" joe@example.com <ann@example.org>", "semicolon": b" joe@example.com;",
        "leading comma": b" , joe@example.com", "trailing comma": b" joe@example.com,", "NUL": b" joe@exam",
    }
    for name, value in unparsable.items():
        yield f"From {name}", plain(sender=(b"From", value))
    for name in (b"from", b"FROM", b"fRoM"):
        yield f"From spelt {name.decode()}", plain(sender=(name, b" joe@example.com"))
    yield "no From", Message([TO, SUBJECT, DATE], BODY)
    yield "no From but Sender", Message([TO, (b"Sender", b" joe@example.com")], BODY)
    yield "no header at all", Message([], BODY)
    yield "two From same", plain(FROM)
    yield "two From different", plain((b"From", b" ann@example.org"))
    yield "two From ours last", plain(FROM, sender=(b"From", b" ann@example.org"))
    yield "three From", plain(FROM, FROM)
    yield "From last", Message([TO, SUBJECT, DATE, FROM], BODY)
    yield "From only", Message([FROM], BODY)
    yield "Sender differs", plain((b"Sender", b" ann@example.org"))
    yield "Sender and Reply-To", plain((b"Sender", b" joe@example.com"), (b"Reply-To", b" list@example.org"))


def values():
    """What stands after the colon."""
    subjects = {
        "empty": b"", "blank": b" ", "blanks": b"      ", "tab": b"\t", "tabs and blanks": b" \t \t ",
        "no blank": b"tight", "inner blanks": b" a  b   c", "inner tabs": b" a\tb\t\tc", "trailing blank": b" a ",
        "trailing blanks and tab": b" a  \t", "folded": b" a\n b", "folded with tab": b" a\n\tb",
        "folded deep": b" a\n         b", "folded often": b" a" + b"\n b" * 50, "fold first": b"\n a",
        "fold first with tab": b"\n\ta", "fold blank line": b" a\n \n b", "fold at end": b" a\n ",
        "fold after blanks": b" a   \n   b", "fold tabs": b" a\t\n\tb", "CR inside": b" a\rb", "CR at end": b" a\r",
        "CRLF fold": b" a\r\n b", "LF without blank": b" a\nb", "8-bit": b" gr\xc3\xbc\xc3\x9fe",
        "latin-1": b" gr\xfc\xdfe", "bytes 128-255": b" " + bytes(range(128, 256)), "controls": b" a\x01\x02\x7fb",
        "vertical tab": b" a\x0b\x0cb", "colon": b": a", "colons": b" a:b:c", "semicolon": b" a; b=c", "pipe": b" a|b",
        "equals": b" a=b==", "quotes": b' "a" \'b\'', "backslash": b" a\\b\\", "lone dot": b" .", "dots": b" ...",
        "700": b" " + b"x" * 700, "998": b" " + b"x" * 989, "3000 folded": b" " + b"word " * 20 + b"\n\t" + b"w " * 1400,
        "8000": b" " + b"x" * 8000, "20000 folded": b" " + b"\n ".join([b"y" * 70] * 280),
        "non-breaking": b" a\xc2\xa0b", "emoji": b" \xf0\x9f\x98\x80", "like a signature": b" DKIM-Signature: v=1; b=",
    }
    for name, value in subjects.items():
        yield f"Subject {name}", Message([FROM, TO, (b"Subject", value), DATE], BODY)
    for count in (2, 3, 10):
        yield f"Subject {count} times", plain(*[(b"Subject", f" number {n}".encode()) for n in range(count - 1)])
    for count in (2, 5):
        yield f"To {count} times", plain(*[(b"To", f" r{n}@example.net".encode()) for n in range(count - 1)])
    yield "Date twice", plain(DATE)
    yield "Date missing", Message([FROM, TO, SUBJECT], BODY)
    for count in (10, 200, 1000):
        people = b",\n\t".join(f"person{n:04} <p{n}@example.net>".encode() for n in range(count))
        yield f"To {count} people", Message([FROM, (b"To", b" " + people), SUBJECT, DATE], BODY)
    for count in (20, 200):
        extra = [(f"X-Field-{n}".encode(), f" {n}".encode()) for n in range(count)]
        yield f"{count} unknown fields", plain(*extra)
        yield f"{count} Cc fields", plain(*[(b"Cc", f" c{n}@example.net".encode()) for n in range(count)])
    for length in range(60, 80):
        yield f"Cc spelt with {length} bytes", plain((b"Cc", b" " + b"c" * length))


def names():
    """What stands before the colon."""
    for spelling in (b"SUBJECT", b"subject", b"sUBJECT", b"SuBjEcT"):
        yield f"name {spelling.decode()}", Message([FROM, TO, (spelling, b" a"), DATE], BODY)
    odd = {
        "trailing blank": b"Subject ", "trailing tab": b"Subject\t", "leading blank": b" Subject", "dot": b"Sub.ject",
        "slash": b"Sub/ject", "underscore": b"X_Field", "star": b"*", "plus": b"+", "tilde": b"X~", "one letter": b"X",
        "digits": b"123", "semicolon": b"X;Y", "equals": b"X=Y", "quote": b'"X"', "bracket": b"X[1]", "pipe": b"X|Y",
        "long": b"X-" + b"l" * 300, "8-bit": b"X-\xc3\xa9", "control": b"X\x01", "at": b"a@b", "percent": b"X%20",
        "inner blank": b"Sub ject",
    }
    for name, spelling in odd.items():
        yield f"name {name}", plain((spelling, b" value"))
    every = (
        "Reply-To Cc Bcc Sender Message-ID In-Reply-To References Comments Keywords Return-Path Received "
        "Resent-Date Resent-From Resent-Sender Resent-To Resent-Cc Resent-Bcc Resent-Message-ID List-Id List-Help "
        "List-Unsubscribe List-Unsubscribe-Post List-Subscribe List-Post List-Owner List-Archive MIME-Version "
        "Content-Type Content-Transfer-Encoding Content-Disposition Content-ID Feedback-ID Autocrypt Precedence "
        "Auto-Submitted X-Mailer User-Agent Disposition-Notification-To Importance Delivered-To Errors-To"
    ).split()
    for name in every:
        value = b" joe@example.com" if "From" in name or "Sender" in name else b" <value@example.com>"
        yield f"with {name}", plain((name.encode(), value))
    yield "with all of them", plain(*[(name.encode(), b" some@example.com") for name in every])
    yield "with all of them twice", plain(*[(name.encode(), b" some@example.com") for name in every + every])
    for value in (b" simple/simple", b" relaxed/relaxed", b" simple", b" relaxed", b" relaxed/simple", b" nonsense", b"relaxed/relaxed"):
        yield f"Canonicalization{value.decode()}", plain((b"Canonicalization", value))


def bodies():
    """Everything between nothing and a megabyte."""
    odd = {
        "empty": b"", "one CRLF": b"\r\n", "two CRLF": b"\r\n\r\n", "ten CRLF": b"\r\n" * 10, "blank line": b" \r\n",
        "blank lines": b" \r\n\t\r\n  \r\n", "tab line": b"\t\r\n", "blank without end": b" ", "a": b"a\r\n",
        "a without end": b"a", "a CR": b"a\r", "a LF": b"a\n", "LF only": b"\n", "CR only": b"\r", "LF LF": b"a\n\nb\n",
        "CR CR LF": b"a\r\r\n", "CR inside": b"a\rb\r\n", "LF inside": b"a\nb\r\n", "trailing blank": b"a \r\n",
        "trailing blanks and tabs": b"a \t \t\r\nb\t\r\n", "inner blanks": b"a  b\t\tc\r\n", "leading blanks": b"  a\r\n",
        "trailing empty lines": b"a\r\n\r\n\r\n\r\n", "trailing empty lines without end": b"a\r\n\r\n\r\n ",
        "last line blank": b"a\r\n   \r\n", "last line blank without end": b"a\r\n   ", "last line tabs": b"a\r\n\t\t\r\n",
        "leading empty lines": b"\r\n\r\na\r\n", "lone dot": b".\r\n", "dot lines": b"a\r\n.\r\n..\r\nb\r\n",
        "NUL": b"a\0b\r\n", "NUL only": b"\0\r\n", "8-bit": "grüße\r\n".encode(), "latin-1": b"gr\xfc\xdfe\r\n",
        "all bytes": bytes(b for b in range(256) if b not in (10, 13)) + b"\r\n", "998": b"x" * 998 + b"\r\n",
        "long line": b"x" * 20000 + b"\r\n", "long line without end": b"y" * 20000, "long blanks": b" " * 5000 + b"\r\n",
        "65535": b"z" * 65533 + b"\r\n", "65536": b"z" * 65534 + b"\r\n", "65537": b"z" * 65535 + b"\r\n",
        "CRLF over chunks": b"q" * 65534 + b"\r\n" + b"after\r\n", "blank over chunks": b"q" * 65534 + b"  \r\nafter\r\n",
        "200 KB": b"0123456789abcdef0123456789\r\n" * 7300, "1 MB": b"0123456789 abcdef\r\n" * 55000,
        "many empty lines": b"a\r\n" + b"\r\n" * 40000, "many empty lines then a": b"\r\n" * 40000 + b"a\r\n",
        "4 bytes": b"ab\r\n", "10 bytes": b"abcdefgh\r\n", "100 bytes": b"x" * 48 + b"\r\n" + b"y" * 48 + b"\r\n",
        "mbox From": b"From here\r\n>From there\r\n", "like a header": b"Subject: x\r\n\r\ny\r\n",
        "form feed": b"a\x0c\r\n", "vertical tab end": b"a\x0b\r\n", "blank CR": b"a \r", "blank CR LF": b"a \r\r\n",
    }
    for name, body in odd.items():
        yield f"body {name}", plain(body=body)


def signatures():
    """DKIM-Signature fields already there, good and broken."""
    good = (
        b" v=1; a=rsa-sha256; c=relaxed/simple; d=example.net; s=sel;\n\tt=1700000000; "
        b"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; h=From:To;\n\tb=AAAA"
    )
    broken = {
        "no tags": b" hello", "empty": b"", "blank": b" ", "no v": good.replace(b"v=1; ", b""),
        "no b": good.replace(b"b=AAAA", b""), "no bh": good.replace(b"bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; ", b""),
        "no d": good.replace(b"d=example.net; ", b""), "no s": good.replace(b"s=sel;", b""),
        "no h": good.replace(b"h=From:To;", b""), "no a": good.replace(b"a=rsa-sha256; ", b""), "d two words": good.replace(b"example.net", b"exa mple"),
        "d bad byte": good.replace(b"example.net", b"ex'ample"), "t bad": good.replace(b"t=1700000000", b"t=abc"),
        "x bad": good.replace(b"t=1700000000", b"x=zz"), "x past": good.replace(b"t=1700000000", b"t=1; x=2"),
        "v 2": good.replace(b"v=1", b"v=2"), "a unknown": good.replace(b"rsa-sha256", b"rsa-md5"),
        "c unknown": good.replace(b"relaxed/simple", b"loose"), "tag twice": good + b"; d=example.org",
        "ends with semicolon": good + b";", "two semicolons": good + b";;", "8-bit": good + b"; x-n=\xff",
        "without From": good.replace(b"h=From:To", b"h=To"), "no equals": good + b"; foo", "tag name odd": good + b"; 1x=2",
        "l huge": good + b"; l=99999999999999999999999", "ARC like": b" i=1; " + good[1:],
    }
    yield "signature there", plain((b"DKIM-Signature", good))
    yield "signature there on top", Message([(b"DKIM-Signature", good), FROM, TO, SUBJECT, DATE], BODY)
    yield "signature there twice", plain((b"DKIM-Signature", good), (b"DKIM-Signature", good))
    yield "signature there ten times", plain(*[(b"DKIM-Signature", good)] * 10)
    yield "signature spelt oddly", plain((b"dkim-SIGNATURE", good))
    yield "signature and Authentication-Results", plain(
        (b"DKIM-Signature", good), (b"Authentication-Results", b" mx.example.com; dkim=pass"))
    for name, value in broken.items():
        yield f"broken signature {name}", plain((b"DKIM-Signature", value))
    for name in (b"ARC-Seal", b"ARC-Message-Signature", b"ARC-Authentication-Results", b"DomainKey-Signature", b"X-Google-DKIM-Signature"):
        yield f"with {name.decode()}", plain((name, good))
    for value in (b" mx.example.com; dkim=pass", b" mx.example.com; spf=pass", b" nonsense", b" other; none"):
        yield f"Authentication-Results{value.decode()}", plain((b"Authentication-Results", value))


def lists():
    """Mail of mailing lists, resent mail and mail with every sort of structure at once."""
    fields = [
        (b"List-Id", b" <l.example.com>"), (b"List-Unsubscribe", b" <https://example.com/u>,\n <mailto:u@example.com>"),
        (b"List-Unsubscribe-Post", b" List-Unsubscribe=One-Click"), (b"List-Post", b" <mailto:l@example.com>"),
        (b"Precedence", b" bulk"),
    ]
    yield "list mail", plain(*fields)
    yield "list mail twice through", plain(*fields, *fields)
    resent = [(b"Resent-From", b" joe@example.com"), (b"Resent-To", b" x@example.net"), (b"Resent-Date", DATE[1])]
    yield "resent", Message(resent + [FROM, TO, SUBJECT, DATE], BODY)
    yield "resent twice", Message(resent + resent + [FROM, TO, SUBJECT, DATE], BODY)
    received = [(b"Received", f" from h{n}.example.net by mx;\n\tFri, 2 Jan 2026 03:04:{n:02} +0000".encode()) for n in range(30)]
    yield "30 Received", Message(received + [FROM, TO, SUBJECT, DATE], BODY)
    references = b"\n ".join(f"<{n}.{n * 7919}@mail.example.com>".encode() for n in range(100))
    yield "100 references", plain((b"References", b" " + references), (b"In-Reply-To", b" <99.1@mail.example.com>"))
    yield "MIME", plain(
        (b"MIME-Version", b" 1.0"), (b"Content-Type", b' multipart/mixed;\n\tboundary="b"'),
        body=b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n")


def random_ones():
    """Headers and bodies of random octets where canonicalisation is hard; the seed is fixed."""
    generator = random.Random(SEED)
    alphabet = [b" ", b"\t", b"a", b"B", b":", b";", b"=", b"\xc3\xa9", b"\n ", b"\n\t"]
    lines = [b" ", b"\t", b"a", b"\r\n", b"\r\n", b".", b"\xff"]
    every = [b"From", b"To", b"Subject", b"Cc", b"Reply-To", b"X-Y", b"References", b"List-Id", b"subject"]
    for number in range(60):
        headers = [FROM]
        for _ in range(generator.randrange(1, 12)):
            name = generator.choice(every[1:])
            value = b"".join(generator.choice(alphabet) for _ in range(generator.randrange(0, 40)))
            headers.append((name, value))
        generator.shuffle(headers)
        body = b"".join(generator.choice(lines) for _ in range(generator.randrange(0, 60))) + b"\r\n"
        yield f"random {number}", Message(headers, body)
