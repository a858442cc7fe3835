"""The configurations of the signing comparison, each written as an administrator would write it."""

from dataclasses import dataclass, field

from peers.keys import Key
from peers.milter import POSTFIX_STEPS, HEADER_LEADING_SPACE, Envelope

TWENTY_YEARS = 630720000


@dataclass
class Setup:
    """One opendkim.conf with what belongs to it."""

    text: str
    files: dict = field(default_factory=dict)
    envelope: Envelope = field(default_factory=Envelope)
    steps: int = POSTFIX_STEPS
    chunk: int = 65535


def make_keys(directory):
    """The keys all configurations share, by short name."""
    return {
        "example": Key(directory, "example.com", "mail"),
        "old": Key(directory, "example.com", "old", bits=1024),
        "second": Key(directory, "second.example", "a-rather-long-selector-for-folding-2026"),
        "ed": Key(directory, "example.com", "ed", kind="ed25519"),
    }


def setups(keys):
    """Every configuration by name; `{dir}` in texts is the directory of the files."""
    single = f"Mode s\nDomain example.com\nSelector mail\nKeyFile {keys['example'].path}\n"
    table = f"mail example.com:mail:{keys['example'].path}\nlong second.example:{keys['second'].selector}:{keys['second'].path}\n"
    return {
        "guide": Setup(
            "Mode s\nCanonicalization relaxed/simple\nOversignHeaders From\nLogWhy yes\n"
            "KeyTable {dir}/KeyTable\nSigningTable refile:{dir}/SigningTable\n",
            {"KeyTable": table, "SigningTable": "*@example.com mail\n*@*.example.com mail\n*@second.example long\n"},
        ),
        "single key simple": Setup(single + "SubDomains yes\n", chunk=1000),
        "single key relaxed, delta lists, older MTA": Setup(
            single + "Canonicalization relaxed/relaxed\nSignHeaders *,+content-*,+x-*,-cc,+message-id\n"
            "OmitHeaders *,+x-mailer,+subject\n",
            steps=POSTFIX_STEPS & ~HEADER_LEADING_SPACE,
        ),
        "simple/relaxed, own lists": Setup(
            single + "Canonicalization simple/relaxed\nOmitHeaders x-nothing\n"
            "SignHeaders From,To,Subject,DKIM-Signature,Received,Comments,Bcc,X-Field-1*\n"
            "OverSignHeaders From,Subject,X-Not-There,To,Bcc,Received,Comments\n",
        ),
        "oversigned, not signed": Setup(
            single + "Canonicalization simple/relaxed\nSignHeaders From,To\nOverSignHeaders From,Date,Subject\n"),
        "ttl, diagnostics, reports": Setup(
            single + f"Canonicalization relaxed/relaxed\nSignatureTTL {TWENTY_YEARS}\nDiagnostics yes\nRequestReports yes\n"
            "OverSignHeaders From\n",
        ),
        "ten signed bytes": Setup(single + "Canonicalization simple/simple\nMaximumSignedBytes 10\n"),
        "body length": Setup(
            single + "Canonicalization relaxed/relaxed\nBodyLengthDB file:{dir}/lengths\n",
            {"lengths": "*@example.net x\n"}, chunk=7000,
        ),
        "ed25519": Setup(
            "Mode s\nCanonicalization relaxed/relaxed\nSignatureAlgorithm ed25519-sha256\nOversignHeaders From\n"
            "KeyTable file:{dir}/KeyTable\nSigningTable file:{dir}/SigningTable\n",
            {"KeyTable": f"ed %:ed:{keys['ed'].path}\n", "SigningTable": "example.com ed:@%\n.example.com ed:@%\n"},
        ),
        "two signatures with signers, older key": Setup(
            "Mode s\nCanonicalization relaxed/simple\nMultipleSignatures yes\nSoftwareHeader yes\n"
            "KeyTable file:{dir}/KeyTable\nSigningTable refile:{dir}/SigningTable\n",
            {
                "KeyTable": table + f"old example.com:old:{keys['old'].path}\n",
                "SigningTable": "*@example.com mail:joe@mail.example.com\n*@*.com old:postmaster@%\n*@second.example long:x@second.example\n",
            },
        ),
        "strict headers, old signatures removed": Setup(
            single + "Canonicalization relaxed/relaxed\nStrictHeaders yes\nRemoveOldSignatures yes\n"),
        "required headers, sender headers": Setup(
            single + "RequiredHeaders yes\nSenderHeaders Sender,Resent-From,From\nFixCRLF yes\n"),
    }
