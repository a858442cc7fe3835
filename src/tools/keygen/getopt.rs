//! The option grammar of `opendkim-genkey`: that of Perl's Getopt::Long with bundled short
//! options.
//!
//! Short options may stand together (`-rSt`) with a value at the end (`-b1024`); long ones may be
//! cut as long as they are unambiguous, are read without case, and take `--no-` where they are
//! switches. A required value is taken whatever it looks like. Other words are ignored.

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing.
    Nothing,
    /// Nothing, and it may be turned off by `--no`.
    Switch,
    /// Any text.
    Text,
    /// A whole number.
    Number,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    /// Its long name.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// What it takes.
    pub takes: Takes,
}

/// One option as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// Its long name.
    pub long: &'static str,
    /// Its value; empty for switches.
    pub value: String,
    /// `false` after `--no`.
    pub on: bool,
}

/// Reads all arguments; the complaints come in the words of the original.
pub(super) fn parse(
    specs: &[Spec],
    arguments: impl Iterator<Item = String>,
) -> (Vec<Given>, Vec<String>) {
    let mut reader = Reader {
        specs,
        arguments,
        given: Vec::new(),
        complaints: Vec::new(),
    };
    while let Some(argument) = reader.arguments.next() {
        if argument == "--" {
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            reader.long(long);
        } else if let Some(bundle) = argument.strip_prefix('-') {
            reader.bundle(bundle);
        }
    }
    (reader.given, reader.complaints)
}

struct Reader<'a, I> {
    specs: &'a [Spec],
    arguments: I,
    given: Vec<Given>,
    complaints: Vec<String>,
}

impl<I: Iterator<Item = String>> Reader<'_, I> {
    fn long(&mut self, argument: &str) {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let (spec, on) = match find(self.specs, &name.to_ascii_lowercase()) {
            Ok(found) => found,
            Err(complaint) => return self.complaints.push(format!("{complaint}: {name}")),
        };
        match (spec.takes, value) {
            (Takes::Nothing | Takes::Switch, None) => self.give(spec, String::new(), on),
            (Takes::Nothing | Takes::Switch, Some(_)) => self
                .complaints
                .push(format!("Option {name} does not take an argument")),
            (Takes::Text | Takes::Number, Some("")) => self.value_missing(name),
            (Takes::Text | Takes::Number, Some(value)) => {
                self.value(spec, name, value.to_owned());
            }
            (Takes::Text | Takes::Number, None) => match self.arguments.next() {
                Some(value) => self.value(spec, name, value),
                None => self.value_missing(name),
            },
        }
    }

    fn bundle(&mut self, bundle: &str) {
        let mut letters = bundle.chars();
        while let Some(letter) = letters.next() {
            let Some(spec) = self.specs.iter().find(|spec| spec.short == Some(letter)) else {
                self.complaints.push(format!("Unknown option: {letter}"));
                continue;
            };
            let name = letter.to_string();
            match spec.takes {
                Takes::Nothing | Takes::Switch => self.give(spec, String::new(), true),
                Takes::Text | Takes::Number => {
                    let rest = std::mem::replace(&mut letters, "".chars())
                        .as_str()
                        .to_owned();
                    if !rest.is_empty() {
                        self.value(spec, &name, rest);
                    } else if let Some(value) = self.arguments.next() {
                        self.value(spec, &name, value);
                    } else {
                        self.value_missing(&name);
                    }
                }
            }
        }
    }

    fn value(&mut self, spec: &Spec, name: &str, value: String) {
        if spec.takes == Takes::Number && value.parse::<i64>().is_err() {
            self.complaints.push(format!(
                "Value \"{value}\" invalid for option {name} (number expected)"
            ));
        } else {
            self.give(spec, value, true);
        }
    }

    fn value_missing(&mut self, name: &str) {
        self.complaints
            .push(format!("Option {name} requires an argument"));
    }

    fn give(&mut self, spec: &Spec, value: String, on: bool) {
        self.given.push(Given {
            long: spec.long,
            value,
            on,
        });
    }
}

/// The option that a long name or the beginning of one means, and whether it is turned on.
fn find<'a>(specs: &'a [Spec], name: &str) -> Result<(&'a Spec, bool), &'static str> {
    let mut letters = name.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        let found = specs.iter().find(|spec| spec.short == Some(letter));
        return found.map(|spec| (spec, true)).ok_or("Unknown option");
    }
    let names = || {
        specs.iter().flat_map(|spec| {
            let negations: &[&str] = match spec.takes {
                Takes::Switch => &["no", "no-"],
                Takes::Nothing | Takes::Text | Takes::Number => &[],
            };
            let off = negations
                .iter()
                .map(move |no| (format!("{no}{}", spec.long), spec, false));
            std::iter::once((spec.long.to_owned(), spec, true)).chain(off)
        })
    };
    if let Some((_, spec, on)) = names().find(|(full, ..)| full == name) {
        return Ok((spec, on));
    }
    let mut candidates = names().filter(|(full, ..)| full.starts_with(name));
    match (candidates.next(), candidates.next()) {
        (Some((_, spec, on)), None) => Ok((spec, on)),
        (Some(_), Some(_)) => Err("Option is ambiguous"),
        (None, _) => Err("Unknown option"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: [Spec; 4] = [
        Spec {
            long: "bits",
            short: Some('b'),
            takes: Takes::Number,
        },
        Spec {
            long: "selector",
            short: Some('s'),
            takes: Takes::Text,
        },
        Spec {
            long: "subdomains",
            short: None,
            takes: Takes::Switch,
        },
        Spec {
            long: "restrict",
            short: Some('r'),
            takes: Takes::Switch,
        },
    ];

    fn read(line: &str) -> Result<String, String> {
        let (given, complaints) = parse(&SPECS, line.split(' ').map(str::to_owned));
        if !complaints.is_empty() {
            return Err(complaints.join("; "));
        }
        let shown: Vec<String> = given
            .iter()
            .map(|g| format!("{}{}{}", if g.on { "" } else { "!" }, g.long, g.value))
            .collect();
        Ok(shown.join(" "))
    }

    #[test]
    fn options_are_read_as_perl_reads_them() {
        for (line, expected) in [
            ("-b 1024 -s mail", "bits1024 selectormail"),
            ("-rb1024", "restrict bits1024"),
            ("-rsmail", "restrict selectormail"),
            ("--sel=x --BITS=5", "selectorx bits5"),
            (
                "--nosub --no-restrict --nores",
                "!subdomains !restrict !restrict",
            ),
            ("--S x", "selectorx"),
            ("-s -x", "selector-x"),
            ("-s -- -r", "selector-- restrict"),
            ("some words -r -- -b", "restrict"),
            ("- -r", "restrict"),
            ("-b -5", "bits-5"),
        ] {
            assert_eq!(read(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_it_does_not_know_is_named() {
        for (line, expected) in [
            ("--bogus", "Unknown option: bogus"),
            ("-x", "Unknown option: x"),
            ("-b", "Option b requires an argument"),
            ("--selector=", "Option selector requires an argument"),
            (
                "-b abc",
                "Value \"abc\" invalid for option b (number expected)",
            ),
            ("--restrict=1", "Option restrict does not take an argument"),
        ] {
            assert_eq!(read(line), Err(expected.to_owned()), "{line}");
        }
    }
}
