"""Configurations for every option about verification, as an administrator would write them."""

BASE = "Syslog yes\nTestPublicKeys {keys}\nMaximumHeaders 0\nExemptDomains exempt.example\n"
WORDS = ("accept", "reject", "tempfail", "discard", "quarantine", "a", "r", "t", "d", "q")
TRIGGERS = ("On-BadSignature", "On-KeyNotFound", "On-NoSignature", "On-DNSError", "On-SignatureError", "On-Security", "On-InternalError", "On-Default")

OPTIONS = (
    "", "SyslogSuccess yes", "LogWhy yes", "LogResults yes", "Syslog no",
    "AlwaysAddARHeader yes", "AuthservID results.example.org", "AuthservID HOSTNAME", "AuthservIDWithJobID yes", "NoHeaderB yes",
    "KeepAuthResults yes", "RemoveARAll yes", "RemoveARFrom relay.example.net", "RemoveARFrom relay.example.net\nRemoveARAll yes",
    "RemoveARFrom .example.org", "RemoveOldSignatures yes", "KeepAuthResults yes\nRemoveARAll yes",
    "MaximumSignaturesToVerify 0", "MaximumSignaturesToVerify 1", "MaximumSignaturesToVerify 3",
    "MaximumSignaturesToVerify 0\nTrustSignaturesFrom xn--bcher-kva.example", "MaximumSignaturesToVerify 1\nTrustSignaturesFrom xn--bcher-kva.example",
    "MustBeSigned Subject", "MustBeSigned Received,Cc", "Minimum 4", "Minimum 50%", "Minimum 5+", "ClockDrift 2000000000", "ClockDrift 1",
    "BogusKey none", "UnprotectedKey fail", "StrictHeaders yes", "IgnoreMalformedMail yes", "IgnoreMalformedMail yes\nStrictHeaders yes",
    "WeakSyntaxChecks yes", "RedirectFailuresTo bad@example.com", "RedirectFailuresTo bad@example.com\nOn-BadSignature reject",
    "CaptureUnknownErrors yes", "SoftwareHeader yes", "SoftwareHeader yes\nAlwaysAddARHeader yes", "MinimumKeyBits 2048", "MinimumKeyBits 512", "FixCRLF yes",
    "RequiredHeaders yes", "AllowSHA1Only yes",
    "On-NoSignature reject\nAlwaysAddARHeader yes", "LogResults yes\nLogWhy yes\nSyslogSuccess yes",
)


def configurations():
    """name -> (text, which messages: `all` or `few`)."""
    made = {option or "plain": (f"Mode v\n{BASE}{option}\n", "all") for option in OPTIONS}
    made["Mode sv"] = (f"Mode sv\n{BASE}", "all")
    for trigger in TRIGGERS:
        for word in WORDS:
            more = "CaptureUnknownErrors yes\n" if word.startswith("q") else ""
            made[f"{trigger} {word}"] = (f"Mode v\n{BASE}{trigger} {word}\n{more}", "few")
    return made
