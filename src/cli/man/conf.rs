//! opendkim.conf(5), from the table of options.

use super::page::Page;
use dkimd_server::config::options::{self, Kind, OptionSpec, Reload, Status};

pub(super) fn page() -> String {
    let mut page = Page::new(
        "opendkim.conf",
        "5",
        "configuration of dkimd, and of OpenDKIM, in whose place it stands",
    );
    page.section("DESCRIPTION");
    page.paragraph(
        "One option a line: its name, in any case, white space, and its value. What follows a # \
         is a comment. A later line of the same option replaces the earlier one. A value on the \
         command line replaces that of the file, also after a reload.",
    );
    page.paragraph(
        "dkimd check names every problem of a file at once, with line and remedy. Every option \
         that OpenDKIM has or had is known; one that has no effect is a warning, never a refusal \
         to start.",
    );
    page.section("VALUES");
    for (kind, text) in [
        (
            Kind::Bool,
            "yes or no, true or false, 1 or 0; only the first letter counts.",
        ),
        (
            Kind::Integer,
            "A number; with 0x in front it is hexadecimal, with 0 in front octal.",
        ),
        (Kind::String, "Any text to the end of the line."),
        (
            Kind::DataSet,
            "csl:A,B is a list in the option itself. file:/PATH is a file with a key and its value \
             on each line; keys are found exactly. refile:/PATH is a file with patterns, in which \
             * means any text; the first that matches counts. A path alone means file:, a text \
             without a path means csl:.",
        ),
    ] {
        page.item(kind.as_str(), "", text);
    }
    page.section("OPTIONS");
    page.paragraph(
        "Behind the name stand the kind of value, the default where there is one, and when a \
         changed value takes effect: at a reload (SIGHUP, SIGUSR1) or at the next start.",
    );
    let mut known: Vec<_> = options::all().collect();
    known.sort_by_key(|option| option.name.to_ascii_lowercase());
    let (outdated, used): (Vec<&OptionSpec>, Vec<_>) = known
        .into_iter()
        .partition(|option| matches!(option.status, Status::Historic(_)));
    for option in used {
        page.item(option.name, &facts(option), &text(option));
    }
    page.section("OPTIONS WITHOUT EFFECT");
    page.paragraph("Known so that old files start; each is one warning.");
    for option in outdated {
        page.item(option.name, &facts(option), &text(option));
    }
    page.section("FILES");
    page.item(
        "/etc/opendkim.conf",
        "",
        "Read where no other file is named.",
    );
    page.section("SEE ALSO");
    page.paragraph("opendkim(8), dkimd(1), dkimd-check(1), dkimd-explain(1), opendkim-genkey(8)");
    page.render()
}

fn facts(option: &OptionSpec) -> String {
    let default = match option.default {
        "" => String::new(),
        value => format!(", default {value}"),
    };
    let reload = match (option.status, option.reload) {
        (Status::Historic(_), _) => "",
        (_, Reload::OnReload) => ", at a reload",
        (_, Reload::AtStart) => ", at a start",
    };
    format!(" ({}{default}{reload})", option.kind.as_str())
}

fn text(option: &OptionSpec) -> String {
    match option.status {
        Status::Acts => option.help.to_owned(),
        Status::NotYet => format!("{} Not acted on by this version.", option.help),
        Status::Historic(reason) => format!("{} No effect: {reason}.", option.help),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The tags of the two sections of options.
    fn tags() -> Vec<String> {
        let page = page();
        let (_, options) = page.split_once(".SH OPTIONS\n").unwrap();
        let (options, _) = options.split_once(".SH FILES\n").unwrap();
        options
            .split(".TP\n")
            .skip(1)
            .map(|item| {
                let tag = item.strip_prefix("\\fB").unwrap();
                let (tag, _) = tag.split_once("\\fR").unwrap();
                tag.replace('\\', "")
            })
            .collect()
    }

    #[test]
    fn every_option_of_the_table_is_in_the_page_and_nothing_else() {
        let tags = tags();
        let in_page: BTreeSet<_> = tags.iter().map(String::as_str).collect();
        let in_table: BTreeSet<_> = options::all().map(|option| option.name).collect();
        assert_eq!(in_page, in_table);
        assert_eq!(tags.len(), in_table.len());
    }

    #[test]
    fn kind_default_reload_and_status_are_told() {
        let option = |name| {
            let option = options::find(name).unwrap();
            format!("{}:{}", facts(option), text(option))
        };
        assert!(
            option("Canonicalization")
                .starts_with(" (string, default simple/simple, at a reload):")
        );
        assert!(option("Socket").contains("at a start"));
        assert!(option("MilterDebug").contains("No effect: the milter library"));
    }
}
