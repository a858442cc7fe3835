//! MacroList: macros whose presence or value makes a client's mail ours.

use crate::{
    dataset::{DataSetSpec, entries::Entries, open::push_bounded},
    diagnostic::Diagnostic,
};

/// A compiled MacroList.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MacroList {
    /// Name without braces, accepted values (empty: any).
    pub entries: Vec<(String, Vec<String>)>,
}

impl MacroList {
    /// Compiles `name` and `name=value|value` items, or `name value|value` lines.
    pub fn new(spec: &DataSetSpec, set: &Entries, findings: &mut Vec<Diagnostic>) -> Self {
        let mut entries = Vec::with_capacity(set.len());
        let mut new = Vec::new();
        for entry in set.iter() {
            let (key, values) = match entry.key.split_once('=') {
                Some((key, values)) if entry.value.is_empty() => (key.trim_ascii(), values),
                _ => (entry.key, entry.value),
            };
            let name = key.trim_matches(['{', '}']);
            if name.len() != key.len() {
                let finding = Diagnostic::warning(format!(
                    "{} entry {key:?} is read without its braces",
                    spec.origin.option
                ));
                new.push(
                    finding
                        .at(set.file(), entry.line)
                        .remedy(format!("write {name}")),
                );
            }
            let values = values
                .split('|')
                .map(|value| value.trim_ascii().to_owned())
                .filter(|value| !value.is_empty())
                .collect();
            entries.push((name.to_owned(), values));
        }
        push_bounded(findings, new);
        Self { entries }
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use super::*;
    use crate::dataset::Origin;

    #[test]
    fn names_lose_braces_and_values_split_at_bars() {
        let file: Arc<Path> = Path::new("opendkim.conf").into();
        let spec = DataSetSpec::parse(
            "auth_type,{daemon_name}=ORIGINATING|submit",
            Origin {
                option: "MacroList",
                file: Arc::clone(&file),
                line: 4,
            },
        )
        .unwrap();
        let set = Entries::of_list("auth_type,{daemon_name}=ORIGINATING|submit", file, 4);
        let mut findings = Vec::new();
        let list = MacroList::new(&spec, &set, &mut findings);
        assert_eq!(
            list.entries,
            [
                ("auth_type".to_owned(), vec![]),
                (
                    "daemon_name".to_owned(),
                    vec!["ORIGINATING".to_owned(), "submit".to_owned()]
                )
            ]
        );
        assert_eq!(findings[0].remedy.as_deref(), Some("write daemon_name"));
    }
}
