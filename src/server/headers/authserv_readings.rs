//! All readings of what stands before a field's first semicolon (RFC 8601 section 2.2), side by side.
//!
//! Programs that read Authentication-Results disagree about a backslash outside of quotes, about
//! escapes in comments and quotes, about parentheses in quotes, about octets beyond ASCII. A forger
//! needs only one of them to take a field for ours, so every reading is followed, all in one pass: a
//! reading is one bit in a few sets. That is linear in the octets, whatever they are.

use std::{array, mem};

/// Octets of text that a reading keeps: as many as a host's name may have (RFC 1035 section 3.1), four
/// times for letters beyond ASCII.
const MAX_TEXT_OCTETS: usize = 4 * 255;

/// What a reading has come to at the end of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning<'a> {
    /// The octets that names are made of, in lower case, up to here. What stood between them is left
    /// out: blanks and comments may part an authserv-id.
    pub(super) text: &'a [u8],
    /// How much of `text` some readers pass over: numbers, and the field's own name.
    pub(super) before: usize,
    /// Whether a slash stood before the last word: it is part of a job's name.
    pub(super) in_job: bool,
    /// Where in the value the word ends.
    pub(super) end: usize,
}

/// What a beginning is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// It is what is looked for.
    Found,
    /// With more words it may become that.
    Open,
    /// Nothing that follows makes it that.
    Never,
}

/// Has `judge` look at the end of each word of each reading, until it finds something.
///
/// Where every reading ends within a quote or comment that is never closed, what opens it counts as a
/// blank, and a comment may end at its first closing parenthesis.
pub(super) fn any_reading(value: &[u8], mut judge: impl FnMut(Beginning<'_>) -> Worth) -> bool {
    let needed = needed(value);
    let mut strict = Pass::new(needed, Comments::Nested);
    if strict.run(value, &mut judge) {
        return true;
    }
    if strict.complete {
        return false;
    }
    let unclosed = Comments::Until(strict.openings);
    Pass::new(needed, unclosed).run(value, &mut judge)
        || Pass::new(needed, Comments::Flat).run(value, &mut judge)
}

/// Has `judge` look at the end of each word as RFC 8601 reads it.
pub(super) fn standard_reading(value: &[u8], mut judge: impl FnMut(Beginning<'_>) -> Worth) {
    Pass::new(STANDARD, Comments::Nested).run(value, &mut judge);
}

/// Some of the readings, a bit for each.
type Set = u64;

/// A reading answers five questions: whether a backslash makes the next octet plain text outside of
/// quotes and comments, and within comments; what a quotation mark is; whether octets beyond ASCII are
/// letters; what a word is that begins with an opening parenthesis, quoted or after a backslash.
const CHOICES: [usize; 5] = [2, 2, 3, 2, 2];
const READINGS: usize = CHOICES[0] * CHOICES[1] * CHOICES[2] * CHOICES[3] * CHOICES[4];

const ESCAPE_OUTSIDE: Set = readings(0, 1);
const ESCAPE_IN_COMMENT: Set = readings(1, 1);
const ESCAPE_IN_QUOTES: Set = readings(2, 2);
/// In the others a quotation mark is a blank.
const QUOTES: Set = readings(2, 1) | ESCAPE_IN_QUOTES;
/// Octets beyond ASCII are letters; in the others they are blanks.
const LETTERS: Set = readings(3, 1);
/// Such a word is a comment, as the OpenDKIM family has it.
const COMMENT_WORDS: Set = readings(4, 1);
const ALL: Set = (1 << READINGS) - 1;
/// RFC 5322 with the letters of RFC 6532.
const STANDARD: Set =
    ESCAPE_OUTSIDE & ESCAPE_IN_COMMENT & ESCAPE_IN_QUOTES & LETTERS & !COMMENT_WORDS;

/// The readings that answer a question so.
const fn readings(question: usize, choice: usize) -> Set {
    let mut set = 0;
    let mut reading = 0;
    while reading < READINGS {
        let mut rest = reading;
        let mut at = 0;
        while at < question {
            rest /= CHOICES[at];
            at += 1;
        }
        if rest % CHOICES[question] == choice {
            set |= 1 << reading;
        }
        reading += 1;
    }
    set
}

/// What an octet is to all readings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Name,
    BeyondAscii,
    Blank,
    Backslash,
    Quote,
    Open,
    Close,
    Slash,
    Semicolon,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Blank; 256];
    let mut octet = 0;
    while octet < classes.len() {
        classes[octet] = match octet as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => Class::Name,
            0x80.. => Class::BeyondAscii,
            b'\\' => Class::Backslash,
            b'"' => Class::Quote,
            b'(' => Class::Open,
            b')' => Class::Close,
            b'/' => Class::Slash,
            b';' => Class::Semicolon,
            _ => Class::Blank,
        };
        octet += 1;
    }
    classes
};

/// What ends a word that is a comment.
const fn ends_comment_word(octet: u8) -> bool {
    matches!(octet, b'\t'..=b'\r' | b' ' | b'.' | b';' | b'=' | b'(')
}

fn class(octet: u8) -> Class {
    CLASSES[usize::from(octet)]
}

/// Whether names are made of such octets; the others count as blanks.
pub(super) fn is_name_octet(octet: u8) -> bool {
    matches!(class(octet), Class::Name | Class::BeyondAscii)
}

/// The readings that come to something different for this value: mostly one.
fn needed(value: &[u8]) -> Set {
    let seen = |octets: &[u8]| {
        let bits = octets.iter().map(|&octet| 1u16 << class(octet) as u16);
        let seen = bits.fold(0, |seen, bit| seen | bit);
        move |class: Class| seen & (1 << class as u16) != 0
    };
    let first_end = memchr::memchr(b';', value).unwrap_or(value.len());
    let mut has = seen(&value[..first_end]);
    if has(Class::Backslash) || has(Class::Quote) || has(Class::Open) {
        // That semicolon may be part of a quote or comment.
        has = seen(value);
    }
    let mut needed = ALL;
    for (class, only) in [
        (
            Class::Backslash,
            ESCAPE_OUTSIDE | ESCAPE_IN_COMMENT | ESCAPE_IN_QUOTES,
        ),
        (Class::Open, ESCAPE_IN_COMMENT),
        (Class::Quote, QUOTES),
        (Class::BeyondAscii, LETTERS),
    ] {
        if !has(class) {
            needed &= !only;
        }
    }
    if !has(Class::Open) || !has(Class::Backslash) && !has(Class::Quote) {
        needed &= !COMMENT_WORDS;
    }
    needed
}

/// What ends a comment.
enum Comments {
    /// The parenthesis that belongs to the first.
    Nested,
    /// The same, but from these places on parentheses and quotation marks are blanks.
    Until(Vec<Opening>),
    /// The first closing parenthesis.
    Flat,
}

/// Where readings came last to a quote or comment that opens.
struct Opening {
    at: usize,
    readings: Set,
}

/// A counter for each reading, a bit of all of them in each element: how deep comments are nested.
#[derive(Default)]
struct Counters(Vec<Set>);

impl Counters {
    fn increment(&mut self, mut readings: Set) {
        for bits in &mut self.0 {
            let carry = *bits & readings;
            *bits ^= readings;
            readings = carry;
            if readings == 0 {
                return;
            }
        }
        if readings != 0 {
            self.0.push(readings);
        }
    }

    /// None of them may be zero.
    fn decrement(&mut self, mut readings: Set) {
        for bits in &mut self.0 {
            let borrow = !*bits & readings;
            *bits ^= readings;
            readings = borrow;
            if readings == 0 {
                return;
            }
        }
    }

    fn not_zero(&self) -> Set {
        self.0.iter().fold(0, |some, bits| some | bits)
    }
}

/// What one reading remembers.
#[derive(Default)]
struct Lane {
    text: Vec<u8>,
    /// Where in `text` the word under way begins.
    word: usize,
    before: usize,
    /// Where in `text` a job begins.
    job: Option<usize>,
}

/// One pass over a value.
struct Pass {
    lanes: [Lane; READINGS],
    /// Comments within comments.
    depth: Counters,
    /// Each reading is in one of them at most.
    openings: Vec<Opening>,
    comments_end: Comments,
    /// Readings that have not ended.
    alive: Set,
    in_comment: Set,
    in_quotes: Set,
    in_comment_word: Set,
    /// Readings to which the next octet is plain text.
    escaped: Set,
    /// Readings that have a word under way.
    in_word: Set,
    /// Readings whose text ends within a label.
    in_label: Set,
    has_text: Set,
    /// Readings that have come to a job.
    in_job: Set,
    /// Whether some reading has ended, and not within a quote or comment.
    complete: bool,
}

impl Pass {
    fn new(readings: Set, comments_end: Comments) -> Self {
        Self {
            lanes: array::from_fn(|_| Lane::default()),
            depth: Counters::default(),
            openings: Vec::new(),
            comments_end,
            alive: readings,
            in_comment: 0,
            in_quotes: 0,
            in_comment_word: 0,
            escaped: 0,
            in_word: 0,
            in_label: 0,
            has_text: 0,
            in_job: 0,
            complete: false,
        }
    }

    /// Whether `judge` found something.
    fn run(&mut self, value: &[u8], judge: &mut impl FnMut(Beginning<'_>) -> Worth) -> bool {
        for (at, &octet) in value.iter().enumerate() {
            let plain = mem::take(&mut self.escaped);
            if ends_comment_word(octet) {
                self.in_comment_word &= plain | self.in_quotes;
            }
            let outside = self.alive & !self.in_comment & !self.in_comment_word;
            let found = match class(octet) {
                Class::Name => {
                    self.push(outside, octet.to_ascii_lowercase());
                    false
                }
                Class::BeyondAscii => {
                    self.push(outside & LETTERS, octet);
                    self.end_words(outside & !LETTERS, at, judge)
                }
                class => {
                    if class == Class::Open {
                        self.begin_comment_words(outside & (plain | self.in_quotes));
                    }
                    self.structure(class, self.alive & !plain, at);
                    // What makes the next octet plain text stands within a word.
                    self.end_words(outside & !self.escaped, at, judge)
                }
            };
            if found || self.alive == 0 {
                return found;
            }
        }
        let outside = self.alive & !self.in_comment;
        self.complete |= outside & !self.in_quotes != 0;
        self.end_words(outside, value.len(), judge)
    }

    fn push(&mut self, readings: Set, octet: u8) {
        let pushing = if octet == b'.' {
            // No host's name has an empty label: dots too many say nothing.
            let pushing = readings & self.in_label;
            self.in_label &= !readings;
            pushing
        } else {
            self.in_label |= readings;
            self.has_text |= readings;
            readings
        };
        self.in_word |= pushing;
        for reading in each(pushing) {
            let text = &mut self.lanes[reading].text;
            if text.len() == MAX_TEXT_OCTETS {
                self.end(1 << reading);
            } else {
                text.push(octet);
            }
        }
    }

    fn end_words(
        &mut self,
        readings: Set,
        end: usize,
        judge: &mut impl FnMut(Beginning<'_>) -> Worth,
    ) -> bool {
        let ending = readings & self.in_word;
        self.in_word &= !ending;
        let mut judged: Option<(usize, usize, Worth)> = None;
        for reading in each(ending) {
            let lane = &self.lanes[reading];
            let (text, before) = (&*lane.text, lane.before);
            let in_job = lane.job.is_some_and(|job| job <= lane.word);
            let word = &text[lane.word..];
            if word.is_empty() {
                continue;
            }
            // Most readings come to the same.
            let same = judged.filter(|&(other, its_before, _)| {
                its_before == before && self.lanes[other].text == text
            });
            let worth = match same {
                Some((_, _, worth)) => worth,
                None => judge(Beginning {
                    text,
                    before,
                    in_job,
                    end,
                }),
            };
            judged = Some((reading, before, worth));
            let passed_over = lane.word == before && may_stand_before(word);
            let lane = &mut self.lanes[reading];
            lane.word = lane.text.len();
            if passed_over {
                lane.before = lane.word;
            }
            match worth {
                Worth::Found => return true,
                Worth::Never if !passed_over => self.end(1 << reading),
                _ => {}
            }
        }
        false
    }

    /// An opening parenthesis that is plain text begins words here, if it does not stand within one.
    fn begin_comment_words(&mut self, readings: Set) {
        self.in_comment_word |= readings & COMMENT_WORDS & !(self.in_word & self.in_label);
    }

    fn structure(&mut self, class: Class, readings: Set, at: usize) {
        let outside = readings & !self.in_comment & !self.in_quotes;
        match class {
            Class::Backslash => {
                self.escaped = outside & ESCAPE_OUTSIDE
                    | readings & self.in_comment & ESCAPE_IN_COMMENT
                    | readings & self.in_quotes & ESCAPE_IN_QUOTES;
            }
            Class::Quote => {
                let closing = readings & self.in_quotes;
                self.in_quotes |= self.opened(outside & QUOTES, at);
                self.in_quotes &= !closing;
            }
            Class::Open => {
                self.depth.increment(readings & self.in_comment);
                self.in_comment |= self.opened(outside, at);
            }
            Class::Close => {
                let closing = readings & self.in_comment;
                let deeper = match self.comments_end {
                    Comments::Flat => 0,
                    _ => closing & self.depth.not_zero(),
                };
                self.depth.decrement(deeper);
                self.in_comment &= !(closing & !deeper);
            }
            Class::Slash => {
                let beginning = outside & self.has_text & !self.in_job;
                self.in_job |= beginning;
                for reading in each(beginning) {
                    let lane = &mut self.lanes[reading];
                    lane.job = Some(lane.text.len());
                }
            }
            Class::Semicolon => self.end(outside),
            Class::Name | Class::BeyondAscii | Class::Blank => {}
        }
    }

    /// Those of the readings to which a quote or comment is opened here.
    fn opened(&mut self, readings: Set, at: usize) -> Set {
        if readings == 0 {
            return 0;
        }
        if let Comments::Until(places) = &self.comments_end {
            let unclosed = places.iter().filter(|place| place.at <= at);
            return readings & !unclosed.fold(0, |set, place| set | place.readings);
        }
        if let Some(same) = self.openings.iter_mut().find(|o| o.readings == readings) {
            same.at = at;
            return readings;
        }
        for opening in &mut self.openings {
            opening.readings &= !readings;
        }
        self.openings.retain(|opening| opening.readings != 0);
        self.openings.push(Opening { at, readings });
        readings
    }

    fn end(&mut self, readings: Set) {
        self.alive &= !readings;
        self.complete |= readings != 0;
    }
}

fn may_stand_before(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_digit) || word == b"authentication-results"
}

/// The numbers of the readings in a set.
fn each(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let reading = set.trailing_zeros() as usize;
        set &= set.wrapping_sub(1);
        (reading < READINGS).then_some(reading)
    })
}
