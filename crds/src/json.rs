//! The JSON spelling of decision records: ASCII only, numbers as Python's `json.dumps` writes them.
//!
//! The reference stamps annotations with `json.dumps(…, separators=(",", ":"))`; a reader that
//! compares records byte for byte must find ours equal. Two things differ from `serde_json`'s
//! compact form: characters beyond ASCII are written as `\uXXXX` (surrogate pairs above the BMP),
//! and exponents have a sign and two digits (`1e-05`).

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter};
use serde_json::value::RawValue;

/// A value of a type of ours as JSON.
///
/// # Panics
/// Never: a type of ours has names for keys, and no `Serialize` of its own that refuses a value. This
/// is the one exception to the rule that nothing panics outside of tests: a default instead would go
/// into a status or a digest and say something else.
#[must_use]
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Value {
    written(serde_json::to_value(value))
}

/// A value of a type of ours as compact JSON, as `serde_json` spells it.
///
/// # Panics
/// Never, as [`to_value`] does not.
#[must_use]
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    written(serde_json::to_vec(value))
}

/// A value of a type of ours as compact JSON that goes into other JSON as it is.
///
/// # Panics
/// Never, as [`to_value`] does not.
#[must_use]
pub fn to_raw_value<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    written(serde_json::value::to_raw_value(value))
}

#[expect(clippy::expect_used, reason = "our types can be written as JSON whatever is in them")]
fn written<T>(result: Result<T, serde_json::Error>) -> T {
    result.expect("our types can be written as JSON")
}

/// Serialises `value` in the record's spelling.
///
/// # Panics
/// Never, as [`to_value`] does not.
#[must_use]
#[expect(clippy::expect_used, reason = "the formatter writes ASCII only")]
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::with_capacity(2048);
    written(value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Ascii)));
    String::from_utf8(out).expect("the formatter writes ASCII only")
}

/// `serde_json`'s compact form, in the record's spelling. Public so that writers can stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !c.is_ascii() || c == '\u{7f}') {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        // In this range serde_json writes them alike, without a String in between.
        if is_plain(value) {
            CompactFormatter.write_f64(out, value)
        } else {
            out.write_all(float(value).as_bytes())
        }
    }
}

/// Shortest digits that read back as `value`, as Python's `repr(float)` lays them out: plain
/// between 1e-4 and 1e16, otherwise an exponent of at least two digits.
#[must_use]
pub fn float(value: f64) -> String {
    if is_plain(value) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    // Rust writes `1e-5`; Python wants at least two exponent digits and always a sign.
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => scientific,
    }
}

/// Whether Python writes it without an exponent.
fn is_plain(value: f64) -> bool {
    let magnitude = value.abs();
    magnitude == 0.0 || (1e-4..1e16).contains(&magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_python_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.3, "0.3"),
            (0.0001, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (123_456_789.123, "123456789.123"),
        ] {
            assert_eq!(float(value), text);
            assert_eq!(to_string(&value), text);
        }
        for value in (0..=10_000).map(|n| f64::from(n) / 10_000.0).chain([
            12_345.678,
            9.999e15,
            123_456_789_012.0,
        ]) {
            assert_eq!(to_string(&value), float(value));
        }
    }

    #[test]
    fn strings_are_ascii_with_surrogate_pairs() {
        assert_eq!(
            to_string("exp-ünï\u{7f}🦀\n\""),
            "\"exp-\\u00fcn\\u00ef\\u007f\\ud83e\\udd80\\n\\\"\""
        );
    }
}
