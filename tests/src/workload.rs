//! One workload rendered at one place: what a test says of it, and everything else filled in from
//! the default catalog.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use idp_core::catalog::{Catalog, embedded};
use idp_core::compose::credentials::{self, RESOURCE_KEY};
use idp_core::compose::facts::{Identity, Scope};
use idp_core::compose::field_mask::FieldMask;
use idp_core::compose::names::provider_id;
use idp_core::compose::product::Product;
use idp_core::compose::render;
use idp_core::compose::rendering::{self, Composed, Inputs, Observed, Pending};
use idp_core::structs::from_struct;
use idp_crds::contract::{ClaimRequest, Deletion};
use idp_crds::recovery::RecoveryPoint;
use serde_json::{Map, Value, json};

/// What has been rendered, with its objects decoded.
pub struct Rendering {
    /// The objects, in the Product's order.
    pub objects: Vec<Made>,
    /// Resources that could not be rendered.
    pub pending: Vec<Pending>,
    /// The connection secret.
    pub connection: BTreeMap<String, String>,
    /// What the developer gets where that is not what was asked for.
    pub effective: Map<String, Value>,
    /// Notices that apply, name → message.
    pub notices: BTreeMap<String, String>,
    /// What deleting it would do, as the provider reports it.
    pub deletion: Option<Deletion>,
    /// What keeps its data.
    pub recovery: Vec<RecoveryPoint>,
}

/// One object that has been rendered.
pub struct Made {
    /// Its composition-resource-name.
    pub key: String,
    /// The resource it is made from.
    pub resource: String,
    /// Whether it holds data.
    pub stateful: bool,
    /// The object.
    pub object: Value,
}

/// The default catalog.
pub static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::strict(embedded().unwrap()).unwrap());

/// A product of the default catalog.
pub fn default_product(name: &str) -> Arc<Product> {
    Arc::clone(CATALOG.product(name).expect("a product of that name"))
}

/// The objects that a rendering made of a resource.
pub fn made_of<'r>(rendering: &'r Rendering, resource: &str) -> Vec<&'r Value> {
    rendering
        .objects
        .iter()
        .filter(|composed| composed.resource == resource)
        .map(|composed| &composed.object)
        .collect()
}

/// `spec.forProvider` of the only object that a rendering made of a resource.
pub fn for_provider<'r>(rendering: &'r Rendering, resource: &str) -> &'r Value {
    let made = made_of(rendering, resource);
    assert_eq!(made.len(), 1, "{resource}: {made:?}");
    &made[0]["spec"]["forProvider"]
}

/// A workload at a place.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The composite resource's name.
    pub name: String,
    /// The claim's or the composite resource's namespace.
    pub namespace: String,
    /// The candidate's name, `<provider>-<region>`.
    pub place: String,
    /// The decision's sequence: 1 for the first placement, more after moves.
    pub sequence: u64,
    /// Claims or namespaced composites.
    pub scope: Scope,
    /// The composite resource's uid; none where it is rendered on a laptop.
    pub uid: Option<String>,
    /// `spec.parameters` of the claim.
    pub parameters: Map<String, Value>,
}

impl Workload {
    /// In production, of the tier `medium`, claimed, in a cluster; `parameters` are the product's
    /// and may override these.
    pub fn new(place: &str, parameters: Value) -> Self {
        let mut all =
            json!({"cell": "cell-1", "tier": "medium", "environment": "production", "ha": false});
        all.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        Workload {
            name: "orders-7x2kq".to_owned(),
            namespace: "team-checkout".to_owned(),
            place: place.to_owned(),
            sequence: 1,
            scope: Scope::Cluster,
            uid: Some("20000000-0000-4000-8000-000000000001".to_owned()),
            parameters: all.as_object().unwrap().clone(),
        }
    }

    /// The same with other or more parameters.
    pub fn with(&self, parameters: Value) -> Self {
        let mut other = self.clone();
        other.parameters.extend(parameters.as_object().unwrap().clone());
        other
    }

    /// The same as a namespaced composite.
    pub fn namespaced(&self) -> Self {
        Workload { scope: Scope::Namespaced, ..self.clone() }
    }

    /// What the claim asks for.
    pub fn request(&self, product: &Product) -> ClaimRequest {
        let spec = json!({"parameters": self.parameters});
        ClaimRequest::read(
            &product.spec,
            spec.as_object().unwrap(),
            CATALOG.scheduler().tier_names(),
        )
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    /// Renders it over what has been observed. For a product with credentials their Secret is
    /// composed too, as the function does.
    pub fn render(&self, product: &Product, observed: &dyn Observed) -> Rendering {
        let request = self.request(product);
        let tier = CATALOG.tier_facts(&request.tier).unwrap();
        let identity = Identity {
            name: self.name.clone(),
            claim_name: "orders".to_owned(),
            namespace: self.namespace.clone(),
            scope: self.scope,
            uid: self.uid.clone(),
        };
        let place = self.place.split_once('-').unwrap();
        let plan = product.provider(place.0).expect("the product is offered there");
        let reserved = &plan.reserved_prefixes;
        let id = provider_id(&identity, &product.name, place, self.sequence, reserved);
        let site = CATALOG.site(place).expect("a candidate of that name");
        let placement = site.placement(place, self.sequence, id);
        let secret = observed.object(RESOURCE_KEY, &FieldMask::whole());
        let credentials = product.spec.credentials.as_ref().map(|c| {
            credentials::plan(&identity, &product.name, &c.username, secret.as_ref()).credentials
        });
        let inputs = Inputs {
            request: &request,
            tier: &tier,
            placement: &placement,
            identity: &identity,
            credentials: credentials.as_ref(),
        };
        let rendering::Rendering {
            objects,
            pending,
            connection,
            effective,
            notices,
            deletion,
            recovery,
        } = render::render(product, plan, inputs, observed);
        let made = |composed: Composed| {
            let object = from_struct(&composed.object).unwrap();
            Made {
                key: composed.key,
                resource: composed.resource,
                stateful: composed.stateful,
                object,
            }
        };
        Rendering {
            objects: objects.into_iter().map(made).collect(),
            pending,
            connection,
            effective,
            notices,
            deletion,
            recovery,
        }
    }
}
