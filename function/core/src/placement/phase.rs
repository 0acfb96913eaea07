//! What becomes of placements that are not the current one. Pure: the rule above all is that no
//! path deletes a stateful resource without an explicit human act.

/// A placement that is not the current one, as it is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other<'a> {
    /// `<provider>-<region>`.
    pub place: &'a str,
    /// Whether deleting any of its resources would reach the provider.
    pub deletion_reaches_provider: bool,
}

/// What is done about a placement that is not the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is, managed as before: the new placement is not ready.
    Stays,
    /// It stays, looked at only.
    Retained,
    /// It is not asked for any more: Crossplane removes the objects.
    Dropped,
}

/// Decides about `other`.
///
/// - `stateful`: whether the product holds data;
/// - `arrived`: whether everything at the current placement is there and ready;
/// - `release`: the place that a human has released.
#[must_use]
pub fn fate(other: Other<'_>, stateful: bool, arrived: bool, release: Option<&str>) -> Fate {
    let released = release == Some(other.place);
    match (stateful, arrived) {
        // On the way nothing goes, whatever state the old provider is in; but what is looked at
        // only stays so.
        (true, false) if !other.deletion_reaches_provider => Fate::Retained,
        (_, false) => Fate::Stays,
        (false, true) => Fate::Dropped,
        // First the policies that would delete go; only when that has been observed does the
        // object.
        (true, true) if released && !other.deletion_reaches_provider => Fate::Dropped,
        (true, true) => Fate::Retained,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn data_goes_only_when_released_and_harmless(reaches: bool, stateful: bool, arrived: bool, release in prop_oneof![Just(None), Just(Some("aws-eu")), Just(Some("gcp-us"))]) {
            let other = Other { place: "aws-eu", deletion_reaches_provider: reaches };
            if fate(other, stateful, arrived, release) == Fate::Dropped {
                prop_assert!(arrived);
                prop_assert!(!stateful || (!reaches && release == Some("aws-eu")));
            }
        }
    }
}
