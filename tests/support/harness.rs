//! Runs a Python harness against the program under test and fails with what it prints.

use std::path::Path;
use std::process::Command;

/// Debian's interpreter, the one that has the `dkim` module; another one in the path may not.
const PYTHON: &str = "/usr/bin/python3";

/// Runs `tests/<script>` with `DKIM_PROGRAM` naming dkimd, unless the caller's environment names another program.
pub fn run(script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(script);
    let program =
        std::env::var_os("DKIM_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_dkimd").into());
    let status = Command::new(PYTHON)
        .arg("-B")
        .arg(&path)
        .env("DKIM_PROGRAM", program)
        .status()
        .unwrap_or_else(|error| panic!("{PYTHON}: {error}; tests/install-peers installs it"));
    assert!(
        status.success(),
        "{script} failed; what it printed stands above"
    );
}
