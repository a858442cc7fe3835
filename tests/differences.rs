//! Every test and file that the document of differences points to is there.

use std::{fs, path::Path};

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn each_difference_names_a_test_or_file_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    sources(&root.join("src"), &mut code);
    sources(&root.join("tests"), &mut code);
    let document = fs::read_to_string(root.join("docs/differences.md")).unwrap();
    let mut rows = 0;
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let shown_by = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        if shown_by == "Shown by" {
            continue;
        }
        rows += 1;
        let names: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing shows {line}");
        for name in names {
            let found = match name.starts_with("tests/") {
                true => root.join(name).is_file(),
                false => code.contains(&format!("fn {name}(")),
            };
            assert!(found, "{name} is not there: {line}");
        }
    }
    assert!(rows > 50, "only {rows} rows were read");
}
