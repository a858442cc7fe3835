//! What docs/json.md promises of `--json`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

/// The keys in the tables of a section; `""` is what stands before the first.
fn keys(section: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    let text = fs::read_to_string(path).unwrap();
    let mut here = "";
    text.lines()
        .filter_map(|line| {
            if let Some(title) = line.strip_prefix("## ") {
                here = title;
            }
            let key = line.strip_prefix("| `")?;
            (here == section).then(|| key.split('`').next().unwrap().to_owned())
        })
        .collect()
}

/// Fails unless the document has the form that is documented for the command, and no key besides.
pub fn assert_documented(command: &str, document: &Value) {
    assert_eq!(document["format"], 1, "{document}");
    assert_eq!(document["command"], command, "{document}");
    let known: BTreeSet<_> = keys("").union(&keys(command)).cloned().collect();
    for key in document.as_object().unwrap().keys() {
        assert!(
            known.contains(key),
            "{command} prints {key}, which docs/json.md does not have"
        );
    }
    if command == "testkey" {
        return;
    }
    let shape = keys("finding");
    for finding in document["findings"].as_array().unwrap() {
        let mut has: BTreeSet<_> = finding.as_object().unwrap().keys().cloned().collect();
        if command != "doctor" {
            has.extend(["check".to_owned(), "chapter".to_owned()]);
        }
        assert_eq!(has, shape, "{finding}");
        let level = finding["level"].as_str().unwrap();
        assert!(["fail", "warn", "info"].contains(&level), "{finding}");
        for step in finding["fix"].as_array().unwrap() {
            let kind = step["kind"].as_str().unwrap();
            assert!(
                ["command", "record", "setting", "words"].contains(&kind),
                "{step}"
            );
            assert_eq!(step["file"].is_string(), kind == "setting", "{step}");
            assert!(step["text"].is_string(), "{step}");
        }
    }
}
