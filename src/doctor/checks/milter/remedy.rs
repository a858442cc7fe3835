//! Remedies that change Postfix's settings, each for one finding.

use super::place::{ListPlace, Site};
use dkimd_advice::Finding;
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    Postfix,
    change::{Change, quoted_path},
    milters::{endpoint_of, items},
};

/// The directory for our server's socket that the package makes in the queue directory.
const INSIDE: &str = "opendkim";
/// The socket's name there.
const SOCKET_NAME: &str = "opendkim.sock";

/// A finding, and how Postfix's settings are changed to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mended {
    pub(super) finding: Finding,
    /// What is changed.
    pub(super) edits: Vec<Edit>,
    /// What is run when Postfix has its new settings.
    pub(super) then: Vec<String>,
    /// Where our server listens afterwards, if the remedy moves it.
    pub(super) socket: Option<SocketSpec>,
    /// Whether the remedy also changes our server's own settings, which are not tried here.
    pub(super) elsewhere: bool,
}

/// A change that takes the settings as the ones before have left them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Of a list of filters.
    List(ListPlace, How),
    /// Of anything else.
    Set(Change),
}

/// What becomes of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Another one, as it is to be written.
    Whole(String),
    /// One filter is written another way.
    Replace(String, String),
    /// One more.
    Append(String),
    /// One filter only once.
    Once(String),
    /// Two filters change places.
    Exchange(String, String),
}

impl From<Finding> for Mended {
    fn from(finding: Finding) -> Self {
        Self {
            finding,
            edits: Vec::new(),
            then: Vec::new(),
            socket: None,
            elsewhere: false,
        }
    }
}

impl Mended {
    /// A finding that a change of a list mends.
    pub(super) fn list(finding: Finding, place: ListPlace, how: How) -> Self {
        Self::from(finding).with(Edit::List(place, how))
    }

    /// The remedy that lets our server listen where every service of Postfix can see it, and its
    /// address there.
    pub(super) fn moved_into_queue(site: &Site<'_>, finding: Finding) -> (Self, String) {
        let directory = site.queue().join(INSIDE);
        let path = directory.join(SOCKET_NAME);
        let (user, file) = (site.user, site.config.display().to_string());
        let shown = directory.to_string_lossy();
        let finding = finding
            .command(format!(
                "install -d -o {user} -g postfix -m 2750 {}",
                quoted_path(&shown)
            ))
            .setting(file.clone(), format!("Socket local:{}", path.display()))
            .setting(file, "UMask 007")
            .command("systemctl restart opendkim");
        let mended = Self {
            socket: Some(SocketSpec::Unix(path)),
            ..Self::from(finding)
        };
        (mended, format!("unix:{INSIDE}/{SOCKET_NAME}"))
    }

    /// One change more.
    pub(super) fn with(mut self, edit: Edit) -> Self {
        if !self.edits.contains(&edit) {
            self.edits.push(edit);
        }
        self
    }
}

impl Edit {
    /// A parameter of `main.cf`.
    pub(super) fn main(parameter: &str, value: &str) -> Self {
        Self::Set(Change::Main {
            parameter: parameter.to_owned(),
            value: value.to_owned(),
        })
    }

    /// A parameter of a service.
    pub(super) fn service(service: &str, parameter: &str, value: &str) -> Self {
        Self::Set(Change::Service {
            service: service.to_owned(),
            parameter: parameter.to_owned(),
            value: value.to_owned(),
        })
    }

    /// The change; `None` where it is made already.
    pub(super) fn change(&self, postfix: &Postfix) -> Option<Change> {
        let (place, how) = match self {
            Self::Set(change) => return Some(change.clone()),
            Self::List(place, how) => (place, how),
        };
        let old = items(place.list(postfix));
        let value = match how {
            How::Whole(value) => value.clone(),
            _ => how.applied(&old).join(", "),
        };
        if !matches!(how, How::Whole(_)) && value == old.join(", ") {
            return None;
        }
        Some(match &place.service {
            None => Change::Main {
                parameter: place.parameter.clone(),
                value,
            },
            Some(service) => Change::Service {
                service: service.clone(),
                parameter: place.parameter.clone(),
                value: without_blanks(&value),
            },
        })
    }
}

impl How {
    fn applied<'a>(&'a self, old: &[&'a str]) -> Vec<&'a str> {
        match self {
            Self::Whole(value) => vec![value],
            Self::Replace(from, to) => {
                let now = |item: &&'a str| if item == from { to.as_str() } else { item };
                old.iter().map(now).collect()
            }
            Self::Append(item) => {
                let more = (!old.contains(&item.as_str())).then_some(item.as_str());
                old.iter().copied().chain(more).collect()
            }
            Self::Once(endpoint) => {
                let same = |item: &&str| endpoint_of(item) == endpoint;
                let mut seen = false;
                let wanted = |item: &&'a str| !same(item) || !std::mem::replace(&mut seen, true);
                old.iter().copied().filter(wanted).collect()
            }
            Self::Exchange(one, other) => {
                let now = |item: &&'a str| match *item {
                    item if item == one => other.as_str(),
                    item if item == other => one.as_str(),
                    item => item,
                };
                old.iter().map(now).collect()
            }
        }
    }
}

/// `postconf -P` takes no blanks; commas part the items of a list as well.
fn without_blanks(list: &str) -> String {
    let words = |text: &str| text.split_ascii_whitespace().collect::<Vec<_>>().join("");
    let items: Vec<_> = items(list).into_iter().map(words).collect();
    items.join(",")
}
