//! Labels, annotations and other spellings that users and programs agree on, each written once.

/// API group of the configuration kinds, and prefix of every label and annotation.
pub const GROUP: &str = "platform.example.org";
/// API version of the configuration kinds.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of the configuration kinds.
pub const API_VERSION: &str = "platform.example.org/v1alpha1";

/// Annotation on claims and composite resources: the decision record, compact JSON.
pub const PLACEMENT_REASON: &str = "platform.example.org/placement-reason";
/// Annotation on a placed claim: providers to leave (`aws,oci`), or `any`; behind an `@` the decision
/// that is to be left (`any@2`), so that the same request applied again moves nothing. Consumed at
/// admission.
pub const FAILOVER: &str = "platform.example.org/failover";
/// Annotation on a placed claim: a retained placement (`<provider>-<region>`) to let go.
pub const RELEASE: &str = "platform.example.org/release";

/// Annotation on a placed claim: what a Candidate has become that the workload is to take over, as
/// the notice of that change names it.
pub const ADOPT_CANDIDATE: &str = "platform.example.org/adopt-candidate";

/// Annotation on claims and composite resources: what has happened to the workload, compact JSON, the
/// newest last. The platform's.
pub const HISTORY: &str = "platform.example.org/history";

/// Label every configuration object carries, so that one selector lists them (Crossplane 1.20
/// refuses an empty selector).
pub const CATALOG: &str = "platform.example.org/catalog";
/// Value of [`CATALOG`].
pub const CATALOG_VALUE: &str = "true";

/// What is wrong with a configuration object that does not have it.
#[must_use]
pub fn unlabelled() -> String {
    format!(
        "metadata.labels: {CATALOG}: \"{CATALOG_VALUE}\" is missing, without which the function does not see the object"
    )
}

/// Label: the claim's cell.
pub const CELL: &str = "platform.example.org/cell";
/// Label: the claim's environment.
pub const ENVIRONMENT: &str = "platform.example.org/environment";
/// Label: the claim's tier.
pub const TIER: &str = "platform.example.org/tier";
/// Label: the product's name.
pub const PRODUCT: &str = "platform.example.org/product";
/// Label on composed objects: the provider of the placement they belong to.
pub const PROVIDER: &str = "platform.example.org/provider";
/// Label on composed objects: the region of the placement they belong to.
pub const REGION: &str = "platform.example.org/region";
/// Label on composed objects: the sequence of the decision they belong to.
pub const SEQUENCE: &str = "platform.example.org/sequence";
/// Label on composed objects: the name that the workload has at the provider. Annotation on claims and
/// composite resources: the same, `<id>@<sequence>`, so that what is restored from a backup takes hold
/// of what it had.
pub const ID: &str = "platform.example.org/id";
/// Label on composed objects: the resource's name in the Product.
pub const RESOURCE: &str = "platform.example.org/resource";
/// Label (`true`) on composed objects that hold data: never deleted without a human act.
pub const STATEFUL: &str = "platform.example.org/stateful";

/// Label on composed objects of products that hold data: what deleting the workload means.
pub const DELETION: &str = "platform.example.org/deletion";

/// Label Crossplane puts on the composite resource of a claim: the claim's name.
pub const CLAIM_NAME: &str = "crossplane.io/claim-name";
/// Label Crossplane puts on the composite resource of a claim: the claim's namespace.
pub const CLAIM_NAMESPACE: &str = "crossplane.io/claim-namespace";
/// Label Crossplane puts on composed resources: their composite resource.
pub const COMPOSITE: &str = "crossplane.io/composite";
/// Annotation by which Crossplane names a composed resource within its composite.
pub const COMPOSITION_RESOURCE_NAME: &str = "crossplane.io/composition-resource-name";
/// Annotation by which a managed resource is named at its provider.
pub const EXTERNAL_NAME: &str = "crossplane.io/external-name";

/// RBAC verb: create a claim that carries a placement-reason, and write `status.placement` (restore
/// from a backup).
pub const VERB_RESTORE: &str = "restore";
/// RBAC verb: ask for a failover, or take a changed Candidate over.
pub const VERB_FAILOVER: &str = "failover";
/// RBAC verb: let go of a retained placement.
pub const VERB_RELEASE: &str = "release";
/// RBAC verb: take protection off data in production, by lowering `deletion` or by leaving that
/// environment.
pub const VERB_UNPROTECT: &str = "unprotect";

/// The built-in feature flag: weigh cost higher.
pub const PREFER_COST_OPTIMIZATION: &str = "prefer_cost_optimization";

/// The capability that `ha: true` asks for, whatever the tier.
pub const MULTI_AZ: &str = "multi_az";

/// The score dimensions, in canonical order.
pub const DIMENSIONS: [&str; 4] = ["latency", "dr", "maturity", "cost"];

/// How far a tier's weights may be from 1 together.
pub const TIER_WEIGHTS_TOLERANCE: f64 = 1e-6;
/// How far an experiment's weights may be from 1 together (the reference's tolerance).
pub const EXPERIMENT_WEIGHTS_TOLERANCE: f64 = 0.01;

/// The environment whose workloads are protected from deletion.
pub const PRODUCTION: &str = "production";
/// The environments a claim may name.
pub const ENVIRONMENTS: [&str; 3] = ["dev", "staging", PRODUCTION];

/// The name of a workload's connection secret. It carries the product, since workloads of two
/// products may have one name in one namespace.
#[must_use]
pub fn connection_secret(workload: &str, product: &str) -> String {
    format!("{workload}-{product}-conn")
}

/// The name by which claims, experiments and records know an object: Kubernetes names have no `_`,
/// so the Tier `business-critical` is `business_critical`, and the flag `prefer-cost-optimization`
/// is `prefer_cost_optimization`.
#[must_use]
pub fn reference_name(object_name: &str) -> String {
    object_name.replace('-', "_")
}

/// The object behind such a name.
#[must_use]
pub fn object_name(reference_name: &str) -> String {
    reference_name.replace('_', "-")
}
