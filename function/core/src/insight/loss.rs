//! Places that are lost, and where a workload goes then.

use std::fmt;

use idp_crds::contract::did_you_mean;
use idp_crds::status::Place;

use super::Question;
use crate::schedule::{Candidate, Decision, Scheduler};

/// Places and whole providers that are lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Loss {
    /// Whole providers.
    pub providers: Vec<String>,
    /// Single places.
    pub places: Vec<Place>,
}

/// Where a workload goes when its place is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// There, with everything that its tier asks for.
    To(Place),
    /// There, by what the tier asks of a failover target: without these capabilities.
    Degraded(Place, Vec<String>),
    /// Nowhere, and why.
    Nowhere(String),
}

impl Loss {
    /// Of a provider.
    #[must_use]
    pub fn provider(name: &str) -> Self {
        Loss { providers: vec![name.to_owned()], places: Vec::new() }
    }

    /// Of a place.
    #[must_use]
    pub fn place(place: Place) -> Self {
        Loss { providers: Vec::new(), places: vec![place] }
    }

    /// Of what `names` name: `aws`, or `aws/us-east-1`.
    ///
    /// # Errors
    /// Every name that is neither a provider's nor a place's of this catalog.
    pub fn named(names: &[String], scheduler: &Scheduler) -> Result<Self, Vec<String>> {
        let places: Vec<Place> = scheduler.candidates().iter().map(Candidate::place).collect();
        let (mut loss, mut wrong) = (Loss::default(), Vec::new());
        for name in names {
            if scheduler.providers().contains(name) {
                loss.providers.push(name.clone());
            } else if let Some(place) = places.iter().find(|place| place.to_string() == *name) {
                loss.places.push(place.clone());
            } else {
                let mut known: Vec<String> = scheduler.providers().to_vec();
                known.extend(places.iter().map(ToString::to_string));
                let hint = did_you_mean(name, known.iter().map(String::as_str));
                wrong.push(format!(
                    "{name:?} is neither a provider nor a place of this catalog{hint}; a place is <provider>/<region>"
                ));
            }
        }
        if wrong.is_empty() { Ok(loss) } else { Err(wrong) }
    }

    /// Whether `place` is lost.
    #[must_use]
    pub fn takes(&self, place: &Place) -> bool {
        self.providers.contains(&place.provider) || self.places.contains(place)
    }

    /// `question` with what is lost out of the question.
    #[must_use]
    pub fn without(&self, question: &Question) -> Question {
        let mut question = question.clone();
        question.leave.extend(self.providers.iter().cloned());
        question.not_to.extend(self.places.iter().cloned());
        question
    }

    /// Where a workload that asks `question` goes when this is lost.
    #[must_use]
    pub fn recovery(&self, scheduler: &Scheduler, question: &Question) -> Recovery {
        let without = self.without(question);
        match without.relocate(scheduler) {
            Ok(decision) => {
                let place = decision.selected().place();
                match decision.degraded() {
                    [] => Recovery::To(place),
                    lacks => Recovery::Degraded(place, lacks.to_vec()),
                }
            }
            Err(error) => {
                let mut why = vec![error.to_string()];
                why.extend(error.reasons());
                Recovery::Nowhere(why.join("; "))
            }
        }
    }
}

/// The failover target that a decision names, if any.
#[must_use]
pub fn target(decision: &Decision<'_>) -> Option<Place> {
    decision.failover().map(|target| target.candidate.place())
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places.iter().map(ToString::to_string);
        let all: Vec<String> = self.providers.iter().cloned().chain(places).collect();
        f.write_str(&all.join(" and "))
    }
}
