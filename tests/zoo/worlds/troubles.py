"""What people who ran OpenDKIM have complained of, as far as a look at the server and its DNS can find it."""

TROUBLES = {
    1: "Postfix does not reach the milter's socket: path, chroot, permission, spelling of the address",
    2: "groups that a running process does not have yet",
    4: "the socket is set in several places, or an option without effect",
    8: "key files whose owner or mode is refused",
    9: "no line of SigningTable fits, or fits other than meant",
    10: "signed from the server and not from clients, or the other way round",
    12: "bounces and notices are unsigned",
    13: "mail leaves unsigned while the milter is away",
    14: "a From that can't be read",
    16: "refusals that don't say what is wrong",
    17: "signatures that a changed blank breaks",
    18: "8-bit text converted after signing",
    20: "Postfix changes the message after signing",
    21: "signed twice",
    22: "a relay that refuses two signatures",
    23: "lines that are broken on the way",
    24: "one-click unsubscribe not covered by the signature",
    25: "the key's record pasted wrongly, or not at all",
    26: "keys too small",
    27: "Ed25519 records in a wrong form",
    28: "several TXT records, aliases, answers too large",
    29: "name servers that are slow, dead or not responsible",
    30: "DNSSEC that hides the domain",
    31: "a change of keys that has not come everywhere",
    33: "tables that name a key that is not there",
    38: "signatures for mail of strangers",
}


def without_world(cases):
    """Troubles that no world stands for, in words."""
    stood_for = {pain for case in cases for pain in case.pains}
    return [text for number, text in TROUBLES.items() if number not in stood_for]
