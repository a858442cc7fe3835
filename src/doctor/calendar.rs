//! Dates of the proleptic Gregorian calendar, in UTC: how certificates end and greetings tell the
//! time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day.
pub const DAY_SECONDS: u64 = 24 * 60 * 60;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds since 1970; 0 before.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// The day of a time in seconds since 1970: `2026-11-23`.
pub fn day(seconds: u64) -> String {
    // Days since 1 March of the year 0, so that leap days stand at the end of years.
    let days = seconds / DAY_SECONDS + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = match month {
        0..10 => (month + 3, year),
        _ => (month - 9, year + 1),
    };
    format!("{:04}-{month:02}-{of_month:02}", year + era * 400)
}

/// The first date of RFC 5322 form (`23 Nov 2026 21:05:37 +0000`) in a text, in seconds since 1970.
pub fn date_in(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    words.windows(5).find_map(|words| match words {
        [day, month, year, time, zone] => seconds_of(day, month, year, time, zone),
        _ => None,
    })
}

fn seconds_of(day: &str, month: &str, year: &str, time: &str, zone: &str) -> Option<u64> {
    let number = |text: &str, most: u64| {
        let digits =
            !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse::<u64>().ok()).flatten()?;
        (number <= most).then_some(number)
    };
    let day = number(day, 31).filter(|day| *day > 0)?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year = number(year, 9999).filter(|year| *year >= 1970)?;
    let mut parts = time.splitn(3, ':');
    let mut part = |most| number(parts.next()?, most);
    let (hours, minutes, seconds) = (part(23)?, part(59)?, part(60)?);
    let (sign, offset) =
        match zone.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '-') {
            "GMT" | "UTC" | "UT" | "Z" => ('+', 0),
            zone => {
                let sign = zone
                    .chars()
                    .next()
                    .filter(|sign| ['+', '-'].contains(sign))?;
                let hhmm = number(zone.get(1..5)?, 2359)?;
                (sign, (hhmm / 100 * 60 + hhmm % 100) * 60)
            }
        };
    let local =
        days_since_1970(year, month, day)? * DAY_SECONDS + hours * 3600 + minutes * 60 + seconds;
    match sign {
        '+' => local.checked_sub(offset),
        _ => Some(local + offset),
    }
}

/// `month` counts from 0.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = match month {
        0 | 1 => (year - 1, month + 10),
        _ => (year, month - 2),
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
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
            ("23 Nov 2026 21:05:37 é1234", None),
        ] {
            assert_eq!(date_in(text), expected, "{text}");
        }
    }
}
