//! A plan in the making: files as they will be, and the steps that lead there.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{
    change::{Change, FileChange, FileState, sha256},
    hunks::{self, Hunk},
    journal::Entry,
};
use dkimd_advice::{text, text::Text};
use dkimd_hand::{Attributes, MOST_OCTETS, Place, PlaceError};

/// One step of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done and why.
    pub words: Words,
    /// The places in the file that change.
    pub places: Vec<Spot>,
    /// The change.
    pub entry: Entry,
}

/// What a step is for.
#[derive(Clone, Debug)]
pub struct Words {
    /// What is done.
    pub what: Text,
    /// Why.
    pub why: Text,
    /// The command that does the same by hand, where there is one.
    pub command: Option<String>,
    /// Whether other domains will rely on it.
    pub shared: bool,
}

impl Words {
    /// Of a step that other domains will rely on.
    pub fn shared(what: Text, why: Text) -> Self {
        Self {
            what,
            why,
            command: None,
            shared: true,
        }
    }

    /// Of a step for one domain alone.
    pub fn own(what: Text, why: Text) -> Self {
        Self {
            shared: false,
            ..Self::shared(what, why)
        }
    }

    /// The same, with the command that does it by hand.
    #[must_use]
    pub fn by(self, command: String) -> Self {
        Self {
            command: Some(command),
            ..self
        }
    }
}

/// A place in a file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line that it begins at, counted from 1.
    pub line: usize,
    /// Lines that go.
    pub removed: Vec<String>,
    /// Lines that come.
    pub added: Vec<String>,
}

/// Files as they will be, and how.
#[derive(Debug, Default)]
pub struct Draft {
    files: BTreeMap<PathBuf, Planned>,
    steps: Vec<Step>,
    word: Option<Word>,
}

/// A file that says where something is to be changed, though others than root can change the file.
#[derive(Clone, Debug)]
pub struct Word {
    /// The file.
    pub file: PathBuf,
    /// Who can change it.
    pub user: String,
    /// What may be changed all the same, and what stands directly in it: the file does not decide on it.
    pub free: Vec<PathBuf>,
}

impl Word {
    /// Refuses that root changes a place because this file says so.
    ///
    /// # Errors
    /// Where root would, and the place is not free.
    pub fn permits(&self, place: &Place) -> Result<(), PlaceError> {
        let path = place.path();
        let is_free = |free: &PathBuf| free == path || Some(free.as_path()) == path.parent();
        match place.owner().is_some() || self.free.iter().any(is_free) {
            true => Ok(()),
            false => Err(PlaceError::Word {
                path: path.to_owned(),
                file: self.file.clone(),
                user: self.user.clone(),
            }),
        }
    }
}

#[derive(Debug)]
struct Planned {
    content: Option<Vec<u8>>,
    attributes: Option<Attributes>,
    changes: bool,
}

impl Draft {
    /// A draft that goes by the word of a file that others can change.
    pub fn by_word(word: Option<Word>) -> Self {
        Self {
            word,
            ..Self::default()
        }
    }

    /// The content that a file will have; `None`: there is no such file.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn content(&mut self, path: &Path) -> io::Result<Option<&[u8]>> {
        Ok(self.planned(path)?.content.as_deref())
    }

    /// Plans a new content. Does nothing where the file has it already. A new file gets
    /// `attributes`, and the directory it stands in where that is missing.
    ///
    /// # Errors
    /// When the file is there and can't be read.
    pub fn write(
        &mut self,
        path: &Path,
        content: Vec<u8>,
        attributes: Attributes,
        words: Words,
    ) -> io::Result<()> {
        let place = Place::find(path)?;
        let path = place.path().to_owned();
        let word = self.word.clone();
        let planned = self.planned(&path)?;
        if planned.content.as_ref() == Some(&content) {
            return Ok(());
        }
        if let Some(word) = word {
            word.permits(&place)?;
        }
        place.may_write_beside()?;
        let state = |content: &[u8], attributes| FileState {
            sha256: sha256(content),
            attributes,
        };
        let before = planned.content.as_deref();
        let old = before.unwrap_or_default();
        let hunks = hunks::diff(old, &content);
        let places = places(old, &hunks);
        let present = planned.attributes.unwrap_or(attributes);
        let attributes = place.attributes(present);
        let change = Change::File(FileChange {
            path: path.clone(),
            before: before.map(|before| state(before, present)),
            after: state(&content, attributes),
            hunks,
        });
        *planned = Planned {
            content: Some(content),
            attributes: Some(attributes),
            changes: true,
        };
        self.push(words, places, change);
        Ok(())
    }

    /// Plans a change that is not a file's content.
    ///
    /// # Errors
    /// When it can't be made as it is wanted.
    pub fn change(&mut self, words: Words, mut change: Change) -> Result<(), PlaceError> {
        let place = match &change {
            Change::Member { .. } => None,
            other => Some(Place::find(other.path())?),
        };
        if let Some(place) = place {
            if let Some(word) = &self.word {
                word.permits(&place)?;
            }
            match &mut change {
                Change::Key { attributes, .. } | Change::Directory { attributes, .. } => {
                    place.may_write_beside()?;
                    *attributes = place.fitting(*attributes)?;
                }
                Change::Attributes { after, .. } if place.fitting(*after)? != *after => {
                    return Err(place.denied());
                }
                _ => {}
            }
        }
        self.push(words, Vec::new(), change);
        Ok(())
    }

    /// Plans directories that are missing on the way to and with `directory`. Those on the way are
    /// root's: their owner could put a link in the place of what root makes in them.
    ///
    /// # Errors
    /// When one can't be made as it is wanted.
    pub fn directories(
        &mut self,
        directory: &Path,
        attributes: Attributes,
        why: &Text,
    ) -> Result<(), PlaceError> {
        let planned = |path: &Path| {
            self.steps().iter().any(
                |step| matches!(&step.entry.change, Change::Directory { path: made, .. } if made == path),
            )
        };
        let mut missing = Vec::new();
        for path in directory.ancestors() {
            if path.as_os_str().is_empty() || dkimd_hand::exists(path)? {
                break;
            }
            missing.push(path.to_owned());
        }
        missing.retain(|path| !planned(path));
        for path in missing.into_iter().rev() {
            let attributes = match path == directory {
                true => attributes,
                false => Attributes::PUBLIC_DIRECTORY,
            };
            let shown = path.display();
            let words = Words::shared(text!("Make the directory {shown}"), why.clone())
                .by(format!("install -d {attributes} {shown}"));
            self.change(words, Change::Directory { path, attributes })?;
        }
        Ok(())
    }

    /// The files that change, with what they will hold.
    pub fn changed(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files
            .iter()
            .filter(|(_, planned)| planned.changes)
            .filter_map(|(path, planned)| Some((path.as_path(), planned.content.as_deref()?)))
    }

    /// The steps so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// All steps.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    fn push(&mut self, words: Words, places: Vec<Spot>, change: Change) {
        let shared = words.shared;
        self.steps.push(Step {
            words,
            places,
            entry: Entry { shared, change },
        });
    }

    fn planned(&mut self, path: &Path) -> io::Result<&mut Planned> {
        let place = Place::find(path)?;
        let path = place.path().to_owned();
        if !self.files.contains_key(&path) {
            let (content, attributes) = place.read(MOST_OCTETS)?.unzip();
            let planned = Planned {
                content,
                attributes,
                changes: false,
            };
            self.files.insert(path.clone(), planned);
        }
        Ok(self.files.entry(path).or_insert(Planned {
            content: None,
            attributes: None,
            changes: false,
        }))
    }
}

/// The places that change, for people.
pub fn places(before: &[u8], hunks: &[Hunk]) -> Vec<Spot> {
    let lines = |text: &[u8]| {
        String::from_utf8_lossy(text)
            .lines()
            .map(str::to_owned)
            .collect()
    };
    let mut line = 1;
    let mut read = 0;
    let mut places = Vec::with_capacity(hunks.len());
    for hunk in hunks {
        let upto = hunk.at.min(before.len());
        line += memchr::memchr_iter(b'\n', &before[read..upto]).count();
        read = upto;
        let mut place = Spot {
            line,
            removed: lines(&hunk.old.0),
            added: lines(&hunk.new.0),
        };
        // A last line that only gets its line end is no change worth showing.
        if let (Some(old), Some(new)) = (place.removed.first(), place.added.first())
            && old == new
        {
            place.removed.remove(0);
            place.added.remove(0);
            place.line += 1;
        }
        places.push(place);
    }
    places
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn words() -> Words {
        Words::shared(text!("x"), text!("y"))
    }

    #[test]
    fn a_content_that_is_there_already_is_no_step() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        fs::write(&path, "a\nb\n").unwrap();
        let mut draft = Draft::default();
        let write = |draft: &mut Draft, text: &str| {
            draft
                .write(&path, text.into(), Attributes::PUBLIC_FILE, words())
                .unwrap();
        };
        write(&mut draft, "a\nb\n");
        assert!(draft.steps().is_empty());
        write(&mut draft, "a\nx\nb\n");
        write(&mut draft, "a\nx\nb\n");
        assert_eq!(draft.steps().len(), 1);
        assert_eq!(
            draft.steps()[0].places,
            [Spot {
                line: 2,
                removed: vec![],
                added: vec!["x".to_owned()]
            }]
        );
        assert_eq!(draft.content(&path).unwrap(), Some(&b"a\nx\nb\n"[..]));
    }

    #[test]
    fn only_the_last_of_missing_directories_is_given_away() {
        let dir = tempfile::tempdir().unwrap();
        let mut draft = Draft::default();
        let daemons = Attributes {
            owner: 107,
            group: 113,
            mode: 0o700,
        };
        let why = text!("why");
        draft
            .directories(&dir.path().join("a/b"), daemons, &why)
            .unwrap();
        let made: Vec<_> = draft
            .steps()
            .iter()
            .filter_map(|step| match &step.entry.change {
                Change::Directory { attributes, .. } => Some(*attributes),
                _ => None,
            })
            .collect();
        assert_eq!(made, [Attributes::PUBLIC_DIRECTORY, daemons]);
    }

    #[test]
    fn a_line_after_an_unfinished_one_is_shown_alone() {
        assert_eq!(
            places(b"a\nb", &hunks::diff(b"a\nb", b"a\nb\nc")),
            [Spot {
                line: 3,
                removed: vec![],
                added: vec!["c".to_owned()]
            }]
        );
    }
}
