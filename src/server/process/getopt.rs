//! Options as POSIX getopt reads them: `-f`, clusters `-fl`, values attached (`-xFILE`) or apart.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

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
    mut args: impl Iterator<Item = OsString>,
    found: &mut Vec<Given>,
) -> Result<(), Misuse> {
    while let Some(arg) = args.next() {
        let cluster = match arg.as_bytes() {
            b"--" => match args.next() {
                Some(stray) => return Err(Misuse::Stray(stray)),
                None => break,
            },
            [b'-', cluster @ ..] if !cluster.is_empty() => cluster,
            _ => return Err(Misuse::Stray(arg)),
        };
        for (index, &octet) in cluster.iter().enumerate() {
            let letter = char::from(octet);
            let Some(rest) = letters
                .split_once(letter)
                .filter(|_| letter != ':')
                .map(|(_, rest)| rest)
            else {
                return Err(Misuse::Unknown(letter));
            };
            if !rest.starts_with(':') {
                found.push(Given {
                    letter,
                    value: None,
                });
                continue;
            }
            let attached = &cluster[index + 1..];
            let value = match attached.is_empty() {
                false => OsStr::from_bytes(attached).to_owned(),
                true => args.next().ok_or(Misuse::NoValue(letter))?,
            };
            found.push(Given {
                letter,
                value: Some(value),
            });
            break;
        }
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
    fn a_value_may_look_like_an_option() {
        assert_eq!(read(&["-x", "-f"]).unwrap(), [('x', Some("-f".to_owned()))]);
    }

    #[test]
    fn misuse_is_named() {
        assert_eq!(read(&["-fh"]), Err(Misuse::Unknown('h')));
        assert_eq!(read(&["-:"]), Err(Misuse::Unknown(':')));
        assert_eq!(read(&["--help"]), Err(Misuse::Unknown('-')));
        assert_eq!(read(&["-x"]), Err(Misuse::NoValue('x')));
        for args in [&["-f", "stray"][..], &["-"], &["--", "-f"], &[""]] {
            assert!(matches!(read(args), Err(Misuse::Stray(_))), "{args:?}");
        }
    }
}
