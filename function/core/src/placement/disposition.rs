//! What becomes of placements that are not the current one. The rule above all is that no path
//! deletes a stateful resource without an explicit human act.

/// A placement that is not the current one, as it is observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousPlacement {
    /// Whether a human has let it go.
    pub released: bool,
    /// Whether deleting any of its resources that hold data would reach the provider.
    pub deletion_reaches_provider: bool,
}

/// What is done about a resource of a placement that is not the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It stays as it is, managed as before: the new placement is not ready.
    Stays,
    /// It stays, observed only.
    Retained,
    /// It is not asked for any more: Crossplane removes the object.
    Dropped,
}

impl PreviousPlacement {
    /// Decides about one of its resources.
    ///
    /// - `stateful`: whether it holds data;
    /// - `placement_ready`: whether everything at the current placement is there and ready.
    #[must_use]
    pub fn disposition(self, stateful: bool, placement_ready: bool) -> Disposition {
        match (stateful, placement_ready) {
            // On the way nothing goes, whatever state the old provider is in; but what is only
            // observed stays so.
            (true, false) if !self.deletion_reaches_provider => Disposition::Retained,
            (_, false) => Disposition::Stays,
            (false, true) => Disposition::Dropped,
            // First the policies that would delete go; only when that has been observed does the
            // object.
            (true, true) if self.released && !self.deletion_reaches_provider => {
                Disposition::Dropped
            }
            (true, true) => Disposition::Retained,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_only_when_released_and_harmless() {
        for bits in 0..16_u8 {
            let [released, deletion_reaches_provider, stateful, ready] =
                [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let previous = PreviousPlacement { released, deletion_reaches_provider };
            let disposition = previous.disposition(stateful, ready);
            assert_eq!(
                disposition == Disposition::Dropped,
                ready && (!stateful || (released && !deletion_reaches_provider)),
                "{previous:?}, stateful {stateful}, ready {ready}"
            );
        }
    }
}
