//! Why mail does not go through: each cause once, with its meaning and its remedy.

mod delivery;
mod sender;

pub(super) use self::{delivery::*, sender::*};

macro_rules! causes {
    (in $all:ident; $($name:ident = $word:literal, $turn:ident, $check:expr;
        $meaning:expr; $remedy:expr;)*) => {
        $(pub(in crate::refusal) const $name: &Cause = &Cause {
            word: $word,
            turn: Turn::$turn,
            check: $check,
            meaning: || $meaning,
            remedy: || $remedy,
        };)*

        #[cfg(test)]
        pub(super) const $all: &[&Cause] = &[$($name),*];
    };
}

use causes;

/// All of them.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static super::Cause> {
    SENDER.iter().chain(DELIVERY).copied()
}
