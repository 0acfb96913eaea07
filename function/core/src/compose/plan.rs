//! What a Product's templates are compiled to, for one provider.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use idp_crds::contract::Problem;

use super::expression::{Expression, PlaceRead, References};
use super::field_mask::FieldMask;
use super::recovery::RecoveryPlan;
use super::template::Template;

/// The variables that every expression sees.
pub const VARIABLES: [&str; 16] = [
    "cell",
    "claim",
    "credentials",
    "deletion",
    "environment",
    "flavour",
    "ha",
    "id",
    "names",
    "observed",
    "params",
    "placement",
    "tier",
    "values",
    "vars",
    "xr",
];

/// What a product is made of on one provider.
#[derive(Debug)]
pub struct ProviderPlan {
    pub(super) variables: Vec<(String, Template)>,
    /// Beginnings of names that the provider keeps to itself.
    pub reserved_prefixes: Vec<String>,
    /// Capabilities of places that the product does not have there, whatever the place can do.
    pub lacks: Vec<String>,
    /// What is read of a place.
    pub(super) place_reads: Vec<PlaceRead>,
    /// The resources, in the Product's order.
    pub resources: Vec<ResourcePlan>,
    pub(super) connection: Vec<(String, Template)>,
    pub(super) effective: Vec<(String, Template)>,
    /// What deleting the workload would do, as the provider reports it.
    pub(super) deletion: Option<Template>,
    pub(super) notices: Vec<NoticePlan>,
    pub(super) recovery: Vec<RecoveryPlan>,
    /// Resources whose observed state some expression reads, and what of it.
    pub(super) observed_read: BTreeMap<String, FieldMask>,
    /// How many values its expressions keep during a rendering.
    pub(super) slots: usize,
}

/// One resource, compiled.
#[derive(Debug)]
pub struct ResourcePlan {
    /// Its name within the product.
    pub name: String,
    /// `apiVersion` in the cluster-scoped flavour.
    pub api_version: String,
    /// `apiVersion` in the namespaced flavour.
    pub namespaced_api_version: String,
    /// Its kind.
    pub kind: String,
    /// Whether it is a provider's managed resource.
    pub managed: bool,
    /// Whether it holds data.
    pub stateful: bool,
    /// Whether its provider cannot update it.
    pub immutable: bool,
    /// Whether there is one per item of a list.
    pub repeated: bool,
    pub(super) template: Template,
    pub(super) include_when: Option<Arc<Expression>>,
    pub(super) for_each: Option<Arc<Expression>>,
    pub(super) ready_when: Option<Arc<Expression>>,
    pub(super) needs: Needs,
    /// Resources that its template names or reads: it cannot do well before they do.
    pub refers_to: BTreeSet<String>,
}

impl ResourcePlan {
    /// Whether it is made with the workload's credentials, and so not without them.
    #[must_use]
    pub fn needs_credentials(&self) -> bool {
        self.needs.credentials
    }
}

/// A message to the developer, compiled.
#[derive(Debug)]
pub(super) struct NoticePlan {
    pub(super) name: String,
    pub(super) when: Arc<Expression>,
    pub(super) message: Template,
}

/// What must have been observed before something can be evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// Resources.
    pub(super) observed: BTreeSet<String>,
    /// Computed variables, also those that other variables are computed from.
    pub(super) vars: BTreeSet<String>,
    /// The workload's credentials.
    pub(super) credentials: bool,
}

/// One thing that is wrong with a Product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductError {
    /// The field, from `spec`; a resource's name stands beside its position.
    pub path: String,
    /// The expression, if it is one.
    pub expression: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
    /// What kind of mistake it is.
    pub problem: Problem,
}

impl fmt::Display for ProductError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expression {
            Some(expression) => write!(f, "{}: ${{{expression}}}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

impl ProviderPlan {
    pub(super) fn observed_references(&self) -> BTreeMap<String, FieldMask> {
        let mut read: BTreeMap<String, FieldMask> = BTreeMap::new();
        let mut collect = |references: &References| {
            for (resource, path) in
                references.observed_paths.iter().filter_map(|path| path.split_first())
            {
                read.entry(resource.clone()).or_default().add(path);
            }
        };
        let keyed = self
            .variables
            .iter()
            .chain(&self.connection)
            .chain(&self.effective)
            .map(|(_, template)| template);
        let templates = keyed
            .chain(&self.deletion)
            .chain(self.resources.iter().map(|r| &r.template))
            .chain(self.notices.iter().map(|n| &n.message));
        templates.for_each(|template| template.references(&mut collect));
        let conditions = self
            .resources
            .iter()
            .flat_map(|r| r.include_when.iter().chain(&r.for_each).chain(&r.ready_when));
        conditions
            .chain(self.notices.iter().map(|n| &n.when))
            .for_each(|condition| collect(&condition.references));
        read
    }
}
