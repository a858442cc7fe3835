//! Changing one parameter of `main.cf` as `postconf -e` does, on a copy.
//!
//! `postconf -e` in place would turn the file's mode into 644, put a file where a symbolic link
//! was, and glue the new line to an unfinished last one.

use std::{fs, io, path::Path};

use super::program::{PostfixError, postconf};

/// Why there is no changed text.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Postfix's program failed.
    #[error(transparent)]
    Postfix(#[from] PostfixError),
    /// The copy can't be made.
    #[error("trying a parameter on a copy of main.cf: {0}")]
    Copy(#[from] io::Error),
}

/// The text of a `main.cf` with another value of a parameter; `scratch` is an empty directory.
///
/// # Errors
/// When `postconf` fails or the copy can't be made.
pub fn with_parameter(
    main_cf: &[u8],
    name: &str,
    value: &str,
    scratch: &Path,
) -> Result<Vec<u8>, EditError> {
    let copy = scratch.join("main.cf");
    let mut text = main_cf.to_vec();
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    fs::write(&copy, text)?;
    fs::write(scratch.join("master.cf"), "")?;
    postconf(Some(scratch), &["-e", &format!("{name} = {value}")])?;
    Ok(fs::read(&copy)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_changes_and_an_unfinished_line_stays_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let edit = |text: &str| {
            let new = with_parameter(text.as_bytes(), "smtpd_milters", "inet:x:1", dir.path());
            String::from_utf8(new.unwrap()).unwrap()
        };
        assert_eq!(
            edit("# c\nmyhostname = a.example"),
            "# c\nmyhostname = a.example\nsmtpd_milters = inet:x:1\n"
        );
        assert_eq!(
            edit("smtpd_milters = inet:y:1,\n  inet:z:1\nbiff = no\n"),
            "smtpd_milters = inet:x:1\nbiff = no\n"
        );
    }
}
