//! `Product`: a managed service that developers can ask for, as data.
//!
//! A product says which API it has, which parameters it takes, and which provider resources it is
//! made of. Any string in a resource's template may hold CEL expressions, `${…}`: a string that is
//! one expression takes the expression's typed value, any other is interpolated. What expressions
//! can see is listed at [`ResourceTemplate::template`].

use std::collections::BTreeMap;

use indexmap::IndexMap;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::ConfigurationStatus;
use crate::recovery::RecoverySpec;
use crate::schema;

/// A managed service: its API, its parameters, and its resources on every provider.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "platform.example.org",
    version = "v1alpha1",
    kind = "Product",
    category = "idp",
    doc = "A managed service that developers can ask for: its API, its parameters, its resources on every provider.",
    derive = "PartialEq",
    status = "ConfigurationStatus",
    printcolumn(name = "Claim", type_ = "string", json_path = ".spec.api.claimKind"),
    printcolumn(name = "Group", type_ = "string", json_path = ".spec.api.group"),
    printcolumn(name = "Stateful", type_ = "boolean", json_path = ".spec.stateful"),
    printcolumn(name = "Description", type_ = "string", json_path = ".spec.description"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Accepted\")].status",
        description = "whether the platform decides by it"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductSpec {
    /// One line for people who choose a product.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: String,
    /// The API by which it is asked for.
    #[x_kube(validation = Rule::new("self == oldSelf").message("a product's API cannot change: claims of the old API would be orphaned; make a new Product"))]
    pub api: ProductApi,
    /// Whether it holds data. A stateful product's old placement is kept, observed only, after a
    /// move.
    #[serde(default)]
    pub stateful: bool,
    /// What a developer may set under `spec.parameters`, beside `cell`, `tier`, `environment` and
    /// `ha`.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub parameters: Vec<ParameterSpec>,
    /// Lookup tables for the templates (`values`), such as size → instance class.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::map_of_any")]
    pub values: BTreeMap<String, Value>,
    /// A user name and password made once per workload, kept in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsSpec>,
    /// The keys of the connection secret, the same on every provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(regex(pattern = r"^[-._a-zA-Z0-9]+$")))]
    pub connection_keys: Vec<String>,
    /// What it is made of, per provider.
    #[schemars(extend("minProperties" = 1))]
    pub providers: BTreeMap<String, ProviderTemplates>,
}

/// The coordinates of a product's API.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductApi {
    /// API group of claims and composite resources, such as `db.platform.example.org`.
    #[schemars(length(min = 3, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub group: String,
    /// API version, such as `v1alpha1`.
    #[schemars(regex(pattern = r"^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$"))]
    pub version: String,
    /// Kind of the claim, such as `MySQLInstanceClaim`.
    #[schemars(regex(pattern = r"^[A-Z][A-Za-z0-9]{0,61}$"))]
    pub claim_kind: String,
    /// Kind of the cluster-scoped composite resource behind a claim, such as `XMySQLInstance`.
    #[schemars(regex(pattern = r"^[A-Z][A-Za-z0-9]{0,61}$"))]
    pub composite_kind: String,
    /// Kind of the namespaced composite resource (Crossplane v2), such as `MySQLInstance`.
    #[schemars(regex(pattern = r"^[A-Z][A-Za-z0-9]{0,61}$"))]
    pub namespaced_kind: String,
}

impl ProductApi {
    /// `group/version`.
    #[must_use]
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// The kinds, each with the field that names it.
    #[must_use]
    pub fn kinds(&self) -> [(&'static str, &str); 3] {
        [
            ("claimKind", &self.claim_kind),
            ("compositeKind", &self.composite_kind),
            ("namespacedKind", &self.namespaced_kind),
        ]
    }

    /// Whether a kind of an API group is one of this API's.
    #[must_use]
    pub fn has(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kinds().iter().any(|(_, ours)| *ours == kind)
    }

    /// The plural resource name of one of the kinds: lower case with an `s`.
    #[must_use]
    pub fn plural(kind: &str) -> String {
        let lower = kind.to_lowercase();
        if lower.ends_with('s') || lower.ends_with('x') { lower + "es" } else { lower + "s" }
    }
}

/// One parameter that a developer may set.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParameterSpec {
    /// The field's name under `spec.parameters`.
    #[schemars(regex(pattern = r"^[a-zA-Z][a-zA-Z0-9]{0,62}$"))]
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub description: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_: ParameterType,
    /// Whether it must be given (a default makes that moot).
    #[serde(default)]
    pub required: bool,
    /// The value when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_value")]
    pub default: Option<Value>,
    /// The values it may take; any when empty.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::list_of_any")]
    pub choices: Vec<Value>,
    /// The least value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// The greatest value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    /// The greatest length of a string, in characters, or of a list, in items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_536))]
    pub max_length: Option<u32>,
    /// Whether it may change once the workload is placed.
    #[serde(default)]
    pub update: UpdateRule,
}

/// The types a parameter can have.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum ParameterType {
    /// Text; empty text counts as not given, unless there are choices.
    String,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A list of texts.
    StringList,
}

/// Whether a parameter may change on a workload that exists.
#[derive(
    schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default,
)]
#[serde(rename_all = "camelCase")]
pub enum UpdateRule {
    /// It may change.
    #[default]
    Any,
    /// It may not.
    Immutable,
    /// It may grow only. For one with choices, their order is the order of growth.
    IncreaseOnly,
}

/// Credentials that the platform makes for a workload, once.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialsSpec {
    /// The user's name, the same on every provider.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9]{0,15}$"))]
    pub username: String,
}

/// What a product is made of on one provider.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderTemplates {
    /// Beginnings of names that the provider keeps to itself, such as `sg-` for security groups at
    /// AWS: `id` never begins so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(regex(pattern = r"^[a-z][a-z0-9-]{0,31}$")))]
    pub reserved_prefixes: Vec<String>,
    /// Capabilities that the product does not have on this provider, whatever the places there can
    /// do: what needs one is not placed there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 63)))]
    pub lacks: Vec<String>,
    /// What a platform team makes at the provider before anything is placed there, with the least
    /// rights that the provider's credentials need: for people, each one item of a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 1024)))]
    pub prerequisites: Vec<String>,
    /// What keeps the data here, and how far behind each can be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub recovery: Vec<RecoverySpec>,
    /// Values computed once and used by name (`vars.<name>`), in this order: a later one may use an
    /// earlier one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub variables: Vec<Variable>,
    /// The resources.
    #[schemars(length(min = 1, max = 64))]
    pub resources: Vec<ResourceTemplate>,
    /// The connection secret: key → text with expressions. A key whose expression waits for an
    /// observed value is left out until it is there.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(with = "BTreeMap<String, String>")]
    pub connection: IndexMap<String, String>,
    /// What the developer gets where that is not what was asked for, such as a storage size below
    /// the provider's minimum: parameter → value with expressions. Shown in `status.effective`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    #[schemars(schema_with = "schema::map_of_any")]
    pub effective: IndexMap<String, Value>,
    /// What deleting the workload would do at the provider now, as the provider reports it: text with
    /// expressions, `protect`, `backup` or `discard`. As long as that is not what is asked for, or an
    /// `orphan` is not one yet, the workload is not deleted. Without a value, as while nothing is
    /// reported, what the composed objects ask for counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub deletion: Option<String>,
    /// What a developer should be told, once, when it applies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub notices: Vec<Notice>,
}

/// A value computed once.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// How expressions name it: `vars.<name>`.
    #[schemars(regex(pattern = r"^[a-zA-Z][a-zA-Z0-9]{0,62}$"))]
    pub name: String,
    /// Any value, with expressions.
    #[schemars(schema_with = "schema::any_value")]
    pub value: Value,
}

/// A message to the developer.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Its name, recorded in `status.placement.notices` so that it is said once.
    #[schemars(regex(pattern = r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$"))]
    pub name: String,
    /// When it applies: one expression, true or false.
    pub when: String,
    /// What is said, with expressions.
    pub message: String,
}

/// One resource of a product on one provider.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceTemplate {
    /// Its name within the product: how expressions find it (`observed.<name>`, `names.<name>`),
    /// and part of the composed object's name. Renaming a resource is removing one and adding
    /// another.
    #[schemars(regex(pattern = r"^[a-z]([-a-z0-9]{0,30}[a-z0-9])?$"))]
    pub name: String,
    /// `apiVersion` in the namespaced flavour (Crossplane v2), such as
    /// `rds.aws.m.upbound.io/v1beta1`. Not given: the same in both, as for a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaced_api_version: Option<String>,
    /// Whether it exists at all: one expression, true or false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_when: Option<String>,
    /// One object per item: one expression, a list. The template sees `each` and `index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// When it is ready: one expression over `observed.<name>`, true or false. By default: a
    /// managed resource when its `Ready` condition is true, anything else once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_when: Option<String>,
    /// Whether it holds data: it is then never deleted without a human act.
    #[serde(default)]
    pub stateful: bool,
    /// Whether its provider cannot update it: a change then makes a new object, and the old one
    /// goes when that is ready.
    #[serde(default)]
    pub immutable: bool,
    /// The Kubernetes object, in the cluster-scoped flavour. The platform fills in name, labels,
    /// and for managed resources `providerConfigRef` and `managementPolicies`, where they are not
    /// given.
    ///
    /// Expressions see: `id` (a name at the provider: at most 40 characters, the workload's at this
    /// place alone), `params`, `cell`, `environment`, `ha`, `deletion` (`protect`, `orphan`, `backup`
    /// or `discard`), `tier` (name, rtoMinutes, rpoMinutes, capabilities), `placement` (provider,
    /// region, runtimeCluster, network, settings, sequence),
    /// `claim` and `xr` (name, namespace: where namespaced objects go; `xr.uid`, empty outside of a
    /// cluster), `values`, `vars`, `flavour`
    /// (`cluster` or `namespaced`), `credentials` (secretName, username, password),
    /// `names.<resource>` (the composed object's name), `observed.<resource>`, and with forEach
    /// `each` and `index`.
    #[schemars(schema_with = "schema::free_object")]
    pub template: Value,
}
