//! Times, spans and counts as people read them.

use jiff::Timestamp;

/// `2026-11-24 01:13:05`, in UTC.
pub(super) fn day_and_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-24`, in UTC.
pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// `01:13:05`, in UTC.
pub(super) fn time_of_day(time: Timestamp) -> String {
    time.strftime("%H:%M:%S").to_string()
}

/// The two largest units of a span, without its sign: `2 days 3 h`, `59 min 58 s`, `0 s`.
pub(super) fn span(milliseconds: i64) -> String {
    let seconds = milliseconds.unsigned_abs() / 1_000;
    let units = [
        (seconds / 86_400, "days"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = units.iter().position(|(amount, _)| *amount > 0).unwrap_or(units.len() - 1);
    let words = units.iter().skip(first).take(2).filter(|(amount, _)| *amount > 0).map(|(amount, unit)| {
        let unit = if *amount == 1 && *unit == "days" { "day" } else { unit };
        format!("{amount} {unit}")
    });
    let words = words.collect::<Vec<_>>().join(" ");
    if words.is_empty() { "0 s".into() } else { words }
}

/// `1 member`, `2 members`.
pub(super) fn count(amount: usize, one: &str, many: &str) -> String {
    format!("{amount} {}", if amount == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_shows_its_two_largest_units() {
        for (milliseconds, words) in [
            (0, "0 s"),
            (999, "0 s"),
            (-59_000, "59 s"),
            (3_600_000, "1 h"),
            (3_599_000, "59 min 59 s"),
            (90_000_000, "1 day 1 h"),
            (172_800_000 + 1_000, "2 days"),
        ] {
            assert_eq!(span(milliseconds), words);
        }
    }
}
