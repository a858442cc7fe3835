//! A manual page under construction, in the macros of man(7).

use clap_mangen::roff::{Roff, bold, roman};

/// The program and version at the foot of every page.
pub(super) const SOURCE: &str = concat!("dkimd ", env!("CARGO_PKG_VERSION"));

/// A page; sections come in the order of the calls.
pub(super) struct Page(Roff);

impl Page {
    /// A page with its NAME section.
    pub(super) fn new(name: &str, section: &str, about: &str) -> Self {
        let mut roff = Roff::new();
        let title = name.to_uppercase();
        roff.control("TH", [title.as_str(), section, "", SOURCE, "dkimd"]);
        roff.control("SH", ["NAME"]);
        roff.text([roman(format!("{name} - {about}"))]);
        Self(roff)
    }

    /// What follows the sections of another page.
    pub(super) fn rest() -> Self {
        Self(Roff::new())
    }

    pub(super) fn section(&mut self, title: &str) -> &mut Self {
        self.0.control("SH", [title]);
        self
    }

    pub(super) fn paragraph(&mut self, text: &str) -> &mut Self {
        self.0.control("PP", []);
        self.0.text([roman(text)]);
        self
    }

    /// A tag in bold, with `after` behind it, and what it means.
    pub(super) fn item(&mut self, tag: &str, after: &str, text: &str) -> &mut Self {
        self.0.control("TP", []);
        self.0.text([bold(tag), roman(after)]);
        self.0.text([roman(text)]);
        self
    }

    /// Lines to be shown as they are.
    pub(super) fn example(&mut self, text: &str) -> &mut Self {
        self.0.control("PP", []);
        self.0.control("nf", []);
        self.0.control("RS", []);
        for line in text.lines() {
            self.0.text([roman(line)]);
        }
        self.0.control("RE", []);
        self.0.control("fi", []);
        self
    }

    /// All exit codes with their meaning.
    pub(super) fn exit_codes(
        &mut self,
        codes: impl IntoIterator<Item = dkimd_server::process::ExitCode>,
    ) -> &mut Self {
        self.section("EXIT STATUS");
        for code in codes {
            self.item(&code.number().to_string(), "", code.meaning());
        }
        self
    }

    pub(super) fn render(&self) -> String {
        self.0.to_roff()
    }
}
