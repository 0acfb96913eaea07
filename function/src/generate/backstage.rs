//! A product in Backstage: a software template, by whose form developers ask for it, and an entity of the
//! catalog that says what it is.
//!
//! The template proposes a claim to the repository that the cluster is kept by (GitOps): no right in the
//! cluster is Backstage's.

use idp_crds::contract::Deletion;
use idp_crds::names::ENVIRONMENTS;
use idp_crds::product::{ParameterSpec, ParameterType, ProductApi};
use serde_json::{Map, Value, json};

use super::{ApiKind, to_yaml, xrd};
use idp_core::compose::product::Product;

/// What a Backstage installation has of its own.
#[derive(Debug, Clone)]
pub struct Site {
    /// Who owns templates and products, such as `group:default/platform`.
    pub owner: String,
    /// The scaffolder action that proposes the claim.
    pub publish: String,
}

/// A file, by its path below the folder of all products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The files of a product: template, entity, and what the template fills in.
///
/// # Errors
/// Never for JSON values; the serialiser's type cannot say so.
pub fn backstage(
    product: &Product,
    tiers: &[&str],
    site: &Site,
) -> Result<Vec<File>, serde_saphyr::ser::Error> {
    let name = &product.name;
    let file = |path: &str, text: String| File { path: format!("{name}/{path}"), text };
    Ok(vec![
        file("template.yaml", to_yaml(&[template(product, tiers, site)])?),
        file("catalog-info.yaml", to_yaml(&[entity(product, site)?])?),
        file("skeleton/${{ values.namespace }}/${{ values.name }}.yaml", claim(product)),
    ])
}

/// What the product is: its API, with the schema that the cluster has.
fn entity(product: &Product, site: &Site) -> Result<Value, serde_saphyr::ser::Error> {
    let spec = &product.spec;
    Ok(json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "API",
        "metadata": {
            "name": product.name,
            "description": spec.description,
            "annotations": {
                "backstage.io/managed-by": "idp generate backstage",
            },
            "tags": ["managed-service"],
        },
        "spec": {
            "type": "crossplane-xrd",
            "lifecycle": "production",
            "owner": site.owner,
            "definition": to_yaml(&[xrd(product, ApiKind::Claim)])?,
        },
    }))
}

fn template(product: &Product, tiers: &[&str], site: &Site) -> Value {
    let spec = &product.spec;
    let values: Map<String, Value> = fields(product)
        .map(|name| (name.to_owned(), json!(format!("${{{{ parameters.{name} }}}}"))))
        .collect();
    let theirs: Map<String, Value> =
        spec.parameters.iter().map(|one| (one.name.clone(), property(one))).collect();
    let required: Vec<&str> = spec
        .parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| parameter.name.as_str())
        .collect();
    let mut pages = vec![workload(tiers, product.spec.stateful)];
    if !theirs.is_empty() {
        let mut page =
            json!({"title": format!("What {} takes", product.name), "properties": theirs});
        if let (false, Some(page)) = (required.is_empty(), page.as_object_mut()) {
            page.insert("required".to_owned(), json!(required));
        }
        pages.push(page);
    }
    pages.push(json!({
        "title": "Where it is kept",
        "required": ["repoUrl"],
        "properties": {"repoUrl": {
            "type": "string", "title": "Repository",
            "description": "The repository that the cluster is kept by.",
            "ui:field": "RepoUrlPicker",
        }},
    }));
    let title = "${{ parameters.namespace }}/${{ parameters.name }}";
    json!({
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {
            "name": product.name,
            "title": format!("{} by the platform", product.name),
            "description": spec.description,
            "tags": ["managed-service"],
        },
        "spec": {
            "owner": site.owner,
            "type": "managed-service",
            "parameters": pages,
            "steps": [
                {
                    "id": "claim", "name": "Write the claim", "action": "fetch:template",
                    "input": {"url": "./skeleton", "values": values},
                },
                {
                    "id": "publish", "name": "Propose it", "action": site.publish,
                    "input": {
                        "repoUrl": "${{ parameters.repoUrl }}",
                        "branchName": format!("{}-${{{{ parameters.namespace }}}}-${{{{ parameters.name }}}}", product.name),
                        "title": format!("{} {title}", product.name),
                        "description": format!("Asks for {} {title}. Where it goes the platform decides.", product.name),
                    },
                },
            ],
            "output": {"links": [{"title": "The proposal", "url": "${{ steps.publish.output.remoteUrl }}"}]},
        },
    })
}

/// What every workload is asked.
fn workload(tiers: &[&str], holds_data: bool) -> Value {
    // Kubernetes' names; the cell's are the contract's.
    let name = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    let mut form = json!({
        "title": "The workload",
        "required": ["name", "namespace", "cell", "tier", "environment"],
        "properties": {
            "name": {"type": "string", "title": "Name", "pattern": name, "maxLength": 63, "ui:autofocus": true},
            "namespace": {"type": "string", "title": "Namespace", "description": "The team's.", "pattern": name, "maxLength": 63},
            "cell": {
                "type": "string", "title": "Cell", "description": "The cell this workload belongs to.",
                "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$", "maxLength": 63,
            },
            "tier": {
                "type": "string", "title": "Tier", "enum": tiers,
                "description": "How soon it must be back, and how much may be lost.",
            },
            "environment": {"type": "string", "title": "Environment", "enum": ENVIRONMENTS, "description": "What it is for."},
            "ha": {
                "type": "boolean", "title": "High availability", "default": false,
                "description": "Whether it must survive the loss of a zone.",
            },
        },
    });
    let fields = form.get_mut("properties").and_then(Value::as_object_mut);
    if let Some(fields) = fields.filter(|_| holds_data) {
        let what = "What deleting it means. In production it is protected by default.";
        let deletion = json!({
            "type": "string", "title": "Deletion", "enum": Deletion::CHOICES, "description": what,
        });
        fields.insert("deletion".to_owned(), deletion);
    }
    form
}

/// A parameter as a field of the form.
fn property(parameter: &ParameterSpec) -> Value {
    let mut field = match parameter.type_ {
        ParameterType::String => json!({"type": "string"}),
        ParameterType::Integer => json!({"type": "integer"}),
        ParameterType::Boolean => json!({"type": "boolean"}),
        ParameterType::StringList => json!({"type": "array", "items": {"type": "string"}}),
    };
    let length =
        if parameter.type_ == ParameterType::StringList { "maxItems" } else { "maxLength" };
    let choices = (!parameter.choices.is_empty()).then(|| json!(parameter.choices));
    let facts = [
        ("title", Some(json!(parameter.name))),
        ("description", Some(json!(parameter.description)).filter(|text| *text != "")),
        ("default", parameter.default.clone()),
        ("enum", choices),
        ("minimum", parameter.minimum.map(|least| json!(least))),
        ("maximum", parameter.maximum.map(|most| json!(most))),
        (length, parameter.max_length.map(|most| json!(most))),
    ];
    if let Some(field) = field.as_object_mut() {
        field.extend(facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))));
    }
    field
}

/// Everything that the form asks and the claim says.
fn fields(product: &Product) -> impl Iterator<Item = &str> {
    let ours = ["name", "namespace", "cell", "tier", "environment", "ha"];
    let deletion = product.spec.stateful.then_some("deletion");
    ours.into_iter()
        .chain(deletion)
        .chain(product.spec.parameters.iter().map(|one| one.name.as_str()))
}

/// The claim as the scaffolder fills it in: values are written as JSON, which is YAML; what was not given is left
/// out.
fn claim(product: &Product) -> String {
    let ProductApi { claim_kind, .. } = &product.spec.api;
    let mut text = format!(
        "apiVersion: {}\nkind: {claim_kind}\nmetadata:\n  name: ${{{{ values.name | dump }}}}\n  namespace: ${{{{ values.namespace | dump }}}}\nspec:\n  parameters:",
        product.spec.api.api_version()
    );
    for name in fields(product).skip(2) {
        text += &format!(
            "\n{{%- if values.{name} !== undefined and values.{name} !== '' %}}\n    {name}: ${{{{ values.{name} | dump }}}}\n{{%- endif %}}"
        );
    }
    text + "\n"
}
