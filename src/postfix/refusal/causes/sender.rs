//! Causes that lie in how this server, its address and its domains show themselves.

use dkimd_advice::text;

use super::causes;
use crate::refusal::{Cause, Turn};

causes! {
    in SENDER;

    REVERSE_NAME = "reverse-name", Ours, Some("reverse");
    text!("the address that the mail leaves from has no reverse name (PTR), or that name does not lead \
     back to the address");
    text!("have the provider of the address set its PTR record to the name of this server, and give that \
     name an A or AAAA record with this address; `dkimd doctor --only reverse` names both");

    IPV6_RULES = "ipv6-rules", Ours, Some("reverse");
    text!("the mail left over IPv6, and that address has no reverse name (PTR), or neither SPF nor DKIM \
     passed for it");
    text!("give the IPv6 address a PTR record and add it to the SPF record as ip6:; or send over IPv4 \
     alone: postconf -e inet_protocols=ipv4, then restart Postfix");

    SPF = "spf-failed", Ours, Some("spf");
    text!("the domain's SPF record does not allow the address that the mail came from");
    text!("add the address to the SPF record of the sender's domain; `dkimd doctor --only spf` prints \
     the whole record");

    SPF_RECORD = "spf-record", Ours, Some("spf");
    text!("the receiver finds the domain's SPF record faulty or suspicious");
    text!("mend the SPF record: one record, at most ten lookups, no +all; `dkimd doctor --only spf` \
     says what is wrong");

    UNAUTHENTICATED = "unauthenticated", Ours, Some("self-test");
    text!("neither SPF nor DKIM passed: the mail went out unsigned or with a broken signature, and the \
     address is not in the SPF record");
    text!("run `dkimd doctor --only self-test,dkim,spf`; it shows which of the two fails, and why");

    DMARC = "dmarc-refused", Ours, Some("dmarc");
    text!("the policy of the From domain (DMARC) has unauthenticated mail refused: neither SPF nor DKIM \
     passed for that very domain");
    text!("sign with a key of the From domain: see `dkimd explain AUTHOR@DOMAIN`; forwarded mail passes \
     only where its signature stays whole");

    DKIM = "dkim-failed", Ours, Some("dkim");
    text!("no DKIM signature passed that the receiver accepts");
    text!("run `dkimd doctor --only self-test,dkim`: is the mail signed, and does the published key fit \
     the private one?");

    ALIGNMENT = "alignment", Ours, Some("dmarc");
    text!("SPF or DKIM passed, but for another domain than the one in From");
    text!("sign with d= of the From domain (KeyTable, SigningTable): see `dkimd explain AUTHOR@DOMAIN`");

    AUTHENTICATION_LEVEL = "authentication-level", Ours, Some("dmarc");
    text!("Microsoft demands all three of large senders: SPF passes, DKIM passes, and DMARC passes with \
     a published record; at least one of them is missing");
    text!("the end of the reply names which (Spf=, Dkim=, DMARC=); `dkimd doctor --only spf,dkim,dmarc` \
     prints the missing record");

    SEVERAL_CHECKS = "several-checks", Ours, Some("dmarc");
    text!("several checks of the sender failed together (SPF, DKIM, DMARC)");
    text!("run `dkimd doctor`: its first finding is the cause");

    ARC = "arc-failed", Others, None;
    text!("the chain of ARC seals of a forwarded message is broken");
    text!("ask whoever forwards the message; mail sent directly is not concerned");

    NO_TLS = "no-tls", Ours, Some("tls");
    text!("the mail was sent in clear, and the receiver wants TLS");
    text!("postconf -e smtp_tls_security_level=may && postfix reload");

    SENDING_RATE = "sending-rate", Ours, Some("reputation");
    text!("the receiver sees unusually much mail, or too much spam, from this address or domain, and \
     slows it down");
    text!("look for a hacked account or web form in the log; send less at a time, grow slowly; Postfix \
     tries again by itself. Google Postmaster Tools shows the spam rate");

    REPUTATION = "reputation", Others, Some("block-lists");
    text!("the receiver has had bad experiences with this address or its neighbours, or has never seen \
     mail from it");
    text!("make sure that SPF, DKIM, DMARC and the reverse name are right (`dkimd doctor`), send little \
     and steadily for some weeks; the page named in the reply takes requests");

    YAHOO_DEFERRED = "yahoo-deferred", Nobody, Some("reputation");
    text!("Yahoo puts mail from this address off for some hours: complaints of its users, a sudden \
     volume, or an address that it doesn't know yet");
    text!("Postfix tries again; if it goes on for two days, look for spam leaving this server, then \
     write through https://senders.yahooinc.com/contact");

    YAHOO_REFUSED = "yahoo-refused", Others, Some("reputation");
    text!("Yahoo refuses all mail from this address; trying again does not help");
    text!("stop what causes complaints, then ask at https://senders.yahooinc.com/contact");

    MICROSOFT_BLOCKED = "microsoft-blocked", Others, Some("reputation");
    text!("Microsoft has this address, or the whole network around it, on a block list of its own");
    text!("ask for removal at https://olcsupport.office.com (Outlook.com, Hotmail: S3140, S3150) or \
     https://sender.office.com (Microsoft 365: banned sending IP), with the whole reply; join SNDS \
     and JMRP");

    MICROSOFT_BUSY = "microsoft-slowed", Nobody, Some("reputation");
    text!("Microsoft slows mail from this address down, as it does with addresses that are new or that \
     sent spam");
    text!("Postfix tries again; send little at a time for some weeks");

    APPLE_POLICY = "apple-policy", Ours, Some("self-test");
    text!("iCloud refuses the message by a rule that it does not name: content, links, reputation, or \
     missing SPF, DKIM or DMARC");
    text!("run `dkimd doctor`; if all is well write to icloudadmin@apple.com with the whole reply; \
     rules: https://support.apple.com/en-us/102322");

    PROOFPOINT = "proofpoint-blocked", Others, Some("block-lists");
    text!("the address is on Proofpoint's list, which the receiver uses");
    text!("ask for removal at https://ipcheck.proofpoint.com");

    T_ONLINE = "t-online-unknown", Others, Some("reverse");
    text!("T-Online takes mail only from servers that it knows: the reverse name must look like a mail \
     server's, and its domain must have a web page with an address of the operator");
    text!("write to tosa@rx.t-online.de with the address and the name of this server");

    LISTED = "block-listed", Ours, Some("block-lists");
    text!("the address or a domain in the message is on a block list that the receiver uses");
    text!("`dkimd doctor --only block-lists` shows which, and where to ask for removal; find the spam \
     that led to it first");

    POLICY_LISTED = "policy-listed", Ours, Some("block-lists");
    text!("the address is on a list of addresses that should not send mail directly (Spamhaus PBL): it \
     accuses nobody, it says that this is a home or dynamic address");
    text!("with a fixed address of your own take it out at https://check.spamhaus.org; otherwise send \
     through your provider: postconf -e relayhost='[smtp.provider.example]:587'");

    LIST_MISUSED = "receiver-misuses-list", Others, None;
    text!("the receiver asks a block list through a resolver that the list does not answer, and takes \
     the error for a listing; nothing is wrong here");
    text!("tell the receiver's postmaster by another way; the link in the reply explains it");
}
