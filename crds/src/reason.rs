//! Why a condition of a workload is as it is, and what its events are of: each written once.

use std::fmt;

/// A reason of a claim's or composite resource's conditions and events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It has a place.
    Placed,
    /// It is on the way to another place.
    Moving,
    /// It has arrived there.
    Moved,
    /// No place passes.
    NoCandidate,
    /// There is no place at all.
    EmptyCatalog,
    /// What is asked for is wrong.
    InvalidRequest,
    /// Its product is not there (any more).
    UnknownProduct,
    /// The place where it runs is not described any more.
    CandidateGone,
    /// Its product is not offered any more where it runs.
    ProviderGone,
    /// Everything is there and ready.
    Available,
    /// Something is not there or not ready yet.
    Creating,
    /// A template of the Product fails.
    TemplateError,
    /// A Secret is in the credentials' place that is not the workload's.
    ForeignSecret,
    /// Crossplane would not take the answer.
    AnswerTooLarge,
    /// The provider takes what it is asked.
    Reconciled,
    /// The provider refuses it, or does not answer.
    ReconcileError,
    /// Nothing is known of it yet.
    NothingObserved,
    /// Something that people should know.
    Notice,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 18] = [
        Reason::Placed,
        Reason::Moving,
        Reason::Moved,
        Reason::NoCandidate,
        Reason::EmptyCatalog,
        Reason::InvalidRequest,
        Reason::UnknownProduct,
        Reason::CandidateGone,
        Reason::ProviderGone,
        Reason::Available,
        Reason::Creating,
        Reason::TemplateError,
        Reason::ForeignSecret,
        Reason::AnswerTooLarge,
        Reason::Reconciled,
        Reason::ReconcileError,
        Reason::NothingObserved,
        Reason::Notice,
    ];

    /// As conditions and events spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Placed => "Placed",
            Reason::Moving => "Moving",
            Reason::Moved => "Moved",
            Reason::NoCandidate => "NoCandidate",
            Reason::EmptyCatalog => "EmptyCatalog",
            Reason::InvalidRequest => "InvalidRequest",
            Reason::UnknownProduct => "UnknownProduct",
            Reason::CandidateGone => "CandidateGone",
            Reason::ProviderGone => "ProviderGone",
            Reason::Available => "Available",
            Reason::Creating => "Creating",
            Reason::TemplateError => "TemplateError",
            Reason::ForeignSecret => "ForeignSecret",
            Reason::AnswerTooLarge => "AnswerTooLarge",
            Reason::Reconciled => "Reconciled",
            Reason::ReconcileError => "ReconcileError",
            Reason::NothingObserved => "NothingObserved",
            Reason::Notice => "Notice",
        }
    }

    /// What it means, and what to do.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Reason::Placed => "The workload has a place; the message names it and its score.",
            Reason::Moving => {
                "Old and new placement are both there until the new one is ready. Nothing to do."
            }
            Reason::Moved => {
                "The new placement is ready. What held data at the old one is kept, observed \
                 only, until somebody with the verb `release` lets it go."
            }
            Reason::NoCandidate => {
                "No Candidate passes for what is asked; the message says of each why. It is tried \
                 again by itself; change the tier or `ha`, or ask the platform's operators."
            }
            Reason::EmptyCatalog => "There is no Candidate at all: install a catalog.",
            Reason::InvalidRequest => "What is asked for is wrong; the message names every field.",
            Reason::UnknownProduct => {
                "No Product has this API, or the one that has it is wrong. What runs stays as it \
                 is; apply the Product."
            }
            Reason::CandidateGone => {
                "No Candidate describes the place where it runs any more. What runs stays as it \
                 is; put the Candidate back, or move the workload."
            }
            Reason::ProviderGone => {
                "The Product is not offered any more on the provider where it runs. What runs \
                 stays as it is; put the provider back into the Product, or move the workload."
            }
            Reason::Available => "Everything that it is made of is there and ready.",
            Reason::Creating => "Something is not ready yet; the message says what it waits for.",
            Reason::TemplateError => {
                "An expression of the Product fails; the message names the resource. For the \
                 platform's engineers."
            }
            Reason::ForeignSecret => {
                "A Secret of the credentials' name was there before the workload's own: nothing is \
                 made with its password. Delete it; Crossplane makes the workload's."
            }
            Reason::AnswerTooLarge => {
                "What is composed is more than Crossplane takes in one answer (4 MiB). What runs \
                 stays as it is; the message says what is how large. For the platform's engineers."
            }
            Reason::Reconciled => "The provider takes what it is asked.",
            Reason::ReconcileError => {
                "The provider refuses what it is asked, or does not answer; the message repeats \
                 its words. The circuit breaker goes by it, where it is an error of the provider's."
            }
            Reason::NothingObserved => "No managed resource has reported yet.",
            Reason::Notice => "Something that people should know, told once.",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
