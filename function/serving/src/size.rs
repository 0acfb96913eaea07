//! Sizes on a command line.

/// A number of bytes, with a unit or without: `64Mi`, `65536Ki`, `67108864`.
///
/// # Errors
/// What was expected instead.
pub fn parse(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits) {
        Some("") => 1,
        Some("Ki") => 1 << 10,
        Some("Mi") => 1 << 20,
        Some("Gi") => 1 << 30,
        _ => return Err("unknown unit: use Ki, Mi, Gi, or none for bytes".to_owned()),
    };
    digits
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| "expected a number, such as 67108864 or 64Mi".to_owned())
}
