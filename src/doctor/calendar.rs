//! Dates of the proleptic Gregorian calendar, in UTC: how certificates end and greetings tell the
//! time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{Span, civil::Date, fmt::rfc2822::DateTimeParser};

/// Seconds of a day.
pub const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Seconds since 1970; 0 before.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// The day of a time in seconds since 1970: `2026-11-23`; nothing is later than the last day of 9999.
pub fn day(seconds: u64) -> String {
    // By days: certificates may end in the last hours of 9999, which no `Timestamp` reaches.
    let days = i64::try_from(seconds / DAY_SECONDS).unwrap_or(i64::MAX);
    let later = Span::new().try_days(days).ok();
    let day = later.and_then(|later| Date::constant(1970, 1, 1).checked_add(later).ok());
    day.unwrap_or(Date::MAX).to_string()
}

/// The first date of RFC 5322 form (`23 Nov 2026 21:05:37 +0000`) in a text, in seconds since 1970.
pub fn date_in(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.windows(5).find_map(|words| match words {
        [day, month, year, time, zone] => seconds_of(day, month, year, time, zone),
        _ => None,
    })
}

/// Year and time are whole: older forms of mail, which leave digits out, are no dates of greetings.
fn seconds_of(day: &str, month: &str, year: &str, time: &str, zone: &str) -> Option<u64> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    if (year.len(), time.len()) != (4, 8) {
        return None;
    }
    let zone = zone.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '-');
    // Other words than these say nothing certain (RFC 5322 section 4.3); the parser would take them for UTC.
    let zone = match zone {
        "UTC" | "UT" | "GMT" | "Z" => "GMT",
        other if is_offset(other) => other,
        _ => return None,
    };
    let date = format!("{day} {month} {year} {time} {zone}");
    let found = PARSER.parse_timestamp(date).ok()?;
    u64::try_from(found.as_second()).ok()
}

/// `+0100`
fn is_offset(zone: &str) -> bool {
    zone.strip_prefix(['+', '-']).is_some_and(|digits| {
        digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_leap_years() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_795_467_937, "2026-11-23"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (253_402_300_799, "9999-12-31"),
            (u64::MAX, "9999-12-31"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }

    #[test]
    fn dates_in_greetings_are_understood() {
        for (text, expected) in [
            (
                "DB3EUR04FT035.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready at \
                 Mon, 23 Nov 2026 21:05:37 +0000 [08DE2A19]",
                Some(1_795_467_937),
            ),
            (
                "mx.example.org ESMTP Exim 4.98 Mon, 23 Nov 2026 22:05:37 +0100",
                Some(1_795_467_937),
            ),
            ("mx ESMTP 1 Jan 1970 00:00:00 GMT", Some(0)),
            ("mx ESMTP 1 Jan 1970 00:00:00 +0100", None),
            (
                "mx ESMTP 29 Feb 2000 00:00:00 -0000 ready",
                Some(951_782_400),
            ),
            ("mx.google.com ESMTP a640c23a62f3a - gsmtp", None),
            ("32 Nov 2026 21:05:37 +0000", None),
            ("23 Foo 2026 21:05:37 +0000", None),
            ("23 Nov 2026 25:05:37 +0000", None),
            ("23 Nov 2026 21:05 +0000", None),
            ("30 Feb 2026 21:05:37 +0000", None),
            ("23 Nov 2026 21:05:37 (UTC)", Some(1_795_467_937)),
            ("23 Nov 2026 21:05:37 é1234", None),
            ("23 Nov 2026 22:05:37 CET", None),
            ("23 Nov 2026 22:05:37 (CET)", None),
            ("23 Nov 2026 22:05:37 ready", None),
            ("23 Nov 2026 22:05:37 A", None),
            ("23 Nov 2026 22:05:37 +100", None),
        ] {
            assert_eq!(date_in(text), expected, "{text}");
        }
    }
}
