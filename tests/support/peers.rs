//! Other implementations of DKIM as judges, and odd input to put before them.

#![allow(dead_code, reason = "each test program uses a part")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Whether the tests against other implementations are left out on purpose.
pub fn left_out() -> bool {
    std::env::var_os("DKIMD_WITHOUT_PEERS").is_some_and(|value| value == "1")
}

/// Runs a program of the system; its absence is an error that says what to do.
pub fn run(command: &mut Command) -> std::process::Output {
    command.output().unwrap_or_else(|error| {
        panic!("{command:?} does not run ({error}): {HOW_TO_GO_ON}");
    })
}

const HOW_TO_GO_ON: &str = "install opendkim, python3-dkim, python3-nacl and libmail-dkim-perl, \
     or set DKIMD_WITHOUT_PEERS=1 to leave the comparisons out";

/// Gives a script all cases on its standard input, one a line, and returns its answers, one a line.
pub fn ask(interpreter: &str, switch: &str, script: &str, cases: &[String]) -> Vec<String> {
    let mut child = Command::new(interpreter)
        .args([switch, script])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{interpreter} does not run ({error}): {HOW_TO_GO_ON}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = cases.join("\n") + "\n";
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        output.status.success(),
        "{interpreter} failed: {HOW_TO_GO_ON}"
    );
    let answers: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(answers.len(), cases.len(), "{interpreter}: {HOW_TO_GO_ON}");
    answers
}

/// A key in PEM, for programs that read no DER.
pub fn write_pem(der: &[u8], label: &str, path: &Path) {
    std::fs::write(path, pem::encode(&pem::Pem::new(label, der))).unwrap();
}

/// Numbers that look like chance and are the same on every run (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `odds` times.
    pub fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    /// One of `choices`.
    pub fn one_of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// Up to `most` of `tokens`, one after the other.
    pub fn tokens(&mut self, tokens: &[&[u8]], most: usize) -> Vec<u8> {
        let count = self.below(most + 1);
        (0..count)
            .flat_map(|_| self.one_of(tokens).to_vec())
            .collect()
    }
}
