//! The system's clock, for what the pure core takes as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::dkim::UnixTime;

/// Now. A clock before 1970 counts as 1970.
pub fn now() -> UnixTime {
    UnixTime(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    )
}
