//! Texts for people, in English and Spanish side by side, so that neither is ever without the other.

use std::{env, fmt};

/// A language that texts for administrators are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Lang {
    /// English
    #[default]
    En,
    /// Spanish
    Es,
}

impl Lang {
    /// The language of the user's locale (`LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set
    /// counts), English where it is neither.
    pub fn of_locale() -> Self {
        Self::of_variables(|name| env::var(name).ok())
    }

    fn of_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| value(name).filter(|value| !value.is_empty()));
        match locale {
            Some(locale) if locale == "es" || locale.starts_with("es_") => Self::Es,
            _ => Self::En,
        }
    }
}

/// One text in every language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    en: String,
    es: String,
}

impl Text {
    /// The same meaning twice; [`text!`](crate::text!) is the usual way to make one.
    pub fn new(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            es: es.into(),
        }
    }

    /// From the parts of two format strings, as [`text!`](crate::text!) takes them apart.
    pub fn format(en: fmt::Arguments<'_>, es: fmt::Arguments<'_>) -> Self {
        Self::new(en.to_string(), es.to_string())
    }

    /// The text in one language.
    pub fn to(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Es => &self.es,
        }
    }
}

/// A [`Text`] from an English and a Spanish format string, which take the variables around them:
/// `text!("{name} has no MX record", "{name} no tiene registro MX")`.
#[macro_export]
macro_rules! text {
    ($en:literal, $es:literal $(,)?) => {
        $crate::text::Text::format(format_args!($en), format_args!($es))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_gives_the_language() {
        let lang = |set: &[(&str, &str)]| {
            Lang::of_variables(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(lang(&[("LANG", "es_AR.UTF-8")]), Lang::Es);
        assert_eq!(lang(&[("LC_ALL", "C"), ("LANG", "es_ES")]), Lang::En);
        assert_eq!(lang(&[("LC_ALL", ""), ("LC_MESSAGES", "es")]), Lang::Es);
        assert_eq!(lang(&[("LANG", "est_EE")]), Lang::En);
        assert_eq!(lang(&[]), Lang::En);
    }

    #[test]
    fn both_languages_take_the_variables_around_them() {
        let name = "example.com";
        let text = text!("{name} has no MX record", "{name} no tiene registro MX");
        assert_eq!(text.to(Lang::En), "example.com has no MX record");
        assert_eq!(text.to(Lang::Es), "example.com no tiene registro MX");
    }
}
