//! A workload's name at the provider, as an annotation carries it from a backup into what is
//! restored: `<id>@<sequence>` of the decision that it was made for.

use std::fmt;
use std::str::FromStr;

/// Providers take no longer one.
const LONGEST: usize = 40;

/// An id, and the decision that it belongs to: after a move the workload has another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedId {
    /// The name at the provider.
    pub id: String,
    /// The decision's sequence.
    pub sequence: u64,
}

impl fmt::Display for PinnedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PinnedId { id, sequence } = self;
        write!(f, "{id}@{sequence}")
    }
}

impl FromStr for PinnedId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "must be <id>@<sequence> as the platform wrote it, the id at most {LONGEST} lower-case letters, digits and '-', not {text:?}"
            )
        };
        let (id, sequence) = text.split_once('@').ok_or_else(wrong)?;
        let begins_well = id.starts_with(|c: char| c.is_ascii_lowercase());
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !begins_well || id.len() > LONGEST || id.ends_with('-') || !id.bytes().all(allowed) {
            return Err(wrong());
        }
        let sequence = sequence.parse().map_err(|_| wrong())?;
        Ok(PinnedId { id: id.to_owned(), sequence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let pinned = PinnedId { id: "orders-0123456789abcdef".to_owned(), sequence: 3 };
        assert_eq!(pinned.to_string(), "orders-0123456789abcdef@3");
        assert_eq!(pinned.to_string().parse(), Ok(pinned));
        let long = "a".repeat(41) + "@1";
        for wrong in [
            "", "orders", "orders@", "orders@x", "@1", "-a@1", "a-@1", "1a@1", "A@1", "a b@1",
            "a@-1", &long,
        ] {
            assert!(wrong.parse::<PinnedId>().is_err(), "{wrong}");
        }
    }
}
