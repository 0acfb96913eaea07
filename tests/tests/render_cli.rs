//! The Crossplane CLIs, of both lines, render our examples through our running function, and what
//! they print is what `idp render` prints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use idp_core::catalog::{Catalog, embedded, embedded_files};
use idp_core::compose::product::Product;
use idp_crds::names::{CLAIM_NAME, CLAIM_NAMESPACE, COMPOSITION_RESOURCE_NAME};
use idp_function::cli::input::Document;
use idp_function::cli::renderer::Renderer;
use idp_function::generate::{ApiKind, Runtime, composition, function, to_yaml, xrd};
use idp_function::grpc::server::{Settings, serve};
use idp_function::run::Function;
use idp_serving::limits::LimitArgs;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A Crossplane CLI.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cli {
    /// `crossplane` 2.x, which has the Crossplane binary render.
    V2,
    /// `crank` 1.20, which renders itself.
    V1,
}

/// Where the function finds its configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    /// What Crossplane sends when asked: here, files.
    RequiredResources,
    /// `catalog: embedded` in the Composition's input.
    Embedded,
}

#[rstest]
fn crossplane_renders_what_idp_renders(
    #[values("mysql", "postgresql", "webapp")] product: &str,
    #[values(ApiKind::Claim, ApiKind::Namespaced)] style: ApiKind,
    #[values(From::RequiredResources, From::Embedded)] from: From,
    #[values(Cli::V2, Cli::V1)] cli: Cli,
) {
    let Some(tools) = Tools::find() else { return };
    let catalog = || Catalog::strict(embedded().unwrap()).unwrap();
    let ours = Renderer::new(catalog());
    let definition = catalog();
    let definition = definition.product(product).unwrap();
    let example = example(product, style);

    let document = Document { origin: "example".to_owned(), object: example.clone() };
    let expected = ours.render(&document, false, &[], &[]).unwrap();
    let composite =
        if style == ApiKind::Claim { composite_of(example, definition) } else { example };
    let (rendered, resources) = tools.render(cli, definition, style, from, &composite);

    assert_eq!(rendered["status"]["placement"], expected.composite["status"]["placement"]);
    let expected: BTreeMap<String, Value> = expected.resources.into_iter().map(keyed).collect();
    let keys = |all: &BTreeMap<String, Value>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&resources), keys(&expected));
    for (key, expected) in &expected {
        assert_eq!(&as_ours(resources[key].clone(), expected), expected, "{key}");
    }
}

/// The example that package/examples has for a product.
fn example(product: &str, style: ApiKind) -> Value {
    let suffix = if style == ApiKind::Claim { "" } else { "-namespaced" };
    let path = format!("{}/../package/examples/{product}{suffix}.yaml", env!("CARGO_MANIFEST_DIR"));
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The composite resource that Crossplane makes of a claim, but for the random end of its name.
fn composite_of(claim: Value, product: &Product) -> Value {
    let api = &product.spec.api;
    let (name, namespace) = (&claim["metadata"]["name"], &claim["metadata"]["namespace"]);
    let mut composite = json!({
        "apiVersion": claim["apiVersion"],
        "kind": api.composite_kind,
        "metadata": {"name": name, "labels": {CLAIM_NAME: name, CLAIM_NAMESPACE: namespace}},
        "spec": claim["spec"],
    });
    composite["spec"]["claimRef"] = json!({"apiVersion": claim["apiVersion"], "kind": api.claim_kind, "name": name, "namespace": namespace});
    composite
}

/// A composed resource by its composition-resource-name.
fn keyed(mut resource: Value) -> (String, Value) {
    let key = resource["metadata"]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove(COMPOSITION_RESOURCE_NAME);
    (key.unwrap().as_str().unwrap().to_owned(), resource)
}

/// The resource without what Crossplane adds to a resource of ours: whose it is, its name where it
/// has none, and in 2.x the composite's namespace.
fn as_ours(mut resource: Value, ours: &Value) -> Value {
    let metadata = resource["metadata"].as_object_mut().unwrap();
    metadata.remove("ownerReferences");
    let added = ["name", "generateName", "namespace"];
    metadata
        .retain(|field, _| !added.contains(&field.as_str()) || !ours["metadata"][field].is_null());
    for field in ["labels", "annotations"] {
        let Some(entries) = metadata.get_mut(field).and_then(Value::as_object_mut) else {
            continue;
        };
        entries.retain(|name, _| {
            !name.starts_with("crossplane.io/") || !ours["metadata"][field][name].is_null()
        });
        if entries.is_empty() && ours["metadata"][field].is_null() {
            metadata.remove(field);
        }
    }
    resource
}

/// The programs that `tests/cluster/build` makes: where they are.
struct Tools(PathBuf);

impl Tools {
    fn find() -> Option<Self> {
        let all = ["crossplane-cli", "crossplane", "crank"].map(idp_tests::tools::find);
        let [Some(first), Some(_), Some(_)] = all else { return None };
        Some(Tools(first.parent().unwrap().to_owned()))
    }

    /// Has Crossplane render a composite resource with what `idp generate` prints. What comes back:
    /// the composite, and the composed resources by composition-resource-name.
    fn render(
        &self,
        cli: Cli,
        product: &Product,
        style: ApiKind,
        from: From,
        composite: &Value,
    ) -> (Value, BTreeMap<String, Value>) {
        let dir = TempDir::new().unwrap();
        let write = |name: &str, text: String| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let yaml = |name: &str, document: Value| write(name, to_yaml(&[document]).unwrap());

        let mut composition = composition(product, style, cli == Cli::V2);
        if from == From::Embedded {
            let step = &mut composition["spec"]["pipeline"][0];
            step["input"]["catalog"] = json!("embedded");
            step.as_object_mut().unwrap().remove("requirements");
        }
        let mut command = match cli {
            Cli::V2 => {
                let mut command = Command::new(self.0.join("crossplane-cli"));
                command
                    .args(["composition", "render", "--crossplane-binary"])
                    .arg(self.0.join("crossplane"));
                command
            }
            Cli::V1 => {
                let mut command = Command::new(self.0.join("crank"));
                command.arg("render");
                command
            }
        };
        command.arg(yaml("xr.yaml", composite.clone()));
        command.arg(yaml("composition.yaml", composition));
        command.arg(yaml("function.yaml", function(&Runtime::Development(SERVED.to_string()))));
        if cli == Cli::V2 {
            command.arg("--xrd").arg(yaml("xrd.yaml", xrd(product, style)));
        }
        if from == From::RequiredResources {
            let files: Vec<String> = embedded_files().map(|(_, text)| text.to_owned()).collect();
            command.arg("-e").arg(write("catalog.yaml", files.join("\n---\n")));
        }
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{command:?}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let documents: Vec<Value> =
            serde_saphyr::from_multiple(&String::from_utf8(output.stdout).unwrap()).unwrap();
        let (rendered, resources) = documents.split_first().unwrap();
        (rendered.clone(), resources.iter().cloned().map(keyed).collect())
    }
}

/// The address of our function, which all tests share.
static SERVED: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (started, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        idp_serving::runtime::runtime().unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            started.send(listener.local_addr().unwrap()).unwrap();
            let settings = Settings {
                listener,
                tls: None,
                ops: None,
                message_limit: 64 << 20,
                limits: LimitArgs::default(),
            };
            serve(settings, Function::new(), CancellationToken::new()).await.unwrap();
        });
    });
    address.recv().unwrap()
});
