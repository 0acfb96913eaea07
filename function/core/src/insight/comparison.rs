//! One workload made anew under two catalogs. Most of a fleet asks for the same few things: each is
//! decided once.

use std::collections::HashMap;

use idp_crds::contract::ClaimRequest;
use idp_crds::record::Group;
use idp_crds::status::Place;
use serde_json::{Map, Value};

use super::Question;
use super::loss::target;
use super::question::side;
use crate::catalog::Catalog;

/// What a workload asks for, as its claim says it: a catalog may read it otherwise than another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked<'w> {
    /// The product's name.
    pub product: &'w str,
    /// The workload's name: decides its side of an experiment.
    pub name: &'w str,
    /// The tier.
    pub tier: &'w str,
    /// Whether it must survive the loss of a zone.
    pub ha: bool,
    /// The rest, as [`given`] writes it; none for nothing but what the product must have.
    pub given: Option<&'w str>,
}

/// The parameters of a claim beside cell, tier and `ha`, as JSON. The cell decides nothing.
#[must_use]
pub fn given(parameters: &Value) -> Box<str> {
    let all = parameters.as_object().into_iter().flatten();
    let rest = all.filter(|(name, _)| !["cell", "tier", "ha"].contains(&name.as_str()));
    let rest: Map<String, Value> =
        rest.map(|(name, value)| (name.clone(), value.clone())).collect();
    Value::Object(rest).to_string().into()
}

/// Where a workload would go, and fail over to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The place; none where it is refused.
    pub place: Option<Place>,
    /// The failover target.
    pub target: Option<Place>,
    /// Why it is refused.
    pub why: Option<String>,
}

/// Everything that may decide where a workload goes.
#[derive(PartialEq, Eq, Hash)]
struct Key<'w> {
    product: &'w str,
    tier: &'w str,
    ha: bool,
    sides: [Option<Group>; 2],
    given: Option<&'w str>,
}

/// Two catalogs, and what was found under them.
pub struct Comparison<'c, 'w> {
    now: &'c Catalog,
    then: &'c Catalog,
    most: usize,
    /// Whether it counts, by product, tier and `ha`, what is asked for beside them.
    by_given: HashMap<(&'w str, &'w str, bool), bool>,
    known: HashMap<Key<'w>, (Outcome, Outcome)>,
}

impl<'c, 'w> Comparison<'c, 'w> {
    /// Of these two.
    #[must_use]
    pub fn new(now: &'c Catalog, then: &'c Catalog) -> Self {
        let (by_given, known) = (HashMap::new(), HashMap::new());
        Comparison { now, then, most: usize::MAX, by_given, known }
    }

    /// Decides for so many different requests, and no more.
    #[must_use]
    pub fn at_most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Where a workload would go under the one catalog and the other; none for one more kind of
    /// request than is decided for.
    pub fn compare(&mut self, asked: Asked<'w>) -> Option<&(Outcome, Outcome)> {
        let (now, then) = (self.now, self.then);
        let Asked { product, tier, ha, name, .. } = asked;
        let counts = self.by_given.entry((product, tier, ha));
        let counts = *counts.or_insert_with(|| is_by_given(now, then, product, tier, ha));
        let sides = [now, then].map(|catalog| side(catalog.scheduler(), tier, name));
        let given = asked.given.filter(|_| counts);
        // What does not count is not read either: the answer is for all that share the key.
        let asked = Asked { given, ..asked };
        let key = Key { product, tier, ha, sides, given };
        if !self.known.contains_key(&key) && self.known.len() >= self.most {
            return None;
        }
        let decide = || (outcome(now, &asked), outcome(then, &asked));
        Some(self.known.entry(key).or_insert_with(decide))
    }
}

/// Whether what is asked of `product` beside tier and `ha` may count: some place lacks something for
/// it, or the two catalogs read it differently.
fn is_by_given(now: &Catalog, then: &Catalog, product: &str, tier: &str, ha: bool) -> bool {
    match (now.product(product), then.product(product)) {
        (Some(before), Some(after)) => {
            before.spec.parameters != after.spec.parameters
                || now.goes_by_parameters(before, tier, ha)
                || then.goes_by_parameters(after, tier, ha)
        }
        (Some(before), None) => now.goes_by_parameters(before, tier, ha),
        (None, Some(after)) => then.goes_by_parameters(after, tier, ha),
        (None, None) => false,
    }
}

/// Where a workload would go if it were made now, as admission decides it.
fn outcome(catalog: &Catalog, asked: &Asked<'_>) -> Outcome {
    let refused = |why: String| Outcome { why: Some(why), ..Outcome::default() };
    let Some(product) = catalog.product(asked.product) else {
        return refused(format!("there is no Product {}", asked.product));
    };
    let question = match asked.given {
        None => Question::plain(catalog, product, asked.name, asked.tier, asked.ha),
        Some(given) => {
            let mut parameters: Map<String, Value> =
                serde_json::from_str(given).unwrap_or_default();
            // Any cell will do.
            parameters.insert("cell".to_owned(), "cell".into());
            parameters.insert("tier".to_owned(), asked.tier.into());
            parameters.insert("ha".to_owned(), asked.ha.into());
            let spec = Map::from_iter([("parameters".to_owned(), Value::Object(parameters))]);
            let tiers = catalog.scheduler().tier_names();
            match ClaimRequest::read(&product.spec, &spec, tiers) {
                Ok(request) => Question::of(catalog, product, asked.name, &request),
                Err(errors) => {
                    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    return refused(errors.join("; "));
                }
            }
        }
    };
    match question.decide(catalog.scheduler()) {
        Ok(decision) => Outcome {
            place: Some(decision.selected().place()),
            target: target(&decision),
            why: None,
        },
        Err(error) => refused(error.to_string()),
    }
}
