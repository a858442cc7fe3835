//! `opendkim-genkey`: its options, defaults, files, layout and exit codes.

use std::{ffi::OsString, path::Path, process::ExitCode};

use super::{
    getopt::{Spec, Takes, parse},
    write::{Overwrite, write_file},
};
use dkimd_keygen::{
    generate::{KeyKind, generate},
    record::{KeyRecord, Note, RecordFormat},
};

const NAME: &str = "opendkim-genkey";
/// The version whose place this takes.
const VERSION: &str = "2.11.0";
const ADVISED_BITS: i64 = 1024;

const fn spec(long: &'static str, short: Option<char>, takes: Takes) -> Spec {
    Spec { long, short, takes }
}

/// `-S` is an option of its own beside `--subdomains`: whichever order they come in, it wins.
const NO_SUBDOMAINS_LETTER: &str = "\0no subdomains";

const SPECS: [Spec; 14] = [
    spec("append-domain", Some('a'), Takes::Switch),
    spec("bits", Some('b'), Takes::Number),
    spec("directory", Some('D'), Takes::Text),
    spec("domain", Some('d'), Takes::Text),
    spec("hash-algorithms", Some('h'), Takes::Text),
    spec("help", None, Takes::Nothing),
    spec("note", Some('n'), Takes::Text),
    spec("restrict", Some('r'), Takes::Switch),
    spec("selector", Some('s'), Takes::Text),
    spec("subdomains", None, Takes::Switch),
    spec("testmode", Some('t'), Takes::Switch),
    spec("verbose", Some('v'), Takes::Nothing),
    spec("version", Some('V'), Takes::Nothing),
    spec(NO_SUBDOMAINS_LETTER, Some('S'), Takes::Nothing),
];

/// The options, with the original's defaults.
#[derive(Debug)]
struct Options {
    append_domain: bool,
    bits: i64,
    directory: String,
    domain: String,
    hash_algorithms: String,
    help: bool,
    note: Option<String>,
    restrict: bool,
    selector: String,
    no_subdomains: bool,
    test_mode: bool,
    verbose: bool,
    version: bool,
}

/// Runs as `opendkim-genkey` with its arguments, the program's name not among them.
pub fn genkey_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // Names for DNS and for people: what is not UTF-8 could not be written anyway.
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let (options, complaints) = Options::parse(arguments);
    if !complaints.is_empty() {
        for complaint in complaints {
            eprintln!("{complaint}");
        }
        options.usage();
        return ExitCode::FAILURE;
    }
    if options.help {
        options.usage();
        return ExitCode::SUCCESS;
    }
    if options.version {
        println!("{NAME} v{VERSION}");
        return ExitCode::SUCCESS;
    }
    match options.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{NAME}: {}", failure.complaint);
            ExitCode::from(failure.code)
        }
    }
}

/// A complaint and the exit code that goes with it.
struct Failure {
    complaint: String,
    code: u8,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> (Self, Vec<String>) {
        let (given, complaints) = parse(&SPECS, arguments);
        let mut options = Self {
            append_domain: false,
            bits: 2048,
            directory: ".".to_owned(),
            domain: "localhost".to_owned(),
            hash_algorithms: "sha256".to_owned(),
            help: false,
            note: None,
            restrict: false,
            selector: "default".to_owned(),
            no_subdomains: false,
            test_mode: false,
            verbose: false,
            version: false,
        };
        let mut subdomains = true;
        for option in given {
            let (value, on) = (option.value, option.on);
            match option.long {
                "append-domain" => options.append_domain = on,
                "bits" => options.bits = value.parse().unwrap_or(i64::MAX),
                "directory" => options.directory = value,
                "domain" => options.domain = value,
                "hash-algorithms" => options.hash_algorithms = value,
                "help" => options.help = true,
                "note" => options.note = Some(value),
                "restrict" => options.restrict = on,
                "selector" => options.selector = value,
                "subdomains" => subdomains = on,
                "testmode" => options.test_mode = on,
                "verbose" => options.verbose = true,
                "version" => options.version = true,
                _ => options.no_subdomains = true,
            }
        }
        options.no_subdomains |= !subdomains;
        (options, complaints)
    }

    fn run(&self) -> Result<(), Failure> {
        std::env::set_current_dir(&self.directory).map_err(|cause| Failure {
            complaint: format!("{}: chdir(): {cause}", self.directory),
            code: cause
                .raw_os_error()
                .and_then(|errno| u8::try_from(errno).ok())
                .unwrap_or(1),
        })?;
        if self.bits < ADVISED_BITS {
            eprintln!("{NAME}: WARNING: RFC6376 advises minimum {ADVISED_BITS}-bit keys");
        }
        let failure = |complaint: String| Failure { complaint, code: 1 };
        let write = |name: &str, content: &[u8], public| {
            let overwrite = Overwrite::KeepOwnerAndMode { public };
            write_file(Path::new(name), content, 0o600, overwrite)
                .map_err(|cause| failure(format!("unable to write to {name}: {cause}")))
        };

        self.say("generating private key");
        let kind = KeyKind::Rsa(u32::try_from(self.bits).unwrap_or(0));
        let key = generate(kind).map_err(|error| failure(error.to_string()))?;
        let private = format!("{}.private", self.selector);
        write(&private, key.pem.as_bytes(), false)?;
        self.say(&format!("private key written to {private}"));

        self.say("extracting public key");
        let record = KeyRecord {
            selector: self.selector.clone(),
            domain: self.domain.clone(),
            full_name: self.append_domain,
            hashes: Some(self.hash_algorithms.clone()),
            note: self.note.clone().map(Note::Raw),
            email_only: self.restrict,
            no_subdomains: self.no_subdomains,
            test_mode: self.test_mode,
            kind,
            public: key.public,
        };
        let text = format!("{}.txt", self.selector);
        write(&text, record.write(RecordFormat::Zone).as_bytes(), true)?;
        self.say(&format!("DNS TXT record written to {text}"));
        Ok(())
    }

    fn say(&self, what: &str) {
        if self.verbose {
            eprintln!("{NAME}: {what}");
        }
    }

    /// The original's text, the values so far standing as defaults.
    fn usage(&self) {
        eprintln!(
            "{NAME}: usage: {NAME} [options]\n\
             \t--append-domain        include domain name in zone file stub\n\
             \t--bits=n               use n bits to generate the key\n\
             \t--directory=path       leave output in the named directory\n\
             \t--domain=name          generate data for the named domain [{}]\n\
             \t--hash-algorithms=list limit to use of the named algorithm(s)\n\
             \t--help                 print help and exit\n\
             \t--note=string          include specified note in zone data\n\
             \t--restrict             restrict key to email use only\n\
             \t--selector=name        selector name [{}]\n\
             \t--subdomains           allow signing of subdomains\n\
             \t--testmode             indicate key is in test mode\n\
             \t--verbose              increased output\n\
             \t--version              print version and exit",
            self.domain, self.selector
        );
    }
}
