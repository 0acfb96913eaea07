//! The chart as Helm renders it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use idp_core::catalog::{Catalog, Objects, embedded};
use idp_crds::kinds::KINDS;
use idp_crds::names::GROUP;
use idp_crds::product::ProductApi;
use idp_function::generate::{ApiKind, composition, to_yaml, xrd};
use idp_tests::tools;
use serde_json::{Value, json};

use super::root;

pub const PROMETHEUS: &str =
    "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=monitoring";
const READERS: &str = "networkPolicy.readApiFrom[0].namespaceSelector.matchLabels.team=portal";

fn helm(values: &[&str]) -> Option<Output> {
    let mut helm = Command::new(tools::find("helm")?);
    helm.args([
        "template",
        "idp",
        "package/chart",
        "--kube-version",
        "1.34.0",
        "--namespace",
        "idp-system",
    ])
    .current_dir(root());
    for value in values {
        helm.args(["--set", value]);
    }
    Some(helm.output().unwrap())
}

/// The objects that Helm renders with these values.
pub fn rendered(values: &[&str]) -> Option<Vec<Value>> {
    let output = helm(values)?;
    assert!(output.status.success(), "{values:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(
        serde_saphyr::from_multiple::<Option<Value>>(&text)
            .unwrap()
            .into_iter()
            .flatten()
            .collect(),
    )
}

fn kinds(objects: &[Value]) -> BTreeMap<&str, usize> {
    objects.iter().fold(BTreeMap::new(), |mut kinds, object| {
        *kinds.entry(object["kind"].as_str().unwrap()).or_default() += 1;
        kinds
    })
}

#[test]
fn everything_is_rendered_and_typed() {
    use k8s_openapi::api::{
        admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
        apps::v1::{Deployment, DeploymentSpec},
        batch::v1::Job,
        core::v1::{ConfigMap, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
        rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    };
    /// Kinds whose definitions are not of Kubernetes; the cluster tests apply the first line's.
    const OTHERS: [&str; 15] = [
        "Function",
        "CompositeResourceDefinition",
        "Composition",
        "Candidate",
        "CloudProvider",
        "FeatureFlag",
        "Product",
        "Tier",
        "Experiment",
        "Certificate",
        "Issuer",
        "ServiceMonitor",
        "PodMonitor",
        "PrometheusRule",
        "DeploymentRuntimeConfig",
    ];
    /// Reads an object as its type and writes it again: a field that the type does not know is gone
    /// then.
    fn strict<T: serde::de::DeserializeOwned + serde::Serialize>(object: &Value) {
        let again = serde_json::to_value(
            serde_json::from_value::<T>(object.clone()).unwrap_or_else(|e| panic!("{e}: {object}")),
        )
        .unwrap();
        assert_subset(object, &again, "");
    }
    for values in [
        vec![],
        vec![
            "certificates.provider=cert-manager",
            "monitoring.serviceMonitor=true",
            PROMETHEUS,
            "monitoring.serviceMonitorLabels.release=prometheus",
            "monitoring.grafanaDashboard=true",
            "monitoring.prometheusRule=true",
            "crds.upgrade=false",
        ],
        vec![
            "webhook.enabled=false",
            "catalog.enabled=false",
            "products.claims=false",
            "networkPolicy.enabled=false",
            "admissionPolicy.enabled=false",
        ],
        vec![
            "products.namespaced=true",
            "networkPolicy.apiServer.cidrs={10.0.0.0/28}",
            READERS,
            "webhook.secretCheck=false",
            "webhook.replicaCount=1",
            "webhook.drainSeconds=0",
            "webhook.readApi=false",
            "decision.at=pipeline",
            "commonLabels.team=platform",
        ],
    ] {
        let Some(objects) = rendered(&values) else { return };
        for object in &objects {
            match object["kind"].as_str().unwrap() {
                "Deployment" => strict::<Deployment>(object),
                "Job" => strict::<Job>(object),
                "Service" => strict::<Service>(object),
                "NetworkPolicy" => strict::<NetworkPolicy>(object),
                "ValidatingAdmissionPolicy" => strict::<ValidatingAdmissionPolicy>(object),
                "ValidatingAdmissionPolicyBinding" => {
                    strict::<ValidatingAdmissionPolicyBinding>(object)
                }
                "PodDisruptionBudget" => strict::<PodDisruptionBudget>(object),
                "ClusterRole" => strict::<ClusterRole>(object),
                "ClusterRoleBinding" => strict::<ClusterRoleBinding>(object),
                "Role" => strict::<Role>(object),
                "RoleBinding" => strict::<RoleBinding>(object),
                "ServiceAccount" => strict::<ServiceAccount>(object),
                "ConfigMap" => strict::<ConfigMap>(object),
                "DeploymentRuntimeConfig" => {
                    strict::<DeploymentSpec>(&object["spec"]["deploymentTemplate"]["spec"])
                }
                other => assert!(OTHERS.contains(&other), "{other}"),
            }
        }
        let kinds = kinds(&objects);
        let enabled = |value: &str| !values.contains(&value);
        assert_eq!(kinds.contains_key("Deployment"), enabled("webhook.enabled=false"));
        assert_eq!(kinds.contains_key("Candidate"), enabled("catalog.enabled=false"));
        assert_eq!(
            kinds.contains_key("PodDisruptionBudget"),
            enabled("webhook.enabled=false") && enabled("webhook.replicaCount=1")
        );
        assert_eq!(kinds.contains_key("Job"), enabled("crds.upgrade=false"));
        assert_eq!(kinds.contains_key("NetworkPolicy"), enabled("networkPolicy.enabled=false"));
        assert_eq!(
            kinds.contains_key("ValidatingAdmissionPolicy"),
            enabled("admissionPolicy.enabled=false")
        );
        assert_eq!(
            kinds.contains_key("ServiceMonitor"),
            values.contains(&"monitoring.serviceMonitor=true")
        );
        assert!(kinds.contains_key("Function"));
    }
}

/// What the "restricted" Pod Security Standard asks for, and that no pod is cut off in the middle
/// of an answer.
#[test]
fn pods_are_restricted_and_end_gently() {
    let Some(objects) = rendered(&[]) else { return };
    let specs: Vec<(&Value, &Value)> = objects
        .iter()
        .filter_map(|object| {
            let spec = ["/spec/template/spec", "/spec/deploymentTemplate/spec/template/spec"]
                .iter()
                .find_map(|at| object.pointer(at));
            Some((&object["kind"], spec?))
        })
        .filter(|(kind, _)| *kind != "Composition")
        .collect();
    assert_eq!(
        specs.iter().map(|(kind, _)| kind.as_str().unwrap()).collect::<BTreeSet<_>>().len(),
        3
    );
    for (kind, pod) in specs {
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{kind}");
        assert_eq!(
            (&pod["securityContext"]["runAsUser"], &pod["securityContext"]["runAsGroup"]),
            (&json!(2000), &json!(2000))
        );
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{kind}");
        for container in pod["containers"].as_array().unwrap() {
            let security = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
            assert_eq!(container["securityContext"], security, "{kind}");
            assert!(
                container["resources"]["requests"].is_object()
                    && container["resources"]["limits"].is_object(),
                "{kind}"
            );
            if kind != "Job" {
                assert!(
                    container["readinessProbe"].is_object()
                        && container["livenessProbe"].is_object(),
                    "{kind}"
                );
                assert_eq!(container["lifecycle"]["preStop"]["sleep"]["seconds"], 5, "{kind}");
                assert!(pod["topologySpreadConstraints"].is_array(), "{kind}");
            }
        }
    }
}

/// What can be given is in values.yaml, where it is explained, and nothing is there that cannot be
/// given.
#[test]
fn the_values_and_their_schema_agree() {
    let read =
        |name: &str| std::fs::read_to_string(root().join("package/chart").join(name)).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let values: Value = serde_saphyr::from_str(&read("values.yaml")).unwrap();
    for (section, known) in
        schema["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "global")
    {
        let given = values.get(section).unwrap_or_else(|| panic!("values.yaml has no {section}"));
        let Some(known) = known["properties"].as_object() else { continue };
        let given = given.as_object().unwrap();
        assert_eq!(given.keys().collect::<BTreeSet<_>>(), known.keys().collect(), "{section}");
    }
    assert_eq!(
        values.as_object().unwrap().len() + 1,
        schema["properties"].as_object().unwrap().len()
    );
}

/// The access that the chart grants is to every configuration kind, by name.
#[test]
fn access_is_to_every_configuration_kind() {
    let Some(objects) = rendered(&[]) else { return };
    let granted = |role: &str, group: &str| -> BTreeSet<String> {
        let role = objects
            .iter()
            .find(|object| object["kind"] == "ClusterRole" && object["metadata"]["name"] == role)
            .unwrap();
        let rules = role["rules"].as_array().unwrap().iter();
        let rules = rules.filter(|rule| rule["apiGroups"] == json!([group]));
        // The status of all kinds is one rule of its own, and creation cannot be limited by name.
        let names = |rule: &Value| match &rule["resourceNames"] {
            Value::Null => rule["resources"].clone(),
            names => names.clone(),
        };
        let names = rules.flat_map(|rule| names(rule).as_array().unwrap().clone());
        let names = names.map(|name| name.as_str().unwrap().to_owned());
        names.filter(|name| name != "*/status" && name != "customresourcedefinitions").collect()
    };
    let kinds: BTreeSet<String> = KINDS.iter().map(|kind| kind.plural.to_owned()).collect();
    for role in ["idp-webhook", "idp-configuration-view", "idp-crossplane-reads-configuration"] {
        assert_eq!(granted(role, GROUP), kinds, "{role}");
    }
    let definitions = kinds.iter().map(|kind| format!("{kind}.{GROUP}")).collect();
    assert_eq!(granted("idp-crds", "apiextensions.k8s.io"), definitions);
}

/// The port of the read API is there, and can be reached, exactly where that is wanted.
#[test]
fn the_read_api_can_be_turned_off() {
    for (value, is_there) in [("webhook.readApi=true", true), ("webhook.readApi=false", false)] {
        let Some(objects) = rendered(&[value, READERS]) else { return };
        let find = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
        let container = &find("Deployment")["spec"]["template"]["spec"]["containers"][0];
        let has = |ports: &Value, field: &str| {
            ports.as_array().unwrap().iter().any(|port| port[field] == "read")
        };
        assert_eq!(has(&container["ports"], "name"), is_there, "{value}");
        assert_eq!(has(&find("Service")["spec"]["ports"], "targetPort"), is_there, "{value}");
        let ingress = find("NetworkPolicy")["spec"]["ingress"].as_array().unwrap();
        assert_eq!(ingress.iter().any(|rule| has(&rule["ports"], "port")), is_there, "{value}");
        let turned_off = container["args"].as_array().unwrap().contains(&json!("--read-address="));
        assert_eq!(turned_off, !is_there, "{value}");
    }
}

/// Nothing reaches the programs but what must, unless the values name it; and a rule from nobody,
/// which would be one from everybody, is none.
#[test]
fn finding_20_nothing_is_open_that_is_not_named() {
    let policies = |values: &[&str]| -> Option<BTreeMap<String, Value>> {
        let objects = rendered(values)?;
        let policies = objects.into_iter().filter(|object| object["kind"] == "NetworkPolicy");
        let name = |policy: &Value| policy["metadata"]["name"].as_str().unwrap().to_owned();
        Some(policies.map(|policy| (name(&policy), policy["spec"].clone())).collect())
    };
    let Some(closed) = policies(&[]) else { return };
    assert_eq!(closed.keys().collect::<Vec<_>>(), ["idp-function", "idp-webhook"]);
    for spec in closed.values() {
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    }
    // The API server has no labels: reviews may come from anywhere, until its addresses are named.
    let webhook = &closed["idp-webhook"];
    assert_eq!(webhook["ingress"], json!([{"ports": [{"port": "https"}]}]));
    let dns = json!({
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
    });
    assert_eq!(webhook["egress"], json!([{"ports": [{"port": 443}, {"port": 6443}]}, dns]));
    let function = &closed["idp-function"];
    let crossplane = json!([{"podSelector": {"matchLabels": {"app": "crossplane"}}}]);
    assert_eq!(function["ingress"], json!([{"ports": [{"port": 9443}], "from": crossplane}]));
    assert_eq!(function["egress"], json!([]));

    let collector = "networkPolicy.egress[0].ports[0].port=4317";
    let named = ["networkPolicy.apiServer.cidrs={10.0.0.0/28}", PROMETHEUS, READERS, collector];
    let open = policies(&named).unwrap();
    let api_server = json!([{"ipBlock": {"cidr": "10.0.0.0/28"}}]);
    let from = |team: &str| json!([{"namespaceSelector": {"matchLabels": {"team": team}}}]);
    let webhook = &open["idp-webhook"];
    assert_eq!(
        webhook["ingress"],
        json!([
            {"ports": [{"port": "https"}], "from": api_server},
            {"ports": [{"port": "metrics"}], "from": from("monitoring")},
            {"ports": [{"port": "read"}], "from": from("portal")},
        ])
    );
    assert_eq!(webhook["egress"][0]["to"], api_server);
    let function = &open["idp-function"];
    assert_eq!(
        function["ingress"][1],
        json!({"ports": [{"port": 8080}], "from": from("monitoring")})
    );
    for egress in [&webhook["egress"][2], &function["egress"][1]] {
        assert_eq!(*egress, json!({"ports": [{"port": 4317}]}));
    }
}

/// The admission policy says of users what the webhook says, by the same names; and where neither
/// is there, the function goes by no annotation.
#[test]
fn finding_5_the_policy_names_what_is_not_a_users() {
    use idp_crds::contract::{forbidden, reserved};
    let Some(objects) = rendered(&[]) else { return };
    let find = |name: &str| {
        objects
            .iter()
            .find(|object| {
                object["kind"] == "ValidatingAdmissionPolicy" && object["metadata"]["name"] == name
            })
            .unwrap()
    };
    let policy = &find("idp-workloads")["spec"];
    let crossplane =
        "request.userInfo.username != 'system:serviceaccount:crossplane-system:crossplane'";
    for name in ["idp-workloads", "idp-placement-status"] {
        assert_eq!(find(name)["spec"]["matchConditions"][0]["expression"], crossplane);
        assert_eq!(find(name)["spec"]["failurePolicy"], "Fail");
    }
    let rules: String = policy["validations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["expression"].as_str().unwrap().to_owned() + "\n")
        .collect();
    let names = forbidden::DECIDED_BY_PLATFORM
        .iter()
        .chain(&forbidden::CROSSPLANE_FIELDS)
        .chain(&reserved::CROSSPLANE)
        .chain(&reserved::ANNOTATIONS);
    for name in names {
        assert!(rules.contains(&format!("'{name}'")), "{name} is not in the policy");
    }
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let stateless: BTreeSet<String> = catalog
        .products()
        .iter()
        .filter(|product| !product.spec.stateful)
        .flat_map(|product| {
            let api = &product.spec.api;
            api.kinds().map(|(_, kind)| format!("{}.{}", ProductApi::plural(kind), api.group))
        })
        .collect();
    let values = std::fs::read_to_string(root().join("package/chart/values.yaml")).unwrap();
    let values: Value = serde_saphyr::from_str(&values).unwrap();
    let given = values["products"]["stateless"].as_array().unwrap().iter();
    assert_eq!(
        given.map(|name| name.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(),
        stateless
    );

    let annotations = |values: &[&str]| -> BTreeSet<String> {
        let objects = rendered(values).unwrap();
        let compositions = objects.iter().filter(|object| object["kind"] == "Composition");
        let input = |object: &Value| object["spec"]["pipeline"][0]["input"]["annotations"].clone();
        compositions.map(|object| input(object).as_str().unwrap().to_owned()).collect()
    };
    let (no_webhook, no_policy) = ("webhook.enabled=false", "admissionPolicy.enabled=false");
    for guarded in [vec![], vec![no_webhook], vec![no_policy]] {
        assert_eq!(annotations(&guarded), ["trusted".to_owned()].into(), "{guarded:?}");
    }
    assert_eq!(annotations(&[no_webhook, no_policy]), ["ignored".to_owned()].into());
}

/// The authority of the API server's client certificate reaches the webhook where it is given.
#[test]
fn a_client_authority_is_mounted_where_there_is_one() {
    let given = "webhook.clientCA=-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    for (values, is_there) in [(vec![given], true), (vec![], false)] {
        let Some(objects) = rendered(&values) else { return };
        let deployment = objects.iter().find(|object| object["kind"] == "Deployment").unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let argument = json!("--client-ca=/client-ca/ca.crt");
        let arguments = pod["containers"][0]["args"].as_array().unwrap();
        assert_eq!(arguments.contains(&argument), is_there);
        let map = objects.iter().find(|object| object["kind"] == "ConfigMap");
        assert_eq!(map.is_some(), is_there);
        let Some(map) = map else { continue };
        assert_eq!(pod["volumes"][0]["configMap"]["name"], map["metadata"]["name"]);
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/client-ca");
        assert!(map["data"]["ca.crt"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    }
}

/// Every field of `given` is in `read`.
fn assert_subset(given: &Value, read: &Value, path: &str) {
    match (given, read) {
        (Value::Object(given), Value::Object(read)) => {
            for (field, value) in given {
                let known = read
                    .get(field)
                    .unwrap_or_else(|| panic!("{path}.{field} is no field of this type"));
                assert_subset(value, known, &format!("{path}.{field}"));
            }
        }
        (Value::Array(given), Value::Array(read)) => {
            given.iter().zip(read).enumerate().for_each(|(at, (given, read))| {
                assert_subset(given, read, &format!("{path}[{at}]"))
            });
        }
        _ => {}
    }
}

#[test]
fn a_bad_value_fails_with_its_name() {
    for (value, name) in [
        ("webhok.enabled=true", "webhok"),
        ("webhook.replicaCount=0", "replicaCount"),
        ("decision.at=later", "at"),
        ("certificates.provider=vault", "provider"),
        ("function.maxMessageSize=lots", "maxMessageSize"),
        ("webhook.drainSeconds=61", "drainSeconds"),
        ("webhook.image.digest=latest", "digest"),
        ("webhook.clientCA=/etc/ca.crt", "clientCA"),
        ("products.apiGroups={DB}", "apiGroups"),
        ("crds.upgrade=maybe", "upgrade"),
        ("certificates.issuerRef.name=ours", "certificates.issuerRef"),
        ("networkPolicy.metricsFrom[0].podselector.a=b", "podselector"),
        ("networkPolicy.apiServer.cidrs={everywhere}", "cidrs"),
        ("products.stateless={webapps}", "stateless"),
        ("monitoring.serviceMonitor=true", "networkPolicy.metricsFrom"),
    ] {
        let Some(output) = helm(&[value]) else { return };
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(name), "{value}: {message}");
    }
}

#[test]
fn the_chart_ships_the_catalog_and_keeps_what_users_depend_on() {
    let Some(objects) = rendered(&["products.namespaced=true"]) else { return };
    let ours = [
        "Candidate",
        "Tier",
        "CloudProvider",
        "Product",
        "FeatureFlag",
        "CompositeResourceDefinition",
        "Composition",
    ];
    for object in objects.iter().filter(|object| ours.contains(&object["kind"].as_str().unwrap())) {
        assert_eq!(
            object["metadata"]["annotations"]["helm.sh/resource-policy"], "keep",
            "{}",
            object["metadata"]["name"]
        );
    }
    let mut shipped = Objects::default();
    for object in
        objects.into_iter().filter(|object| object["apiVersion"] == "platform.example.org/v1alpha1")
    {
        shipped.add("chart", object).unwrap();
    }
    let shipped = Catalog::strict(shipped).unwrap();
    let built_in = Catalog::strict(embedded().unwrap()).unwrap();
    assert_eq!(
        shipped.scheduler().digest(),
        built_in.scheduler().digest(),
        "the same decisions as on a laptop"
    );
    assert_eq!(shipped.products().len(), built_in.products().len());
}

#[test]
fn generated_definitions_are_current() {
    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    for (file, style) in [("claims.yaml", ApiKind::Claim), ("namespaced.yaml", ApiKind::Namespaced)]
    {
        let all = |make: &dyn Fn(&idp_core::compose::product::Product) -> Value| {
            to_yaml(&catalog.products().iter().map(|product| make(product)).collect::<Vec<_>>())
                .unwrap()
        };
        let expected = all(&|product| xrd(product, style))
            + &all(&|product| composition(product, style, true));
        let found =
            std::fs::read_to_string(root().join("package/chart/generated").join(file)).unwrap();
        assert!(found == expected, "package/chart/generated/{file} is stale: run package/generate");
    }
}

#[test]
fn helm_lints_it() {
    let Some(helm) = tools::find("helm") else { return };
    let output = Command::new(helm)
        .args(["lint", "--strict", "package/chart"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
