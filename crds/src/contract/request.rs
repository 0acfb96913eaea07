//! What a developer asks for.

use serde_json::{Map, Value};

use super::error::{did_you_mean, one_of};
use super::parameter::{self, Given, describe};
use super::{Deletion, FieldError, Problem, forbidden};
use crate::names::ENVIRONMENTS;
use crate::product::ProductSpec;

/// What a developer asks for, checked and with defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimRequest {
    /// The cell: the developer's unit of isolation, a label value.
    pub cell: String,
    /// The tier's name.
    pub tier: String,
    /// `dev`, `staging` or `production`.
    pub environment: String,
    /// Whether the workload must survive the loss of a zone.
    pub ha: bool,
    /// What deleting it means; by default what its environment says.
    pub deletion: Deletion,
    /// The product's parameters, in the Product's order; one that is neither given nor has a
    /// default is absent.
    pub params: Map<String, Value>,
}

impl ClaimRequest {
    /// Reads a claim's or composite resource's `spec` as a request for `product`.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the fields: forbidden ones, the common ones, the
    /// product's, unknown ones.
    pub fn read<'t>(
        product: &ProductSpec,
        spec: &Map<String, Value>,
        tiers: impl IntoIterator<Item = &'t str>,
    ) -> Result<ClaimRequest, Vec<FieldError>> {
        let mut errors = forbidden::decided_by_platform(spec);
        let nothing = Map::new();
        let given = match spec.get("parameters") {
            Some(Value::Object(parameters)) => parameters,
            None | Some(Value::Null) => &nothing,
            Some(other) => {
                errors.push(FieldError::new(
                    "spec.parameters",
                    Problem::Invalid,
                    format!("must be an object, not {}", describe(other)),
                ));
                &nothing
            }
        };
        let mut reader = Reader { given, errors };
        let cell = reader.cell();
        let tier = reader.choice("tier", &tiers.into_iter().collect::<Vec<_>>());
        let environment = reader.choice("environment", &ENVIRONMENTS);
        let request = ClaimRequest {
            cell,
            tier,
            ha: reader.ha(),
            deletion: reader.deletion(product, &environment),
            environment,
            params: reader.params(product),
        };
        reader.unknown(product);
        if reader.errors.is_empty() { Ok(request) } else { Err(reader.errors) }
    }
}

/// What every product takes; `deletion` where it holds data.
pub(crate) const COMMON: [&str; 5] = ["cell", "tier", "environment", "ha", "deletion"];

struct Reader<'a> {
    given: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Reader<'_> {
    /// A value that is given: null is as good as absent, since Kubernetes drops it.
    fn value(&self, field: &str) -> Option<&Value> {
        self.given.get(field).filter(|value| !value.is_null())
    }

    fn error(&mut self, field: &str, problem: Problem, message: impl Into<String>) {
        self.errors.push(FieldError::new(format!("spec.parameters.{field}"), problem, message));
    }

    fn cell(&mut self) -> String {
        match self.value("cell") {
            Some(Value::String(cell)) if is_label_value(cell) => return cell.clone(),
            None => self.error(
                "cell",
                Problem::Required,
                "is required: the cell this workload belongs to",
            ),
            Some(Value::String(cell)) if cell.is_empty() => {
                self.error(
                    "cell",
                    Problem::Required,
                    "is required: the cell this workload belongs to",
                );
            }
            Some(other) => {
                let message = format!(
                    "must be a label value (at most 63 letters, digits, '-', '_' or '.', beginning and ending with a letter or digit), not {}",
                    describe(other)
                );
                self.error("cell", Problem::Invalid, message);
            }
        }
        String::new()
    }

    fn choice(&mut self, field: &str, choices: &[&str]) -> String {
        let all = one_of(choices.iter().copied());
        match self.value(field) {
            Some(Value::String(given)) if choices.contains(&given.as_str()) => {
                return given.clone();
            }
            None => self.error(field, Problem::Required, format!("is required: one of {all}")),
            Some(other) => {
                let hint = other
                    .as_str()
                    .map(|given| did_you_mean(given, choices.iter().copied()))
                    .unwrap_or_default();
                let message = format!("must be one of {all}, not {}{hint}", describe(other));
                self.error(field, Problem::NotSupported, message);
            }
        }
        String::new()
    }

    fn ha(&mut self) -> bool {
        match self.value("ha") {
            Some(Value::Bool(ha)) => *ha,
            None => false,
            Some(other) => {
                let message = format!("must be a boolean, not {}", describe(other));
                self.error("ha", Problem::Invalid, message);
                false
            }
        }
    }

    /// What holds no data has none: there it is a field like any other that is not known.
    fn deletion(&mut self, product: &ProductSpec, environment: &str) -> Deletion {
        if !product.stateful {
            return Deletion::Discard;
        }
        match self.value("deletion") {
            None => Deletion::by_default(environment),
            Some(_) => {
                let chosen = self.choice("deletion", &Deletion::CHOICES);
                Deletion::named(&chosen).unwrap_or_default()
            }
        }
    }

    fn params(&mut self, product: &ProductSpec) -> Map<String, Value> {
        let mut params = Map::new();
        for spec in &product.parameters {
            let path = format!("spec.parameters.{}", spec.name);
            let given =
                match self.value(&spec.name).map(|value| parameter::check(spec, &path, value)) {
                    Some(Ok(Given::Value(value))) => Some(value),
                    None | Some(Ok(Given::Nothing)) => spec.default.clone(),
                    Some(Err(error)) => {
                        self.errors.push(error);
                        continue;
                    }
                };
            match given {
                Some(value) => {
                    params.insert(spec.name.clone(), value);
                }
                None if spec.required => {
                    let what = if spec.description.is_empty() {
                        String::new()
                    } else {
                        format!(": {}", spec.description)
                    };
                    self.error(&spec.name, Problem::Required, format!("is required{what}"));
                }
                None => {}
            }
        }
        params
    }

    fn unknown(&mut self, product: &ProductSpec) {
        let common = COMMON.into_iter().filter(|field| product.stateful || *field != "deletion");
        let known: Vec<&str> =
            common.chain(product.parameters.iter().map(|p| p.name.as_str())).collect();
        /// More of them are counted, not told: each is compared with all that are known.
        const MOST_TOLD: usize = 20;
        let given = self.given;
        let mut unknown = given.keys().filter(|f| {
            !known.contains(&f.as_str()) && !forbidden::DECIDED_BY_PLATFORM.contains(&f.as_str())
        });
        for field in unknown.by_ref().take(MOST_TOLD) {
            let hint = did_you_mean(field, known.iter().copied());
            let message =
                format!("is not a parameter of this product{hint}; it takes {}", known.join(", "));
            self.error(field, Problem::Unknown, message);
        }
        let more = unknown.count();
        if more > 0 {
            let message = format!("has {more} more fields that this product does not take");
            self.errors.push(FieldError::new("spec.parameters", Problem::Unknown, message));
        }
    }
}

/// Whether Kubernetes accepts `text` as the value of a label; empty is not accepted here.
fn is_label_value(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
