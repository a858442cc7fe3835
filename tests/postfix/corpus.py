"""The messages sent through Postfix, by name; names are local parts of recipients."""

DATE = b"Date: Fri, 2 Jan 2026 03:04:05 +0000\r\n"
HEAD = b"From: Joe <joe@example.com>\r\nTo: rcpt@example.net\r\nSubject: a test\r\n" + DATE + b"Message-ID: <1@example.com>\r\n"
LINE = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
MEGABYTE = 1 << 20


def sized(octets):
    """A body of about that many octets."""
    return LINE * (octets // len(LINE))


def signed():
    """Messages that must leave signed, as SMTP carries them."""
    folded = (
        b"From: Joe\r\n Example\r\n\t<joe@example.com>\r\nTo: a@example.net,\r\n\tb@example.net,\r\n  c@example.net\r\n"
        b"Subject:\r\n folded at once\r\n\tand again\t \r\n" + DATE + b"Message-ID: <2@example.com>\r\n"
        b"References: " + b"\r\n ".join(b"<%d@example.com>" % n for n in range(60)) + b"\r\n"
    )
    mime = HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    return {
        "1k": HEAD + b"\r\n" + sized(1024), "4k": HEAD + b"\r\n" + sized(4096), "64k": HEAD + b"\r\n" + sized(65536),
        "65535": HEAD + b"\r\n" + b"x" * 900 + b"\r\n" + LINE * 886, "1m": HEAD + b"\r\n" + sized(MEGABYTE),
        "25m": HEAD + b"\r\n" + sized(25 * MEGABYTE),
        "8bit": mime + b"\r\n" + "Grüße aus Österreich: äöü ßñ 漢字\r\n".encode() * 20,
        "latin1": mime.replace(b"utf-8", b"iso-8859-1") + b"\r\n" + "Grüße\r\n".encode("latin-1") * 20,
        "8bitheader": HEAD.replace(b"a test", "Grüße".encode()) + b"\r\nbody\r\n",
        "folded": folded + b"\r\n" + sized(500),
        "longlines": HEAD + b"\r\n" + (b"y" * 990 + b"\r\n") * 5 + b"z" * 5000 + b"\r\n" + b" " * 3000 + b"\r\n",
        "longheader": HEAD + b"Cc: " + b",\r\n ".join(b"person%d@example.net" % n for n in range(500)) + b"\r\n\r\nbody\r\n",
        "emptybody": HEAD + b"\r\n", "nobody": HEAD, "blanklines": HEAD + b"\r\n" + b"\r\n" * 20,
        "trailingblanks": HEAD + b"\r\na \t \r\n \r\n\t\r\nb  \r\n\r\n\r\n", "dots": HEAD + b"\r\n.\r\n..\r\n.a\r\n",
        "list": HEAD + b"List-Id: <l.example.com>\r\nList-Unsubscribe: <https://example.com/u>\r\n"
                b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nbody\r\n",
        "twosubjects": HEAD + b"Subject: another\r\n\r\nbody\r\n", "upperfrom": HEAD.replace(b"From:", b"FROM:") + b"\r\nbody\r\n",
        "subdomain": HEAD.replace(b"joe@example.com", b"joe@mail.example.com") + b"\r\nbody\r\n",
        "second": HEAD.replace(b"joe@example.com", b"Ann@Second.Example") + b"\r\nbody\r\n",
        # Postfix adds what is missing to mail of local clients before the milter sees it.
        "nofrom": HEAD.split(b"\r\n", 1)[1] + b"\r\nbody\r\n", "nodate": HEAD.replace(DATE, b"") + b"\r\nbody\r\n",
        "oldsignature": b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.net; s=x; t=1700000000;\r\n"
                        b"\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; h=From; b=AAAA\r\n" + HEAD + b"\r\nbody\r\n",
    }


def unsigned():
    """Messages that must leave as they came."""
    return {
        "stranger": HEAD.replace(b"joe@example.com", b"joe@example.org") + b"\r\nbody\r\n",
        "badfrom": HEAD.replace(b"Joe <joe@example.com>", b"undisclosed:;") + b"\r\nbody\r\n",
    }


def burst(count):
    """Many small messages to be sent at the same time."""
    return {f"burst{n}": HEAD.replace(b"a test", b"number %d" % n) + b"\r\n" + LINE * (n % 40) for n in range(count)}
