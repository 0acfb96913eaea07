//! What `idp generate backstage` writes, held against Backstage's own validators; and the claims that its templates
//! fill in, rendered as Backstage's scaffolder does, against the contract.
//!
//! Where there is no Node, or no `npm ci --prefix tests/backstage --ignore-scripts`, nothing is tested and that is said;
//! with `CI=true` it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use idp_core::catalog::{Catalog, embedded, read_objects};
use idp_crds::contract::ClaimRequest;
use idp_function::generate::{Site, backstage};
use idp_tests::absent::not_tested;
use idp_tests::pages::top;
use serde_json::{Value, json};

/// What the scaffolder makes of the skeletons; none where nothing can be tested.
fn check(asked: &Value) -> Option<Vec<String>> {
    let folder = top().join("tests/backstage");
    if !folder.join("node_modules").exists()
        || Command::new("node").arg("--version").output().is_err()
    {
        not_tested("with Backstage: npm ci --prefix tests/backstage --ignore-scripts");
        return None;
    }
    let mut node = Command::new("node")
        .arg(folder.join("check.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    node.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn site() -> Site {
    Site {
        owner: "group:default/platform".to_owned(),
        publish: "publish:github:pull-request".to_owned(),
    }
}

/// What a form gives: its defaults, its first choices, its least numbers.
fn filled_in(template: &Value, everything: bool) -> Value {
    let mut values = json!({});
    for page in template["spec"]["parameters"].as_array().unwrap() {
        let required: Vec<&str> =
            page["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, field) in page["properties"].as_object().unwrap() {
            let kind = field["type"].as_str().unwrap();
            let made_up = match kind {
                "integer" => field.get("minimum").cloned().unwrap_or(json!(1)),
                "boolean" => json!(true),
                // What is given for these has a form of its own.
                "array" => json!([]),
                _ => json!("a1"),
            };
            let given = field.get("default").cloned();
            let given = given.or_else(|| Some(field["enum"].as_array()?.first()?.clone()));
            let is_asked = everything && kind != "string" || required.contains(&name.as_str());
            // What is not given the scaffolder passes on as an empty text.
            let fallback = if is_asked { made_up } else { json!("") };
            values[name.as_str()] = given.unwrap_or(fallback);
        }
    }
    values
}

#[test]
fn backstage_takes_what_is_generated_and_the_platform_takes_what_it_makes() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let tiers: Vec<&str> = catalog.scheduler().tier_names().collect();
    let (mut entities, mut skeletons, mut products) = (Vec::new(), Vec::new(), Vec::new());
    for product in catalog.products() {
        let files = backstage(product, &tiers, &site()).unwrap();
        let read = |end: &str| &files.iter().find(|file| file.path.ends_with(end)).unwrap().text;
        let template = read_objects(read("template.yaml")).unwrap().remove(0);
        entities.extend(read_objects(read("catalog-info.yaml")).unwrap());
        let skeleton = read("${{ values.name }}.yaml");
        for everything in [false, true] {
            let values = filled_in(&template, everything);
            skeletons.push(json!({"text": skeleton, "values": values}));
            products.push(product);
        }
        entities.push(template);
    }
    let Some(claims) = check(&json!({"entities": entities, "skeletons": skeletons})) else {
        return;
    };
    for ((product, text), asked) in products.iter().zip(&claims).zip(&skeletons) {
        let claim = read_objects(text).unwrap_or_else(|e| panic!("{e}: {text}")).remove(0);
        assert_eq!(claim["kind"], product.spec.api.claim_kind.as_str());
        assert_eq!(claim["metadata"]["name"], "a1");
        let spec = claim["spec"].as_object().unwrap();
        if let Err(errors) = ClaimRequest::read(&product.spec, spec, tiers.iter().copied()) {
            panic!("{}: {errors:?}\n{text}\n{}", product.name, asked["values"]);
        }
    }
    assert_eq!(claims.len(), 2 * catalog.products().len());
}

#[test]
fn every_parameter_is_in_the_form_and_in_the_claim() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    for product in catalog.products() {
        let files = backstage(product, &["low"], &site()).unwrap();
        let (template, claim) = (&files[0].text, &files[2].text);
        for parameter in &product.spec.parameters {
            let name = &parameter.name;
            assert!(
                template.contains(&format!("${{{{ parameters.{name} }}}}")),
                "{name}: {template}"
            );
            assert!(
                claim.contains(&format!("{name}: ${{{{ values.{name} | dump }}}}")),
                "{name}: {claim}"
            );
        }
    }
}
