//! What is wrong with something the administrator wrote, and what to write instead.

use std::{
    fmt::{self, Display, Formatter},
    path::Path,
    sync::Arc,
};

use crate::secret;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// dkimd runs, but not as the line says or as the administrator probably means.
    Warning,
    /// This part of the configuration can't be used.
    Error,
}

/// One finding in a configuration file, a table or a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands: a file, or the words `command line`.
    pub file: Option<Arc<Path>>,
    /// Line in that file, counted from 1.
    pub line: Option<u32>,
    /// What is wrong.
    pub what: String,
    /// What to write or run instead, as a sentence or a command.
    pub remedy: Option<String>,
    /// Whether mail that the line is for leaves unsigned, or waits.
    pub unsigned: bool,
    /// Whether this process's rights alone are in the way, which tells nothing of another's.
    pub denied: bool,
}

impl Diagnostic {
    /// A finding that stops this part of the configuration from being used. Passwords and keys in
    /// its words are left out.
    pub fn error(what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: None,
            line: None,
            what: secret::owned(what.into()),
            remedy: None,
            unsigned: false,
            denied: false,
        }
    }

    /// A finding that leaves dkimd able to run.
    pub fn warning(what: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(what)
        }
    }

    /// Adds the place; line 0 stands for the file as a whole, or the command line.
    pub fn at(mut self, file: &Arc<Path>, line: u32) -> Self {
        self.file = Some(Arc::clone(file));
        self.line = (line > 0).then_some(line);
        self
    }

    /// Adds the file alone, for findings about a file as a whole.
    pub fn in_file(mut self, file: &Arc<Path>) -> Self {
        self.file = Some(Arc::clone(file));
        self
    }

    /// Adds what to write or run instead.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(secret::owned(remedy.into()));
        self
    }

    /// Adds that mail that the line is for leaves unsigned, or waits.
    pub fn leaves_unsigned(mut self) -> Self {
        self.unsigned = true;
        self
    }

    /// Adds whether it is for want of this process's rights alone.
    pub fn denied_if(mut self, denied: bool) -> Self {
        self.denied = denied;
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl Display for Diagnostic {
    /// `FILE:LINE: error: WHAT; REMEDY`
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        match self.severity {
            Severity::Warning => f.write_str("warning: ")?,
            Severity::Error => f.write_str("error: ")?,
        }
        f.write_str(&self.what)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}
