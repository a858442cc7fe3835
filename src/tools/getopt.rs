//! Options as POSIX getopt reads them: `-f`, clusters `-fl`, values attached (`-xFILE`) or apart.

use std::ffi::OsString;

use lexopt::{Arg, Parser};

/// One option as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The letter.
    pub letter: char,
    /// Its value, for letters that take one.
    pub value: Option<OsString>,
}

/// Why the arguments can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// Not one of the letters.
    #[error("invalid option -- '{0}'")]
    Unknown(char),
    /// The value is missing.
    #[error("option requires an argument -- '{0}'")]
    NoValue(char),
    /// An argument that belongs to no option.
    #[error("unexpected argument '{}'", .0.to_string_lossy())]
    Stray(OsString),
}

/// Reads all arguments. `letters` is getopt's: a letter that takes a value is followed by `:`.
///
/// Everything must be options; `--` ends them. What was found before a misuse is returned with it,
/// because a program may act on it first.
pub fn parse(
    letters: &str,
    args: impl IntoIterator<Item = OsString>,
) -> (Vec<Given>, Result<(), Misuse>) {
    let mut found = Vec::new();
    let end = collect(letters, args.into_iter(), &mut found);
    (found, end)
}

fn collect(
    letters: &str,
    args: impl Iterator<Item = OsString>,
    found: &mut Vec<Given>,
) -> Result<(), Misuse> {
    let mut parser = Parser::from_args(args.collect::<Vec<_>>());
    // `-d=x` gives the value `=x`.
    parser.set_short_equals(false);
    // An error is a value that a long option left over, and none is read past a long option.
    while let Ok(Some(arg)) = parser.next() {
        let letter = match arg {
            Arg::Short(letter) => letter,
            // The second dash stands in the place of a letter.
            Arg::Long(_) => return Err(Misuse::Unknown('-')),
            Arg::Value(stray) => return Err(Misuse::Stray(stray)),
        };
        let rest = letters
            .split_once(letter)
            .filter(|_| letter != ':')
            .map(|(_, rest)| rest)
            .ok_or(Misuse::Unknown(letter))?;
        let value = if rest.starts_with(':') {
            Some(parser.value().map_err(|_| Misuse::NoValue(letter))?)
        } else {
            None
        };
        found.push(Given { letter, value });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Vec<(char, Option<String>)>, Misuse> {
        let (found, end) = parse("flx:p:", args.iter().map(OsString::from));
        end.map(|()| {
            found
                .into_iter()
                .map(|given| {
                    let value = given.value.map(|v| v.to_string_lossy().into_owned());
                    (given.letter, value)
                })
                .collect()
        })
    }

    #[test]
    fn clusters_and_attached_values_mean_the_same_as_options_apart() {
        let apart = read(&["-f", "-l", "-x", "/a"]).unwrap();
        assert_eq!(read(&["-fl", "-x/a"]).unwrap(), apart);
        assert_eq!(read(&["-flx/a"]).unwrap(), apart);
        assert_eq!(read(&["-flx", "/a", "--"]).unwrap(), apart);
    }

    #[test]
    fn a_value_begins_behind_its_letter_whatever_it_begins_with() {
        assert_eq!(read(&["-x=a"]).unwrap(), [('x', Some("=a".to_owned()))]);
        assert_eq!(read(&["-x", ""]).unwrap(), [('x', Some(String::new()))]);
        let octets = std::os::unix::ffi::OsStringExt::from_vec(b"-x/\xff".to_vec());
        let (found, end) = parse("x:", [octets]);
        let value = found[0].value.as_ref().unwrap();
        assert_eq!((value.as_encoded_bytes(), end), (&b"/\xff"[..], Ok(())));
    }

    #[test]
    fn a_value_may_look_like_an_option() {
        assert_eq!(read(&["-x", "-f"]).unwrap(), [('x', Some("-f".to_owned()))]);
        assert_eq!(read(&["-x", "--"]).unwrap(), [('x', Some("--".to_owned()))]);
    }

    #[test]
    fn misuse_is_named() {
        assert_eq!(read(&["-fh"]), Err(Misuse::Unknown('h')));
        assert_eq!(read(&["-:"]), Err(Misuse::Unknown(':')));
        assert_eq!(read(&["--help"]), Err(Misuse::Unknown('-')));
        assert_eq!(read(&["--x=y", "-f"]), Err(Misuse::Unknown('-')));
        assert_eq!(read(&["-f-"]), Err(Misuse::Unknown('-')));
        assert_eq!(read(&["-x"]), Err(Misuse::NoValue('x')));
        for args in [&["-f", "stray"][..], &["-"], &["--", "-f"], &[""]] {
            assert!(matches!(read(args), Err(Misuse::Stray(_))), "{args:?}");
        }
    }
}
