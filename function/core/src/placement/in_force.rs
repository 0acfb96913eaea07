//! Where a workload belongs: the evidence weighed, strongest first.

use std::cmp::Reverse;
use std::fmt;

use idp_crds::names::PLACEMENT_REASON;
use idp_crds::record::{Previous, Record};
use idp_crds::status::{Place, PlacementStatus};

use super::adoption::{Judge, NotAdoptable};

/// A decision in force: where the workload belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacementInForce {
    /// Where.
    pub place: Place,
    /// The decision's number.
    pub sequence: u64,
    /// Where the workload was before.
    pub previous: Option<Previous>,
    /// The decision record's text; none when it was lost.
    pub reason: Option<String>,
    /// The record, where one is known.
    pub record: Option<Box<Record>>,
}

/// A place that composed resources are labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPlace {
    /// Where.
    pub place: Place,
    /// The highest sequence among its resources.
    pub sequence: u64,
    /// The name that the workload has at the provider there; none where its resources do not say.
    pub provider_id: Option<String>,
    /// When the first of its resources was created: RFC 3339 in UTC, which sorts as text; empty
    /// outside of a cluster.
    pub created: String,
}

/// What is known of a workload's placement.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What exists. None for who cannot look: admission sees the object alone, and what it is told.
    pub observed: Option<&'a [ObservedPlace]>,
    /// `status.placement`.
    pub status: Option<&'a PlacementStatus>,
    /// The value of the annotation.
    pub annotation: Option<&'a str>,
}

/// What the evidence comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolution {
    /// The decision in force; none where the workload is nowhere yet, and nobody has decided.
    pub in_force: Option<PlacementInForce>,
    /// Why an annotation that asks for something else does not count.
    pub not_followed: Option<NotFollowed>,
}

/// Why an annotation does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFollowed {
    /// It is no decision record.
    Unreadable {
        /// What is wrong with it.
        why: String,
    },
    /// Its place cannot be taken over.
    NotAdoptable {
        /// The place.
        place: Place,
        /// Why.
        why: NotAdoptable,
    },
    /// The workload still has something there: there is never a second copy in one place.
    Occupied {
        /// The place.
        place: Place,
    },
}

impl Evidence<'_> {
    /// Weighs the evidence. The highest sequence counts; between equal ones what is observed goes
    /// before what is written down, and the status before the annotation.
    ///
    /// A decision that is only written in the annotation counts if `judge` has nothing against it
    /// (where nobody can judge, it does), and not while the workload has something at its place.
    /// Who cannot look takes a first decision for carried out.
    #[must_use]
    pub fn resolve(&self, judge: Option<Judge<'_>>) -> Resolution {
        let (record, unreadable) = match self.annotation.map(read) {
            None => (None, None),
            Some(Ok(record)) => (Some(record), None),
            Some(Err(unreadable)) => (None, Some(unreadable)),
        };
        let carried_out = self.carried_out(record.as_ref());
        let Some(record) = record else {
            return Resolution { in_force: carried_out, not_followed: unreadable };
        };
        let is_newer = carried_out.as_ref().is_none_or(|now| record.sequence > now.sequence);
        if !is_newer {
            return Resolution { in_force: carried_out, not_followed: None };
        }
        let cannot_tell = self.observed.is_none() && self.status.is_none();
        match self.objection(&record, judge).filter(|_| !cannot_tell) {
            None => Resolution { in_force: Some(self.annotated(record)), not_followed: None },
            objection => Resolution { in_force: carried_out, not_followed: objection },
        }
    }

    /// The places of which the decision in force is one, whatever a judge says: where the workload
    /// is by what was carried out, and where a newer annotation has it.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let carried_out = match (self.foremost(), self.status) {
            (Some(seen), Some(status)) if status.sequence <= seen.sequence => {
                Some((seen.place.clone(), seen.sequence))
            }
            (Some(seen), None) => Some((seen.place.clone(), seen.sequence)),
            (_, Some(status)) => Some((status.place(), status.sequence)),
            (None, None) => None,
        };
        // What the status repeats is no news.
        let said = self.status.map(|status| status.reason.as_str());
        let annotated = self.annotation.filter(|text| said != Some(*text));
        let annotated = annotated.and_then(|text| Record::parse(text).ok()).filter(|record| {
            carried_out.as_ref().is_none_or(|(_, sequence)| record.sequence > *sequence)
        });
        let mut places: Vec<Place> = carried_out.into_iter().map(|(place, _)| place).collect();
        places.extend(annotated.map(|record| record.place()));
        places.dedup();
        places
    }

    /// The decision that something exists of, or that the status tells of.
    fn carried_out(&self, record: Option<&Record>) -> Option<PlacementInForce> {
        let observed = self.foremost();
        match (observed, self.status) {
            (Some(observed), Some(status)) if status.sequence <= observed.sequence => {
                Some(self.observed(observed, record))
            }
            (Some(observed), None) => Some(self.observed(observed, record)),
            (_, Some(status)) => Some(self.stated(status, record)),
            (None, None) => None,
        }
    }

    /// What the status tells of. Where the annotation is the same text it is read once.
    fn stated(&self, status: &PlacementStatus, record: Option<&Record>) -> PlacementInForce {
        match record.filter(|_| self.annotation == Some(status.reason.as_str())) {
            Some(record) => PlacementInForce::new(status, Some(record.clone())),
            None => PlacementInForce::from(status),
        }
    }

    /// The place that counts among those observed.
    ///
    /// Two with one sequence come from a cache that did not show the first when the second was
    /// decided. The workload is where it was first, whatever the status has said since then, unless
    /// that says that it is being left.
    fn foremost(&self) -> Option<&ObservedPlace> {
        let stated =
            |seen: &ObservedPlace| self.status.is_some_and(|status| status.place() == seen.place);
        let left = |seen: &ObservedPlace| {
            let occupied =
                |status: &PlacementStatus| status.occupied().contains(&seen.place.parts());
            !stated(seen) && self.status.is_some_and(occupied)
        };
        self.observed?.iter().max_by_key(|seen| {
            let provider = Reverse(&seen.place.provider);
            (seen.sequence, !left(seen), Reverse(&seen.created), stated(seen), provider)
        })
    }

    /// What is observed says where; status or annotation, if they speak of the same decision, say
    /// why.
    fn observed(&self, seen: &ObservedPlace, record: Option<&Record>) -> PlacementInForce {
        let same = |place: &Place, sequence: u64| *place == seen.place && sequence == seen.sequence;
        if let Some(status) = self.status.filter(|s| same(&s.place(), s.sequence)) {
            return self.stated(status, record);
        }
        if let Some(record) = record.filter(|r| same(&r.place(), r.sequence.max(1))) {
            return self.annotated(record.clone());
        }
        PlacementInForce {
            place: seen.place.clone(),
            sequence: seen.sequence,
            previous: None,
            reason: None,
            record: None,
        }
    }

    fn annotated(&self, record: Record) -> PlacementInForce {
        PlacementInForce {
            place: record.place(),
            sequence: record.sequence.max(1),
            previous: record.previous.clone(),
            reason: self.annotation.map(str::to_owned),
            record: Some(Box::new(record)),
        }
    }

    fn objection(&self, record: &Record, judge: Option<Judge<'_>>) -> Option<NotFollowed> {
        let place = record.place();
        if self.occupies(&place) {
            return Some(NotFollowed::Occupied { place });
        }
        let why = judge?.objection(record)?;
        Some(NotFollowed::NotAdoptable { place, why })
    }

    /// Whether the workload has something at `place`, by what exists where that can be looked at.
    fn occupies(&self, place: &Place) -> bool {
        match self.observed {
            Some(observed) if !observed.is_empty() => observed.iter().any(|o| o.place == *place),
            _ => self.status.is_some_and(|status| status.occupied().contains(&place.parts())),
        }
    }
}

fn read(annotation: &str) -> Result<Record, NotFollowed> {
    Record::parse(annotation).map_err(|error| NotFollowed::Unreadable { why: error.to_string() })
}

impl From<&PlacementStatus> for PlacementInForce {
    fn from(status: &PlacementStatus) -> Self {
        PlacementInForce::new(status, Record::parse(&status.reason).ok())
    }
}

impl PlacementInForce {
    /// What `status` tells of, with the record that its reason is.
    fn new(status: &PlacementStatus, record: Option<Record>) -> Self {
        let record = record.map(Box::new);
        PlacementInForce {
            place: status.place(),
            sequence: status.sequence,
            previous: status.previous.clone(),
            reason: record.is_some().then(|| status.reason.clone()),
            record,
        }
    }
}

impl fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotFollowed::Unreadable { why } => {
                write!(f, "the annotation {PLACEMENT_REASON} is no decision record: {why}")
            }
            NotFollowed::NotAdoptable { place, why } => {
                write!(f, "the annotation {PLACEMENT_REASON} is not followed: {place} {why}")
            }
            NotFollowed::Occupied { place } => write!(
                f,
                "the annotation {PLACEMENT_REASON} is not followed: the workload still has resources at {}; release them first",
                place.id()
            ),
        }
    }
}

#[cfg(test)]
mod tests;
