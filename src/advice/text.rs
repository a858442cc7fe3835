//! Texts for people, in every language at once, so that none is ever without the others.
//!
//! English stands where it is told, as `text!("{name} has no MX record")`, and takes the variables around it; the
//! other languages stand in `po/`. See `dkimd_catalogue` for what stops the build.

use std::{cell::Cell, env, fmt};

use dkimd_catalogue::translations;
use serde::{Deserialize, Deserializer};

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
    /// The same meaning twice; [`text!`](macro@crate::text) is the usual way to make one.
    pub fn new(en: impl Into<String>, es: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            es: es.into(),
        }
    }

    /// From the parts of format strings, as [`text!`](macro@crate::text) takes them apart. A text among the
    /// variables is written in the language of the sentence around it.
    pub fn format(en: fmt::Arguments<'_>, es: fmt::Arguments<'_>) -> Self {
        let written = |lang, text: fmt::Arguments<'_>| {
            let before = WRITTEN.replace(lang);
            let text = text.to_string();
            WRITTEN.set(before);
            text
        };
        Self::new(written(Lang::En, en), written(Lang::Es, es))
    }

    /// A text that stands in data, by its English; in English alone if the catalogue does not have it.
    pub fn from_data(english: &str) -> Self {
        Self::from_catalogue(english).unwrap_or_else(|| Self::new(english, english))
    }

    /// The text whose English that is, if the catalogue has it.
    pub fn from_catalogue(english: &str) -> Option<Self> {
        const ALL: &[(&str, &str)] = translations!();
        let place = ALL.binary_search_by_key(&english, |(english, _)| english);
        place.ok().map(|place| Self::new(english, ALL[place].1))
    }

    /// The text in one language.
    pub fn to(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Es => &self.es,
        }
    }
}

/// In a data file a text stands by its English, see [`Text::from_data`].
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|english| Self::from_data(&english))
    }
}

thread_local! {
    /// The language of the sentence that is being put together.
    static WRITTEN: Cell<Lang> = const { Cell::new(Lang::En) };
}

/// In the language of the sentence around it, see [`Text::format`]; elsewhere in English.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to(WRITTEN.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

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
        let text = text!("{name} has no MX record");
        assert_eq!(text.to(Lang::En), "example.com has no MX record");
        assert_eq!(text.to(Lang::Es), "example.com no tiene registro MX");
    }

    #[test]
    fn a_text_inside_another_is_in_its_language() {
        let inner = text!("not seen");
        let outer = text!("{inner}, so far");
        let outer = text!("first: {outer}");
        assert_eq!(outer.to(Lang::En), "first: not seen, so far");
        assert_eq!(outer.to(Lang::Es), "primero: no se ve, hasta ahora");
        assert_eq!(inner.to_string(), "not seen");
    }

    #[test]
    fn data_is_translated_by_its_english() {
        let text = Text::from_data("publish");
        assert_eq!(
            (text.to(Lang::En), text.to(Lang::Es)),
            ("publish", "publique")
        );
        let unknown = Text::from_data("nobody wrote this");
        assert_eq!(unknown.to(Lang::Es), "nobody wrote this");
    }
}
