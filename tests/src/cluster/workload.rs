//! A developer's workload: a claim, or a namespaced composite.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use idp_crds::names::connection_secret;

use super::{Line, Team, eventually};

/// A kind that developers use.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The Product.
    pub product: &'static str,
    /// `<group>/<version>`.
    pub api_version: &'static str,
    /// What developers write.
    pub kind: &'static str,
    /// The cluster-scoped composite of a claim; `None` for a namespaced composite.
    pub composite: Option<&'static str>,
}

const DB: &str = "db.platform.example.org/v1alpha1";
const COMPUTE: &str = "compute.platform.example.org/v1alpha1";

const fn claim(
    product: &'static str,
    api_version: &'static str,
    kind: &'static str,
    composite: &'static str,
) -> Kind {
    Kind { product, api_version, kind, composite: Some(composite) }
}

const fn namespaced(product: &'static str, api_version: &'static str, kind: &'static str) -> Kind {
    Kind { product, api_version, kind, composite: None }
}

/// A claim for MySQL.
pub const MYSQL: Kind = claim("mysql", DB, "MySQLInstanceClaim", "XMySQLInstance");
/// A claim for a web app.
pub const WEBAPP: Kind = claim("webapp", COMPUTE, "WebAppClaim", "XWebApp");

/// What developers can ask for on the Crossplane that is in use.
pub fn kinds() -> impl Iterator<Item = Kind> {
    KINDS.into_iter().filter(|kind| match Line::in_use() {
        // It has no namespaced composites, and composes no namespaced objects, such as the Secret
        // with a database's password.
        Line::V1 => kind.composite.is_some() && kind.product == "webapp",
        Line::V2 => true,
    })
}

/// Everything that developers can ask for.
pub const KINDS: [Kind; 6] = [
    MYSQL,
    claim("postgresql", DB, "PostgreSQLInstanceClaim", "XPostgreSQLInstance"),
    WEBAPP,
    namespaced("mysql", DB, "MySQLInstance"),
    namespaced("postgresql", DB, "PostgreSQLInstance"),
    namespaced("webapp", COMPUTE, "WebApp"),
];

impl Kind {
    /// A manifest that every cloud can satisfy, complete without the webhook.
    #[must_use]
    pub fn manifest(&self, name: &str) -> Value {
        let mut manifest = self.request(name);
        if self.composite.is_some() {
            manifest["spec"]["writeConnectionSecretToRef"] =
                json!({"name": connection_secret(name, self.product)});
        }
        manifest
    }

    /// What developers write: the webhook fills in the rest.
    #[must_use]
    pub fn request(&self, name: &str) -> Value {
        let mut parameters = json!({"cell": "cell-1", "environment": "dev", "tier": "medium"});
        let own = match self.product {
            "webapp" => {
                json!({"image": "registry.example.com/app:v1", "port": 8080, "cpu": "500m", "memory": "1Gi"})
            }
            _ => json!({"size": "small", "storageGB": 20}),
        };
        for (key, value) in own.as_object().into_iter().flatten() {
            parameters[key] = value.clone();
        }
        let (api_version, kind) = (self.api_version, self.kind);
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": {"parameters": parameters}})
    }
}

/// A workload that was applied.
pub struct Workload<'team> {
    team: &'team Team,
    /// What it is.
    pub kind: Kind,
    /// The name of the claim or composite.
    pub name: String,
}

impl Team {
    /// Applies the workload as a developer.
    pub async fn workload(&self, kind: Kind, name: &str) -> Workload<'_> {
        self.workload_from(kind, kind.manifest(name)).await
    }

    /// The same with a manifest of one's own.
    pub async fn workload_from(&self, kind: Kind, manifest: Value) -> Workload<'_> {
        let name = manifest["metadata"]["name"].as_str().expect("a name").to_owned();
        // A right on a kind that was just defined takes the RBAC manager a moment.
        eventually("the developer's right", async || self.apply(&manifest)).await;
        Workload { team: self, kind, name }
    }
}

impl Workload<'_> {
    /// The claim or namespaced composite.
    pub async fn get(&self) -> Result<DynamicObject, String> {
        let objects = self.team.objects(self.kind.api_version, self.kind.kind).await;
        objects.get(&self.name).await.map_err(|error| error.to_string())
    }

    /// The composite: of a claim, what it refers to.
    pub async fn composite(&self) -> Result<DynamicObject, String> {
        let own = self.get().await?;
        let Some(kind) = self.kind.composite else { return Ok(own) };
        let name =
            own.data["spec"]["resourceRef"]["name"].as_str().ok_or("the claim has no composite")?;
        let composites = self.team.objects(self.kind.api_version, kind).await;
        composites.get(name).await.map_err(|error| error.to_string())
    }

    /// What `status.placement` says.
    pub async fn placement(&self) -> Result<Value, String> {
        let own = self.get().await?;
        let placement = own.data["status"]["placement"].clone();
        if placement.is_null() {
            Err(format!("no placement: {}", own.data["status"]))
        } else {
            Ok(placement)
        }
    }

    /// Waits until it has a place, and returns it.
    pub async fn placed(&self) -> Value {
        eventually(&format!("a place for {}", self.name), async || self.placement().await).await
    }

    /// Waits until it is ready, its connection Secret included.
    pub async fn ready(&self) -> DynamicObject {
        eventually(&format!("{} {}", self.kind.kind, self.name), async || {
            let own = self.get().await?;
            let conditions =
                own.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready =
                conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
            if ready { Ok(own) } else { Err(self.why_not(&own).await) }
        })
        .await
    }

    /// What it and its parts say of themselves.
    async fn why_not(&self, own: &DynamicObject) -> String {
        let short = |object: &DynamicObject| {
            let conditions =
                object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let texts = conditions
                .iter()
                .map(|c| format!("{}={} {} {}", c["type"], c["status"], c["reason"], c["message"]));
            texts.collect::<Vec<_>>().join("; ")
        };
        let composite = self.composite().await;
        let composed = self.composed().await;
        let mut lines =
            vec![short(own), composite.map_or_else(|error| error, |composite| short(&composite))];
        lines.extend(
            composed.iter().map(|object| format!("{}: {}", resource_name(object), short(object))),
        );
        lines.join("\n")
    }

    /// The composed objects, by what the composite refers to.
    pub async fn composed(&self) -> Vec<DynamicObject> {
        let Ok(composite) = self.composite().await else { return Vec::new() };
        let spec = &composite.data["spec"];
        let references = spec["crossplane"]["resourceRefs"]
            .as_array()
            .or_else(|| spec["resourceRefs"].as_array());
        let mut composed = Vec::new();
        for reference in references.into_iter().flatten() {
            let text = |key: &str| reference[key].as_str().unwrap_or_default();
            let (resource, namespaced) = self.team.resource(text("apiVersion"), text("kind")).await;
            let namespace = reference["namespace"].as_str().unwrap_or(&self.team.namespace);
            let objects = match namespaced {
                true => Api::namespaced_with(self.team.client.clone(), namespace, &resource),
                false => Api::all_with(self.team.client.clone(), &resource),
            };
            composed.extend(objects.get(text("name")).await.ok());
        }
        composed
    }

    /// Merges a patch into it, as an administrator.
    pub async fn change(&self, patch: &Value) {
        let objects = self.team.objects(self.kind.api_version, self.kind.kind).await;
        eventually("a change of the workload", async || {
            let patched =
                objects.patch(&self.name, &PatchParams::default(), &Patch::Merge(patch)).await;
            patched.map(|_| ()).map_err(|error| error.to_string())
        })
        .await;
    }

    /// Takes away all that is written down about it, as a restore from a backup does.
    pub async fn wipe_status(&self) {
        let composite = self.composite().await.expect("a composite");
        let kind = self.kind.composite.unwrap_or(self.kind.kind);
        let composites = self.team.objects(self.kind.api_version, kind).await;
        let name = composite.metadata.name.unwrap_or_default();
        let patch = Patch::Merge(json!({"status": null}));
        composites
            .patch_status(&name, &PatchParams::default(), &patch)
            .await
            .expect("an administrator may wipe the status");
    }

    /// Whether Crossplane's last look at the composite ended well.
    pub async fn synced(&self) -> Result<(), String> {
        let composite = self.composite().await?;
        let conditions =
            composite.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let synced =
            conditions.iter().any(|one| one["type"] == "Synced" && one["status"] == "True");
        synced.then_some(()).ok_or_else(|| format!("{conditions:?}"))
    }

    /// Its connection Secret, as text.
    pub async fn connection(&self) -> BTreeMap<String, String> {
        let secrets: Api<Secret> = Api::namespaced(self.team.client.clone(), &self.team.namespace);
        let name = connection_secret(&self.name, self.kind.product);
        let secret = eventually("the connection secret", async || {
            secrets.get(&name).await.map_err(|error| error.to_string())
        })
        .await;
        let data = secret.data.unwrap_or_default().into_iter();
        data.map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned())).collect()
    }

    /// Deletes it as a developer and waits until it, its composite and all they were made of are
    /// gone.
    pub async fn delete(&self) {
        let composite = self.composite().await;
        let composed = self.composed().await;
        self.team
            .kubectl(&["delete", self.kind.kind, &self.name, "--wait=false"], "")
            .expect("a developer may delete it");
        let objects = composite.into_iter().chain(composed);
        for object in objects {
            let types = object.types.clone().expect("an object of some type");
            let (resource, _) = self.team.resource(&types.api_version, &types.kind).await;
            let name = object.metadata.name.unwrap_or_default();
            let api: Api<DynamicObject> = match &object.metadata.namespace {
                Some(namespace) => {
                    Api::namespaced_with(self.team.client.clone(), namespace, &resource)
                }
                None => Api::all_with(self.team.client.clone(), &resource),
            };
            eventually(&format!("the end of {} {name}", types.kind), async || {
                match api.get_opt(&name).await {
                    Ok(None) => Ok(()),
                    Ok(Some(left)) => {
                        Err(format!("{:?} {}", left.metadata.finalizers, left.data["status"]))
                    }
                    Err(error) => Err(error.to_string()),
                }
            })
            .await;
        }
        eventually("the end of the claim", async || match self.get().await {
            Ok(_) => Err(format!("{} is still there", self.name)),
            Err(error) => error.contains("not found").then_some(()).ok_or(error),
        })
        .await;
    }

    /// Whether its connection Secret is there.
    pub async fn secret_exists(&self) -> bool {
        let secrets: Api<Secret> = Api::namespaced(self.team.client.clone(), &self.team.namespace);
        let list = secrets.list(&ListParams::default()).await.expect("secrets");
        list.items.iter().any(|secret| {
            secret.metadata.name.as_deref()
                == Some(&connection_secret(&self.name, self.kind.product))
        })
    }
}

/// The name of a composed object within its composite: `<place>/<resource>`.
#[must_use]
pub fn resource_name(object: &DynamicObject) -> &str {
    let annotations = object.metadata.annotations.as_ref();
    annotations
        .and_then(|all| all.get("crossplane.io/composition-resource-name"))
        .map_or("?", String::as_str)
}
