//! The parameters of `main.cf`.

use std::{collections::BTreeMap, time::Duration};

/// Parameters and their values, all `$names` expanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MainCf(BTreeMap<String, String>);

impl MainCf {
    /// Reads what `postconf -x` prints: `name = value`, one a line.
    pub fn parse(text: &str) -> Self {
        let parameter = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        Self(text.lines().filter_map(parameter).collect())
    }

    /// The value of a parameter; `None` where this Postfix does not know it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, empty where there is none.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// The words of a list, separated by commas and white space, as Postfix reads most lists.
    pub fn list(&self, name: &str) -> Vec<&str> {
        words(self.value(name))
    }

    /// Whether a boolean parameter is `yes`.
    pub fn yes(&self, name: &str) -> bool {
        self.value(name).eq_ignore_ascii_case("yes")
    }

    /// A time such as `30s` or `5m`; seconds without a unit.
    pub fn time(&self, name: &str) -> Option<Duration> {
        time(self.get(name)?)
    }

    /// Gives a parameter another value.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// All parameters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The words of a list, separated by commas and white space.
pub fn words(value: &str) -> Vec<&str> {
    value
        .split(|c: char| c == ',' || c.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .collect()
}

/// A time as Postfix writes it.
pub fn time(value: &str) -> Option<Duration> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &value[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let seconds = digits.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_secs(seconds))
}

/// Whether a value refers to a parameter: `$name`, `${name}`, `$(name)`, `${name?...}`.
pub fn mentions(value: &str, name: &str) -> bool {
    value.split('$').skip(1).any(|rest| {
        let rest = rest.strip_prefix(['{', '(']).unwrap_or(rest);
        rest.trim_start()
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_in_every_spelling_and_no_other_name_is_taken_for_it() {
        for (value, found) in [
            ("$myhostname, localhost.$mydomain, localhost", true),
            ("a, ${mydomain}", true),
            ("$(mydomain)", true),
            ("${mydomain?{x}}", true),
            ("$mydomain_local, mydomain", false),
            ("", false),
        ] {
            assert_eq!(mentions(value, "mydomain"), found, "{value}");
        }
    }

    #[test]
    fn parameters_are_read_as_postconf_prints_them() {
        let main = MainCf::parse(
            "mynetworks = 127.0.0.0/8, [::1]/128  192.0.2.0/24\nsmtpd_milters =\n\
             milter_command_timeout = 30s\nmilter_content_timeout = 5m\nx = a=b\n",
        );
        assert_eq!(
            main.list("mynetworks"),
            ["127.0.0.0/8", "[::1]/128", "192.0.2.0/24"]
        );
        assert_eq!(main.get("smtpd_milters"), Some(""));
        assert_eq!(main.get("nonsense"), None);
        assert_eq!(
            main.time("milter_content_timeout"),
            Some(Duration::from_secs(300))
        );
        assert_eq!(main.value("x"), "a=b");
        assert_eq!(time("5 fortnights"), None);
    }
}
