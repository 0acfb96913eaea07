//! A product rendered for one placement: objects, what is pending and why, connection, effective
//! values, notices; and what all of it depends on.

use std::collections::BTreeMap;

use bytes::Bytes;
use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::recovery::RecoveryPoint;
use serde_json::{Map, Value};

use super::credentials::Credentials;
use super::facts::{Identity, Placement, TierFacts};
use super::field_mask::FieldMask;

/// What has been observed, by composition-resource-name.
pub trait Observed {
    /// These parts of the object.
    fn object(&self, key: &str, parts: &FieldMask) -> Option<Value>;
    /// The name of the object.
    fn name(&self, key: &str) -> Option<&str>;
    /// Whether a managed resource's conditions say that it is ready, or that something else is
    /// there.
    fn ready(&self, key: &str) -> bool;
}

/// Everything that rendering depends on, beside what has been observed.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What is asked for.
    pub request: &'a ClaimRequest,
    /// The tier's facts.
    pub tier: &'a TierFacts,
    /// Where it goes.
    pub placement: &'a Placement,
    /// Who the workload is.
    pub identity: &'a Identity,
    /// Its credentials, for products that have them.
    pub credentials: Option<&'a Credentials>,
}

/// A product rendered for one placement.
#[derive(Debug, Default)]
pub struct Rendering {
    /// The objects, in the Product's order.
    pub objects: Vec<Composed>,
    /// Resources that cannot be rendered now.
    pub pending: Vec<Pending>,
    /// The connection secret, as far as it is known.
    pub connection: BTreeMap<String, String>,
    /// What the developer gets where that is not what was asked for.
    pub effective: Map<String, Value>,
    /// What deleting the workload would do now, as the provider reports it, where it does.
    pub deletion: Option<Deletion>,
    /// What keeps its data here.
    pub recovery: Vec<RecoveryPoint>,
    /// Notices that apply, name → message.
    pub notices: BTreeMap<String, String>,
}

/// One object to compose.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    /// Its composition-resource-name.
    pub key: String,
    /// The resource it is made from.
    pub resource: String,
    /// Its name.
    pub name: String,
    /// The object, as a Struct's bytes.
    pub object: Bytes,
    /// Whether it is there and ready.
    pub ready: bool,
    /// Whether it holds data.
    pub stateful: bool,
    /// Whether its provider cannot update it, so that others of the same resource are its
    /// predecessors.
    pub immutable: bool,
}

/// A resource that cannot be rendered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The resource.
    pub resource: String,
    /// Whether it only waits for something to be observed; otherwise an expression has failed.
    pub waiting: bool,
    /// What it waits for, or what has failed.
    pub reason: String,
}
