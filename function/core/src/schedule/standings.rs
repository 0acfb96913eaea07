//! What a scheduler and its decisions are made of, for those who ask further.

use idp_crds::record::ExperimentGroup;

use super::decide::{Decision, Scheduler};
use super::{Candidate, PlacementQuery, Rejection, State, Tier, Weights};

impl Scheduler {
    /// Health, experiments and flags that it decides by.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Every candidate in order, with why it is not in the ranking, whether or not anything is
    /// selected; none for an unknown tier.
    #[must_use]
    pub fn standings(
        &self,
        request: &PlacementQuery<'_>,
    ) -> Option<Vec<(&Candidate, Option<Rejection>)>> {
        let gates = self.gates(request.tier, request.ha)?;
        let excluded = self.pool.excluded(request.exclude);
        let rows = self.pool.candidates.iter().zip(&self.pool.provider_of).enumerate();
        let standing = rows.map(|(position, (candidate, provider))| {
            let is_excluded = excluded.contains(position, *provider);
            let unfit = || request.unfit.iter().find(|unfit| unfit.position == position);
            let why = Rejection::of(candidate, is_excluded, &self.state, &gates);
            (candidate, why.or_else(|| Some(Rejection::from(&unfit()?.lack))))
        });
        Some(standing.collect())
    }
}

impl<'s> Decision<'s> {
    /// The tier that was asked for.
    #[must_use]
    pub fn tier(&self) -> &'s Tier {
        self.tier
    }

    /// The capabilities that were asked for, in order.
    #[must_use]
    pub fn gates(&self) -> &'s [String] {
        self.gates
    }

    /// The weights that counted, after experiment and flag.
    #[must_use]
    pub fn weights(&self) -> &'s Weights {
        self.weights
    }

    /// The experiment in force.
    #[must_use]
    pub fn experiment(&self) -> Option<&ExperimentGroup> {
        self.experiment.as_ref()
    }
}
