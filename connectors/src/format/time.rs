//! RFC 3339 timestamps and dates, read strictly and written shortest.

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Why a text is no timestamp or date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeFault {
    /// It does not have the form.
    Form,
    /// It has the form, but no calendar or clock shows it.
    Calendar,
    /// It is finer than microseconds.
    TooFine,
}

/// Reads timestamps, and remembers the last date: in a stream it rarely changes.
#[derive(Clone, Debug)]
pub(super) struct TimestampReader {
    /// `YYYY-MM-DD`, and when that day began.
    day: [u8; 10],
    start: i64,
}

impl Default for TimestampReader {
    fn default() -> Self {
        Self { day: *b"1970-01-01", start: 0 }
    }
}

impl TimestampReader {
    /// Reads RFC 3339 (`2026-01-05T00:00:00.25+01:00`) as microseconds since 1970 in UTC. Up to nine digits of fraction are read,
    /// and those beyond the sixth must be zero. Leap seconds (`:60`) are refused.
    ///
    /// # Errors
    /// What is wrong with it.
    #[inline]
    pub(super) fn read(&mut self, text: &[u8]) -> Result<i64, TimeFault> {
        if let Some((text, [])) = text.split_first_chunk::<20>()
            && let Some(micros) = self.read_whole_seconds(text)
        {
            return Ok(micros);
        }
        self.read_any(text)
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ`; `None` if the text has another form or a date not seen just before.
    #[inline]
    pub(super) fn read_whole_seconds(&self, text: &[u8; 20]) -> Option<i64> {
        let (day, rest) = text.split_first_chunk::<10>()?;
        if day != &self.day {
            return None;
        }
        let [b'T', clock @ .., b'Z'] = rest else { return None };
        read_clock(*clock.first_chunk::<8>()?).map(|seconds| self.start + i64::from(seconds) * 1_000_000)
    }

    fn read_any(&mut self, text: &[u8]) -> Result<i64, TimeFault> {
        let (day, rest) = text.split_first_chunk::<10>().ok_or(TimeFault::Form)?;
        let start = i64::from(read_date(day)?) * DAY;
        let Some((b'T' | b't', rest)) = rest.split_first() else { return Err(TimeFault::Form) };
        let (clock, rest) = rest.split_first_chunk::<8>().ok_or(TimeFault::Form)?;
        let seconds = match read_clock(*clock) {
            Some(seconds) => i64::from(seconds),
            None if has_form(clock, b"dd:dd:dd") => return Err(TimeFault::Calendar),
            None => return Err(TimeFault::Form),
        };
        let (fraction, zone) = match rest.split_first() {
            Some((b'.', rest)) => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                (read_fraction(&rest[..digits])?, &rest[digits..])
            }
            _ => (0, rest),
        };
        let offset = read_zone(zone)?;
        (self.day, self.start) = (*day, start);
        Ok(start + (seconds - offset) * 1_000_000 + fraction)
    }
}

/// `HH:MM:SS` as seconds of the day, eight bytes at once.
#[inline]
fn read_clock(text: [u8; 8]) -> Option<u32> {
    const DIGITS: u64 = u64::from_le_bytes(*b"00:00:00");
    const COLONS: u64 = 0x0000_ff00_00ff_0000;
    // Digits become their value and colons zero; whatever else leaves bits where there may be none.
    let values = u64::from_le_bytes(text) ^ DIGITS;
    let beyond_nine = values.wrapping_add(0x0606_0606_0606_0606) | values;
    if beyond_nine & 0xf0f0_f0f0_f0f0_f0f0 != 0 || values & COLONS != 0 {
        return None;
    }
    let [h1, h2, _, m1, m2, _, s1, s2] = values.to_le_bytes().map(u32::from);
    let (hours, minutes, seconds) = (h1 * 10 + h2, m1 * 10 + m2, s1 * 10 + s2);
    (hours < 24 && minutes < 60 && seconds < 60).then_some((hours * 60 + minutes) * 60 + seconds)
}

/// Microseconds of a fraction's digits.
fn read_fraction(digits: &[u8]) -> Result<i64, TimeFault> {
    match digits.len() {
        1..=9 => {}
        0 => return Err(TimeFault::Form),
        _ => return Err(TimeFault::TooFine),
    }
    if digits.iter().skip(6).any(|digit| *digit != b'0') {
        return Err(TimeFault::TooFine);
    }
    Ok((0..6).fold(0, |micros, place| micros * 10 + digits.get(place).map_or(0, |digit| i64::from(digit - b'0'))))
}

/// Seconds east of UTC.
fn read_zone(zone: &[u8]) -> Result<i64, TimeFault> {
    let (sign, clock) = match zone {
        [b'Z' | b'z'] => return Ok(0),
        [b'+', clock @ ..] => (1, clock),
        [b'-', clock @ ..] => (-1, clock),
        _ => return Err(TimeFault::Form),
    };
    if !has_form(clock, b"dd:dd") {
        return Err(TimeFault::Form);
    }
    let (hours, minutes) = (number(&clock[..2]), number(&clock[3..]));
    if hours < 24 && minutes < 60 { Ok(sign * i64::from(hours * 60 + minutes) * 60) } else { Err(TimeFault::Calendar) }
}

/// Reads `YYYY-MM-DD` as days since 1970-01-01.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_date(text: &[u8]) -> Result<i32, TimeFault> {
    if !has_form(text, b"dddd-dd-dd") {
        return Err(TimeFault::Form);
    }
    let (year, month, day) = (number(&text[..4]), number(&text[5..7]), number(&text[8..]));
    let date = chrono::NaiveDate::from_ymd_opt(year, month.unsigned_abs(), day.unsigned_abs());
    Ok(date.ok_or(TimeFault::Calendar)?.to_epoch_days())
}

/// Whether `text` has `form`, in which `d` stands for a digit and all else for itself.
fn has_form(text: &[u8], form: &[u8]) -> bool {
    let fits = |(byte, expected): (&u8, &u8)| if *expected == b'd' { byte.is_ascii_digit() } else { byte == expected };
    text.len() == form.len() && text.iter().zip(form).all(fits)
}

/// The value of a few digits.
fn number(digits: &[u8]) -> i32 {
    digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'))
}

/// Writes a timestamp as RFC 3339 in UTC, without trailing zeros of the fraction. Years beyond 0000–9999, which RFC 3339 cannot say,
/// get a sign and more digits as in ISO 8601.
pub(super) fn write_timestamp(micros: i64, out: &mut Vec<u8>) {
    let (day, within) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    write_day(day, out);
    let (seconds, mut fraction) = (within / 1_000_000, within % 1_000_000);
    let clock = format!("T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    out.extend_from_slice(clock.as_bytes());
    if fraction > 0 {
        let mut width = 6;
        while fraction % 10 == 0 {
            (fraction, width) = (fraction / 10, width - 1);
        }
        out.extend_from_slice(format!(".{fraction:0width$}").as_bytes());
    }
    out.push(b'Z');
}

/// Writes a date as `YYYY-MM-DD`; beyond the years 0000–9999 as [`write_timestamp`].
pub(super) fn write_date(days: i32, out: &mut Vec<u8>) {
    write_day(i64::from(days), out);
}

/// From days to year, month and day in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms",
/// `civil_from_days`), since timestamps reach further than the calendar of any library here.
fn write_day(days: i64, out: &mut Vec<u8>) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let year = if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    out.extend_from_slice(format!("{year}-{month:02}-{day:02}").as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<i64, TimeFault> {
        TimestampReader::default().read(text.as_bytes())
    }

    #[test]
    fn timestamps_are_strict() {
        let noon = 1_767_614_400_000_000;
        for (text, expected) in [
            ("2026-01-05T12:00:00Z", Ok(noon)),
            ("2026-01-05t12:00:00z", Ok(noon)),
            ("2026-01-05T13:30:00+01:30", Ok(noon)),
            ("2026-01-04T22:00:00-14:00", Ok(noon)),
            ("2026-01-05T12:00:00.5Z", Ok(noon + 500_000)),
            ("2026-01-05T12:00:00.000001Z", Ok(noon + 1)),
            ("2026-01-05T12:00:00.000001000Z", Ok(noon + 1)),
            ("2026-01-05T12:00:00.0000011Z", Err(TimeFault::TooFine)),
            ("2026-01-05T12:00:00.0000000000Z", Err(TimeFault::TooFine)),
            ("2026-01-05T12:00:00.Z", Err(TimeFault::Form)),
            ("2026-01-05 12:00:00Z", Err(TimeFault::Form)),
            ("2026-01-05T12:00:00", Err(TimeFault::Form)),
            ("2026-01-05T12:00Z", Err(TimeFault::Form)),
            ("2026-01-05T12:00:0:Z", Err(TimeFault::Form)),
            ("2026-01-05T12:00:60Z", Err(TimeFault::Calendar)),
            ("2026-01-05T24:00:00Z", Err(TimeFault::Calendar)),
            ("2026-02-29T12:00:00Z", Err(TimeFault::Calendar)),
            ("2026-01-05T12:00:00+24:00", Err(TimeFault::Calendar)),
            ("1767614400000", Err(TimeFault::Form)),
            ("", Err(TimeFault::Form)),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_remembered_date_changes_nothing() {
        let mut reader = TimestampReader::default();
        for text in ["2026-01-05T12:00:00Z", "2026-01-05T23:59:59Z", "2026-01-06T00:00:00Z", "2026-01-06T00:00:0aZ"] {
            assert_eq!(reader.read(text.as_bytes()), read(text), "{text}");
        }
    }

    #[test]
    fn far_years_are_written_with_a_sign() {
        let mut text = Vec::new();
        write_timestamp(i64::MAX, &mut text);
        assert_eq!(text, b"+294247-01-10T04:00:54.775807Z");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in -62_167_219_200_000_000_i64..253_402_300_800_000_000) {
            let mut text = Vec::new();
            write_timestamp(micros, &mut text);
            prop_assert_eq!(TimestampReader::default().read(&text), Ok(micros));
            let days = micros.div_euclid(DAY) as i32;
            let mut date = Vec::new();
            write_date(days, &mut date);
            prop_assert_eq!(read_date(&date), Ok(days));
            prop_assert_eq!(&text[..10], &date[..]);
        }
    }
}
