//! The flags of opendkim(8): getopt's letters, the usage text and the manual page come from here.

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The letter.
    pub letter: char,
    /// The name of its value in the usage text; empty: it takes none.
    pub value: &'static str,
    /// The option it sets, if it sets one.
    pub option: Option<&'static str>,
    /// The value for that option, if the flag takes none of its own.
    pub fixed: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// A flag that sets an option to a fixed value.
const fn switch(
    letter: char,
    option: &'static str,
    fixed: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        letter,
        value: "",
        option: Some(option),
        fixed,
        help,
    }
}

/// A flag whose value becomes that of an option.
const fn setting(
    letter: char,
    value: &'static str,
    option: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        letter,
        value,
        option: Some(option),
        fixed: "",
        help,
    }
}

/// A flag that concerns the command line alone.
const fn own(letter: char, value: &'static str, help: &'static str) -> Flag {
    Flag {
        letter,
        value,
        option: None,
        fixed: "",
        help,
    }
}

/// All flags, in the order of the usage text.
pub const FLAGS: [Flag; 27] = [
    switch('A', "AutoRestart", "yes", "start again after a crash"),
    setting('b', "modes", "Mode", "s: sign, v: verify"),
    setting(
        'c',
        "canon",
        "Canonicalization",
        "canonicalization of new signatures",
    ),
    setting('d', "domains", "Domain", "domains to sign for"),
    switch('D', "SubDomains", "yes", "sign for their subdomains, too"),
    own(
        'e',
        "name",
        "print the values of an option in the file, and end",
    ),
    switch('f', "Background", "no", "stay in the foreground"),
    own('F', "time", "time of signatures, with -t only"),
    setting('k', "keyfile", "KeyFile", "file of the private key"),
    switch('l', "Syslog", "yes", "log to syslog"),
    setting('L', "limit", "Minimum", "how much of a body must be signed"),
    own('n', "", "check the configuration, and end"),
    setting('o', "headers", "OmitHeaders", "header fields not to sign"),
    setting(
        'p',
        "socket",
        "Socket",
        "where to listen: local:PATH, inet:PORT@HOST",
    ),
    setting(
        'P',
        "pidfile",
        "PidFile",
        "where to write the process number",
    ),
    own('Q', "", "answer data set queries from standard input"),
    switch(
        'r',
        "RequiredHeaders",
        "yes",
        "require the header fields of RFC 5322",
    ),
    setting('s', "selector", "Selector", "selector of new signatures"),
    setting(
        'S',
        "algorithm",
        "SignatureAlgorithm",
        "algorithm of new signatures",
    ),
    own('t', "files", "run messages through the filter, and end"),
    setting('T', "seconds", "DNSTimeout", "time to wait for DNS"),
    setting('u', "user", "UserID", "user[:group] to become"),
    own('v', "", "say more, with -t"),
    own('V', "", "print the version, and end"),
    switch('W', "LogWhy", "yes", "log why a message is signed or not"),
    own('x', "file", "configuration file"),
    own('X', "", "tolerate deprecated options (always done)"),
];

/// The flag of that letter.
pub fn find(letter: char) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.letter == letter)
}

/// What a wrong command line is answered with.
pub fn usage() -> String {
    let mut text = "usage: opendkim -p socket [options]".to_owned();
    for Flag {
        letter,
        value,
        help,
        ..
    } in &FLAGS
    {
        text += &format!("\n\t-{letter} {value:10}\t{help}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use dkimd_server::config::options::{self, Kind};

    #[test]
    fn a_letter_stands_once() {
        for (index, flag) in FLAGS.iter().enumerate() {
            assert!(
                !FLAGS[..index]
                    .iter()
                    .any(|other| other.letter == flag.letter),
                "-{}",
                flag.letter
            );
        }
    }

    #[test]
    fn flags_set_options_that_exist_and_switches_are_boolean() {
        for flag in &FLAGS {
            let Some(name) = flag.option else { continue };
            let option = options::find(name).unwrap();
            assert_eq!(option.name, name);
            assert_eq!(
                option.kind == Kind::Bool,
                flag.value.is_empty(),
                "-{}",
                flag.letter
            );
        }
    }
}
