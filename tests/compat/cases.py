"""The table of decisions: configurations, and under each the clients, macros and authors to be judged."""

from dataclasses import dataclass, field

from peers.milter import Envelope, Message

BODY = b"Hello.\r\n"
LOG = "Syslog yes\nSyslogSuccess yes\nLogWhy yes\n"
ORDINARY_MACROS = (("j", "mx.example.com"), ("{daemon_name}", "mx.example.com"), ("v", "Postfix"))


@dataclass
class Case:
    """One message from one client."""

    name: str
    envelope: Envelope
    message: Message


@dataclass
class Group:
    """The cases of one configuration; `{dir}` is where its files are."""

    name: str
    text: str
    cases: list
    files: dict = field(default_factory=dict)


def case(author="joe@example.com", host="localhost", address="127.0.0.1", auth=None, daemon="mx.example.com",
         macros=(), to="rcpt@example.net", queue=True, headers=None):
    """A case named after what is special about it."""
    connect = tuple((k, daemon) if k == "{daemon_name}" else (k, v) for k, v in ORDINARY_MACROS if k != "{daemon_name}" or daemon)
    mail = tuple(macros) + ((("{auth_type}", auth),) if auth else ())
    given = headers if headers is not None else [(b"From", b" " + author.encode())]
    recipients = tuple(f"<{r}>" for r in to.split(","))
    name = f"{author} from {host} [{address}] auth={auth} daemon={daemon} macros={dict(macros)} to={to}"
    if headers is not None:
        name += f" headers={headers}"[:200]
    envelope = Envelope(host=host, address=address, connect_macros=connect, mail_macros=mail, recipients=recipients)
    if not queue:
        envelope.queue_id = None
    return Case(name, envelope, Message([*given, (b"To", b" rcpt@example.net"), (b"Subject", b" x"), (b"Date", b" now")], BODY))


CLIENTS = (
    ("localhost", "127.0.0.1"), ("localhost", "::1"), ("localhost", "unknown"), ("localhost", None),
    ("h.example.org", "192.0.2.7"), ("h.example.org", "192.0.2.130"), ("example.org", "198.51.100.1"),
    ("H.Example.ORG", "203.0.113.9"), ("deep.h.example.org", "203.0.113.9"), ("unknown", "192.0.2.7"),
    ("[192.0.2.7]", "192.0.2.7"), ("v6.example.net", "2001:db8::7"), ("v6.example.net", "2001:db8:1::7"),
    ("stranger.example.net", "203.0.113.9"), ("mapped.example.net", "::ffff:192.0.2.7"), ("other", "10.1.2.3"),
)


def groups(key):
    """Every group; all of them sign with one key file."""
    single = LOG + f"Domain example.com\nSelector mail\nKeyFile {key}\n"
    hosts = [case(host=h, address=a) for h, a in CLIENTS]
    yield Group("default hosts", single, hosts + [case("ann@example.org", h, a) for h, a in CLIENTS[:6]])
    yield from host_groups(single, hosts)
    yield from macro_groups(single)
    yield from mode_groups(single)
    yield from author_groups(key, single)
    yield from table_groups(key)


def host_groups(single, hosts):
    """InternalHosts, ExternalIgnoreList and PeerList in every form."""
    lists = {
        "addresses": "192.0.2.7,198.51.100.1", "with negation": "!192.0.2.7,192.0.2.0/24",
        "networks": "192.0.2.0/25,10.0.0.0/8", "negated network": "!192.0.2.0/25,192.0.2.0/24",
        "longest wins": "192.0.2.7,!192.0.2.0/24", "bracketed": "[192.0.2.7],[2001:db8::7]", "everything": "0.0.0.0/0",
        "names": "h.example.org,unknown", "domain": ".example.org", "domain upper": ".EXAMPLE.org",
        "negated name": "!h.example.org,.example.org", "name negated, address in": "!h.example.org,192.0.2.7",
        "IPv6": "csl:2001:db8::7,2001:db8:1::/48", "IPv6 all": "csl:::/0", "localhost by name": "localhost",
    }
    for name, value in lists.items():
        yield Group(f"InternalHosts {name}", single + f"InternalHosts {value}\n", hosts)
    file = "# ours\n127.0.0.1\n::1\n192.0.2.0/24\n!192.0.2.130\n.example.org\n2001:db8::/32 # all\n"
    yield Group("InternalHosts file", single + "InternalHosts {dir}/hosts\n", hosts, {"hosts": file})
    yield Group("InternalHosts refile", single + "InternalHosts refile:{dir}/hosts\n", hosts,
                {"hosts": "127.0.0.1\nh.example.org\n192.0.2.7\n"})
    yield Group("ExternalIgnoreList", single + "ExternalIgnoreList 192.0.2.7,.example.org,203.0.113.0/24\n", hosts)
    yield Group("ExternalIgnoreList as InternalHosts", single
                + "InternalHosts {dir}/hosts\nExternalIgnoreList refile:{dir}/hosts\n", hosts,
                {"hosts": "127.0.0.1\nlocalhost\n192.0.2.0/24\n"})
    yield Group("PeerList", single + "PeerList 192.0.2.7,.example.org,127.0.0.1\n", hosts)
    yield Group("PeerList negated", single + "PeerList !192.0.2.7,192.0.2.0/24\n", hosts)


def macro_groups(single):
    """Authentication, MTA and MacroList."""
    outside = {"host": "stranger.example.net", "address": "203.0.113.9"}
    auth = [
        case(**outside), case(auth="PLAIN", **outside), case(auth="", **outside),
        case(macros=(("{auth_authen}", "joe"),), **outside), case(auth="PLAIN", author="ann@example.org", **outside),
    ]
    yield Group("authentication", single, auth)
    daemons = [case(daemon=d, **outside) for d in ("ORIGINATING", "originating", "mx.example.com", None, "second")]
    yield Group("MTA", single + "MTA ORIGINATING,second\n", daemons + auth)
    settings = ("x", "1", "2", "yes")
    macros = [case(macros=(("{kind}", v),), **outside) for v in settings] + [
        case(macros=(("{other}", "x"),), **outside), case(macros=(("{kind}", "1"), ("{other}", "zz")), **outside),
        case(macros=(("{kind}", "zz"), ("{other}", "x")), **outside), case(**outside), case(daemon="ORIGINATING", **outside),
    ]
    yield Group("MacroList name", single + "MacroList kind\n", macros)
    yield Group("MacroList values", single + "MacroList kind=1|2\n", macros)
    yield Group("MacroList two", single + "MacroList kind=1,other=x\n", macros)
    yield Group("MacroList and MTA", single + "MacroList kind=1\nMTA ORIGINATING\n", macros)
    yield Group("MacroList and hosts", single + "MacroList kind=1\nInternalHosts 203.0.113.9\n", macros)
    senders = [case(macros=(("{mail_addr}", a),)) for a in ("joe@example.com", "ann@example.org", "broken", "")]
    yield Group("SenderMacro", single + "SenderMacro {mail_addr}\n", senders + [case("ann@example.org")])


def mode_groups(single):
    """Mode, exemptions and recipients."""
    cases = [
        case(), case("ann@example.org"), case(host="stranger.example.net", address="203.0.113.9"),
        case("ann@example.org", "stranger.example.net", "203.0.113.9"), case(queue=False),
        case(headers=[]), case(headers=[(b"From", b" nobody")]), case(headers=[(b"From", b"")]),
    ]
    for mode in ("s", "v", "sv", "vs"):
        yield Group(f"Mode {mode}", single + f"Mode {mode}\n", cases)
    exempt = [case(a) for a in ("joe@example.com", "joe@EXAMPLE.ORG", "joe@sub.example.org", "joe@example.org")]
    faulty = [
        case(headers=[*h]) for h in (
            [(b"From", b" joe@example.com"), (b"From", b" ann@example.org")], [(b"From", b" ann@example.org"), (b"Subject", b" two")],
            [(b"From", b" joe@example.com"), (b"Subject", b" two")], [(b"From", b" x@exempt.example"), (b"Subject", b" two")],
            [(b"From", b" ")], [(b"From", b"nobody"), (b"Subject", b" two")], [(b"Subject", b" no From")],
        )
    ]
    faulty += [
        case(to="list@example.net", headers=[(b"From", b" joe@example.com"), (b"Date", b" two")]),
        case(host="stranger.example.net", address="203.0.113.9", headers=[(b"From", b" joe@example.com"), (b"Date", b" two")]),
    ]
    for option in ("RequiredHeaders", "StrictHeaders"):
        for mode in ("s", "sv"):
            yield Group(f"{option} {mode}", single + f"Mode {mode}\n{option} yes\nExemptDomains exempt.example\n"
                        "DontSignMailTo list@example.net\n", faulty)
    for action in ("", "accept", "reject", "tempfail", "discard"):
        yield Group(f"MaximumHeaders {action}".strip(), single + "MaximumHeaders 100\n" + (f"On-Security {action}\n" if action else ""),
                    [case(), case(headers=[(b"From", b" joe@example.com"), (b"X-Big", b" " + b"x" * 60)])])
    long = [(b"From", b" joe@example.com"), (b"X-Big", b" " + b"x" * 60000), (b"X-Big", b" " + b"x" * 60000)]
    yield Group("MaximumHeaders 0", single + "MaximumHeaders 0\n", [case(headers=long)])
    yield Group("BodyLengthDB", single + "BodyLengthDB refile:{dir}/to\n", [case(to="a@example.net,b@example.net,c@example.org")],
                {"to": "*@example.net x\n"})
    yield Group("ExemptDomains", single + "ExemptDomains example.org\n", exempt)
    yield Group("ExemptDomains own", single + "ExemptDomains EXAMPLE.com,example.org\n", exempt)
    to = [case(to=t) for t in ("rcpt@example.net", "list@example.net", "LIST@Example.net", "rcpt@example.net,list@example.net", "x@example.org")]
    yield Group("DontSignMailTo", single + "DontSignMailTo list@example.net\n", to)
    yield Group("DontSignMailTo refile", single + "DontSignMailTo refile:{dir}/to\n", to, {"to": "*@example.net\n"})


AUTHORS = (
    "joe@example.com", "Joe@Example.COM", "JOE@example.com", "joe@mail.example.com", "joe@a.b.example.com",
    "joe@example.org", "ann@example.org", "joe@notexample.com", "joe@com", "special@example.com",
    "joe+tag@example.com", '"joe smith"@example.com', "joe@second.example", "x@sub.second.example",
)


def author_groups(key, single):
    """Domain, SubDomains and SenderHeaders."""
    authors = [case(a) for a in AUTHORS]
    base = LOG + f"Selector mail\nKeyFile {key}\n"
    yield Group("Domain", single, authors)
    yield Group("Domain upper case", base + "Domain EXAMPLE.COM\n", authors)
    yield Group("Domain list", base + "Domain example.com,second.example\n", authors)
    yield Group("Domain star", base + "Domain *\n", authors[:6])
    yield Group("Domain file", base + "Domain {dir}/domains\n", authors, {"domains": "# mine\nexample.com\nsecond.example  # too\n"})
    yield Group("Domain refile", base + "Domain refile:{dir}/domains\n", authors, {"domains": "*.example.com\nsecond.*\n"})
    yield Group("SubDomains", single + "SubDomains yes\n", authors)
    yield Group("SubDomains of two", base + "Domain example.com,second.example\nSubDomains yes\n", authors)
    heads = [
        [(b"Sender", b" joe@example.com"), (b"From", b" ann@example.org")],
        [(b"From", b" joe@example.com"), (b"Sender", b" ann@example.org")],
        [(b"Sender", b" broken"), (b"From", b" joe@example.com")],
        [(b"Resent-From", b" joe@example.com"), (b"From", b" ann@example.org")],
        [(b"Sender", b" joe@example.com")],
    ]
    yield Group("SenderHeaders", single + "SenderHeaders Sender,From\n", [case(headers=h) for h in heads])
    yield Group("SenderHeaders without From", single + "SenderHeaders Resent-From,Sender\n", [case(headers=h) for h in heads])


def table_groups(key):
    """KeyTable and SigningTable of each kind."""
    authors = [case(a) for a in AUTHORS] + [case(a, "stranger.example.net", "203.0.113.9") for a in AUTHORS[:2]]
    keys = f"k1 example.com:mail:{key}\nk2 second.example:two:{key}\nall %:any:{key}\nK1 upper.example:up:{key}\n"
    tables = {
        "file addresses": ("file", "joe@example.com k1\nexample.org all\n"),
        "file domains": ("file", "example.com k1\n.example.com all\nsecond.example k2\n"),
        "file parents": ("file", ".com all\n.example k2:@sub.second.example\n"),
        "file local parts": ("file", "joe@* all\nann@* k1:ann@example.com\n"),
        "file star": ("file", "example.com k1\n* all:postmaster@%\n"),
        "file glob is literal": ("file", "*@example.com k1\n*.example.com k1\n"),
        "file sub-domain of address": ("file", "joe@.example.com k1\nx@.example k2\n"),
        "file case": ("file", "JOE@EXAMPLE.COM k1\nSecond.Example k2\n"),
        "file unknown key": ("file", "example.com nokey\nexample.org K1\nsecond.example k2\n"),
        "file percent key": ("file", "example.com %\nexample.org %\n"),
        "refile guide": ("refile", "*@example.com k1\n*@*.example.com all\n*@second.example k2\n"),
        "refile order": ("refile", "special@example.com k2\n*@example.com k1\n* all\n"),
        "refile case": ("refile", "*@EXAMPLE.com k1\nJOE@* all\n"),
        "refile domain only": ("refile", "example.com k1\n*second.example k2\n"),
        "refile regular expression": ("refile", "(joe|ann)@example.org k1\n[js]o?e@example.com all\n"),
        "refile signers": ("refile", "*@example.com k1:%\n*@*.com all:me@%\n"),
        "refile foreign signer": ("refile", "*@example.com k2:joe@example.com\n*@second.example k2:x@sub.second.example\n"),
        "refile unknown key": ("refile", "*@example.com nokey\n*@example.org K1\n"),
        "csl": ("csl", "joe@example.com=k1,example.org=all,.second.example=k2"),
    }
    for name, (kind, text) in tables.items():
        for several in ("no", "yes"):
            value = f"csl:{text}" if kind == "csl" else f"{kind}:{{dir}}/table"
            yield Group(f"SigningTable {name}, MultipleSignatures {several}",
                        LOG + f"MultipleSignatures {several}\nKeyTable file:{{dir}}/keys\nSigningTable {value}\n",
                        authors, {"keys": keys, "table": text})
    bad_keys = f"k1 example.com:mail\nall %:any:\nk2 :two:{key}\npercent %.net:sel:{key}\nextra example.org:sel:{key}:x\n"
    table = "example.com k1\nexample.org all\nsecond.example k2\n.example.com percent\nnotexample.com extra\n"
    yield Group("KeyTable corrupt", LOG + "KeyTable file:{dir}/keys\nSigningTable file:{dir}/table\n", authors,
                {"keys": bad_keys, "table": table})
    paths = f"k1 example.com:mail:/nowhere/key\nk2 second.example:two:relative/key\nall %:any:{{dir}}/%.private\n"
    yield Group("KeyTable paths", LOG + "KeyTable file:{dir}/keys\nSigningTable file:{dir}/table\n", authors,
                {"keys": paths, "table": "example.com k1\nsecond.example k2\n* all\n"})
