//! `dkimd man` and `dkimd completions`: made from the definitions that the program itself runs on.

mod conf;
mod genkey;
mod opendkim;
mod page;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use self::page::Page;
use super::Cli;
use dkimd_server::process::{ExitCode, Failure};

/// Arguments of `dkimd man`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "DIR is a share directory such as /usr/local/share: pages go to \
    DIR/man/man1, man5 and man8, completions to where bash, zsh and fish look for them below DIR."
)]
pub struct ManArgs {
    /// Write all pages and completions below this directory instead of printing dkimd(1)
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Arguments of `dkimd completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Where completions lie below a share directory.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/dkimd"),
    (Shell::Zsh, "zsh/site-functions/_dkimd"),
    (Shell::Fish, "fish/vendor_completions.d/dkimd.fish"),
];

/// Prints or writes the pages.
pub fn run(args: &ManArgs) -> ExitCode {
    let done = match &args.output {
        Some(directory) => write_all(directory),
        None => main_page().and_then(|page| io::Write::write_all(&mut io::stdout(), &page)),
    };
    match done {
        Ok(()) => ExitCode::Ok,
        // Whoever reads the page has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Ok,
        Err(error) => {
            let failure = Failure::new(ExitCode::IoError, format!("manual pages: {error}"));
            failure.tell("dkimd");
            failure.code
        }
    }
}

/// Prints the completions of a shell.
pub fn completions(args: &CompletionsArgs) -> ExitCode {
    clap_complete::generate(args.shell, &mut Cli::command(), "dkimd", &mut io::stdout());
    ExitCode::Ok
}

fn write_all(share: &Path) -> io::Result<()> {
    for (name, page) in pages()? {
        let section = name.rsplit('.').next().unwrap_or_default();
        write(
            &share.join("man").join(format!("man{section}")).join(&name),
            &page,
        )?;
    }
    for (shell, path) in COMPLETIONS {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "dkimd", &mut script);
        write(&share.join(path), &script)?;
    }
    Ok(())
}

fn write(path: &Path, octets: &[u8]) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(named)?;
    }
    fs::write(path, octets).map_err(named)
}

/// Every page with its file name.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = vec![
        ("opendkim.8".to_owned(), opendkim::page().into_bytes()),
        ("opendkim.conf.5".to_owned(), conf::page().into_bytes()),
        ("opendkim-genkey.8".to_owned(), genkey::page().into_bytes()),
    ];
    let told = |command: &&clap::Command| !command.is_hide_set();
    for command in program.get_subcommands().filter(told).cloned() {
        pages.push((
            format!("dkimd-{}.1", command.get_name()),
            rendered(command)?,
        ));
    }
    pages.push(("dkimd.1".to_owned(), main_page()?));
    Ok(pages)
}

/// dkimd(1): its examples and exit codes are sections of their own.
fn main_page() -> io::Result<Vec<u8>> {
    let mut program = Cli::command()
        .disable_help_subcommand(true)
        .after_help(clap::builder::Resettable::Reset);
    program.build();
    let mut page = rendered(program)?;
    let mut rest = Page::rest();
    rest.section("EXAMPLES").example(super::EXAMPLES);
    rest.section("OTHER NAMES").paragraph(super::NAMES);
    rest.exit_codes(ExitCode::ALL);
    rest.section("SEE ALSO")
        .paragraph("opendkim(8), opendkim.conf(5), opendkim-genkey(8)");
    page.extend_from_slice(rest.render().as_bytes());
    Ok(page)
}

fn rendered(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command)
        .source(page::SOURCE)
        .manual("dkimd")
        .render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn every_subcommand_and_every_name_has_its_page() {
        let names: Vec<_> = pages().unwrap().into_iter().map(|(name, _)| name).collect();
        for command in Cli::command().get_subcommands() {
            let page = format!("dkimd-{}.1", command.get_name());
            assert_eq!(names.contains(&page), !command.is_hide_set(), "{page}");
        }
        for page in [
            "dkimd.1",
            "opendkim.8",
            "opendkim.conf.5",
            "opendkim-genkey.8",
        ] {
            assert!(names.iter().any(|name| name == page), "{page}");
        }
    }

    #[test]
    fn all_is_written_where_manual_and_shells_look() {
        let share = tempfile::tempdir().unwrap();
        write_all(share.path()).unwrap();
        for path in [
            "man/man1/dkimd-check.1",
            "man/man5/opendkim.conf.5",
            "man/man8/opendkim.8",
            "bash-completion/completions/dkimd",
            "zsh/site-functions/_dkimd",
            "fish/vendor_completions.d/dkimd.fish",
        ] {
            assert!(
                share.path().join(path).metadata().unwrap().len() > 100,
                "{path}"
            );
        }
    }

    /// By groff, which man(1) uses; where it is missing there is nobody to judge.
    #[test]
    fn the_formatter_has_no_complaint_about_any_page() {
        let share = tempfile::tempdir().unwrap();
        write_all(share.path()).unwrap();
        for (name, _) in pages().unwrap() {
            let section = name.rsplit('.').next().unwrap();
            let path = share.path().join(format!("man/man{section}/{name}"));
            let judged = Command::new("groff")
                .args(["-man", "-Tutf8", "-ww", "-rCHECKSTYLE=1"])
                .arg(&path)
                .stdout(Stdio::null())
                .output();
            let Ok(judged) = judged else { return };
            let complaints = String::from_utf8_lossy(&judged.stderr).into_owned();
            assert!(complaints.is_empty(), "{name}: {complaints}");
        }
    }
}
