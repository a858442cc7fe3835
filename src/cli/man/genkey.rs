//! opendkim-genkey(8).

use super::page::Page;

/// Flags, their value, and what they do.
const OPTIONS: [(&str, &str, &str); 13] = [
    (
        "-a, --append-domain",
        "",
        "Write the full name into the record, with the domain.",
    ),
    ("-b, --bits", " n", "Size of the RSA key, 2048 by default."),
    (
        "-d, --domain",
        " name",
        "The domain that the key signs for.",
    ),
    (
        "-D, --directory",
        " path",
        "Where the files go; the working directory by default.",
    ),
    (
        "-h, --hash-algorithms",
        " list",
        "Hash algorithms that signatures may use (h=), separated by colons; sha256 by default.",
    ),
    ("--help", "", "Print the usage and end."),
    (
        "-n, --note",
        " text",
        "A note for people who read the record (n=).",
    ),
    ("-r, --restrict", "", "The key is for mail alone (s=email)."),
    (
        "-s, --selector",
        " name",
        "The selector, and the name of the files; default by default.",
    ),
    (
        "-S, --nosubdomains",
        "",
        "The key does not sign for addresses in subdomains (t=s).",
    ),
    ("-t, --testmode", "", "The domain is testing DKIM (t=y)."),
    ("-v, --verbose", "", "Say what is being done."),
    ("-V, --version", "", "Print the version and end."),
];

pub(super) fn page() -> String {
    let mut page = Page::new(
        "opendkim-genkey",
        "8",
        "make a DKIM key (dkimd in OpenDKIM's place)",
    );
    page.section("SYNOPSIS");
    page.paragraph("opendkim-genkey [options]");
    page.section("DESCRIPTION");
    page.paragraph(
        "Makes an RSA key: SELECTOR.private with the private key, mode 0600, and SELECTOR.txt with \
         the DNS record that publishes it, as a line of a zone file. dkimd-keygen(1) does the same \
         with further formats, and makes Ed25519 keys, too.",
    );
    page.section("OPTIONS");
    for (tag, value, text) in OPTIONS {
        page.item(tag, value, text);
    }
    page.section("EXIT STATUS");
    page.item("0", "", "done");
    page.item("1", "", "wrong options, or a file can't be written");
    page.item(
        "other",
        "",
        "the system's number of the error when the directory can't be entered",
    );
    page.section("SEE ALSO");
    page.paragraph("dkimd-keygen(1), opendkim(8), opendkim.conf(5)");
    page.render()
}
