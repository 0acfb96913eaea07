//! One decision, three programs: what the webhook stamps, what `idp schedule` answers and what the
//! function decides are the same bytes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use function_sdk_rust::proto::v1::function_runner_service_client::FunctionRunnerServiceClient;
use idp_core::catalog::embedded;
use idp_core::structs::{from_struct, to_struct};
use idp_crds::names::PLACEMENT_REASON;
use idp_function::wire::v1;
use idp_tests::cluster::{Program, our_program};
use prost::Message as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fixture::{Webhook, free_address, response, review};

/// Claims of all products, tiers and environments, with and without ha.
fn claims() -> Vec<Value> {
    let products = [
        (
            "db.platform.example.org/v1alpha1",
            "MySQLInstanceClaim",
            json!({"size": "medium", "storageGB": 100}),
        ),
        (
            "db.platform.example.org/v1alpha1",
            "PostgreSQLInstanceClaim",
            json!({"size": "medium", "storageGB": 100}),
        ),
        (
            "compute.platform.example.org/v1alpha1",
            "WebAppClaim",
            json!({"image": "registry.example.com/checkout:v1"}),
        ),
    ];
    let mut claims = Vec::new();
    for (api_version, kind, own) in &products {
        for tier in ["low", "medium", "critical", "business_critical"] {
            for environment in ["dev", "staging", "production"] {
                for ha in [Value::Null, false.into(), true.into()] {
                    let mut parameters = own.clone();
                    parameters["cell"] = "cell-1".into();
                    parameters["tier"] = tier.into();
                    parameters["environment"] = environment.into();
                    if !ha.is_null() {
                        parameters["ha"] = ha;
                    }
                    let name = format!("{}-{}", kind.to_lowercase(), claims.len());
                    claims.push(json!({
                        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "team-alpha"},
                        "spec": {"parameters": parameters}
                    }));
                }
            }
        }
    }
    claims
}

/// The annotation that the webhook stamps, or why it does not.
async fn stamped(claims: &[Value]) -> Vec<Result<String, String>> {
    let webhook = Webhook::start().await;
    let mut connection = webhook.connect().await;
    let mut all = Vec::new();
    for claim in claims {
        let answer =
            response(&connection.post("/mutate?timeout=10s", &review(claim)).await.unwrap().body);
        if answer["allowed"] != true {
            let message = answer["status"]["message"].as_str().unwrap();
            all.push(Err(message.lines().next().unwrap().to_owned()));
            continue;
        }
        let patch = base64::engine::general_purpose::STANDARD
            .decode(answer["patch"].as_str().unwrap())
            .unwrap();
        let mut claim = claim.clone();
        let patch: json_patch::Patch = serde_json::from_slice(&patch).unwrap();
        json_patch::patch(&mut claim, &patch).unwrap();
        all.push(Ok(claim["metadata"]["annotations"][PLACEMENT_REASON]
            .as_str()
            .unwrap()
            .to_owned()));
    }
    all
}

/// What `idp schedule` answers.
fn scheduled(claims: &[Value]) -> Vec<Result<String, String>> {
    let mut process = Command::new(our_program("idp"))
        .arg("schedule")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = process.stdin.take().unwrap();
    let lines: String = claims
        .iter()
        .enumerate()
        .map(|(id, claim)| {
            let parameters = &claim["spec"]["parameters"];
            let request = json!({"name": claim["metadata"]["name"], "tier": parameters["tier"], "ha": parameters["ha"]});
            format!("{}\n", json!({"id": id, "kind": "schedule", "input": {"request": request}}))
        })
        .collect();
    let asking = std::thread::spawn(move || questions.write_all(lines.as_bytes()).unwrap());
    let output = process.wait_with_output().unwrap();
    asking.join().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    let read = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        match answer.get("error") {
            Some(error) => Err(error["message"].as_str().unwrap().to_owned()),
            // Not read and written again: these bytes.
            None => Ok(text_of(line, "reason").to_owned()),
        }
    };
    answers.lines().map(read).collect()
}

/// The text of the JSON value at `key`.
fn text_of<'l>(line: &'l str, key: &str) -> &'l str {
    let at = line.find(&format!("\"{key}\":{{")).unwrap() + key.len() + 3;
    let mut values =
        serde_json::Deserializer::from_str(&line[at..]).into_iter::<serde::de::IgnoredAny>();
    values.next().unwrap().unwrap();
    &line[at..at + values.byte_offset()]
}

/// What the function decides for the composite resources of these claims.
async fn composed(claims: &[Value]) -> Vec<Result<String, String>> {
    let (address, dir) = (free_address(), TempDir::new().unwrap());
    let process = Program::new("function", &our_program("idp"))
        .args(["serve", "--insecure", "--metrics-address=", &format!("--address={address}")])
        .start(dir.path());
    let mut client = loop {
        process.assert_running();
        match FunctionRunnerServiceClient::connect(format!("http://{address}")).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    };
    let products = embedded().unwrap().products;
    let mut all = Vec::new();
    for claim in claims {
        let api = products
            .iter()
            .map(|product| &product.spec.api)
            .find(|api| claim["kind"] == *api.claim_kind)
            .unwrap();
        let mut composite = claim.clone();
        composite["kind"] = api.composite_kind.clone().into();
        let composite =
            v1::Resource { resource: Some(to_struct(&composite).unwrap()), ..Default::default() };
        let request = v1::RunFunctionRequest {
            input: Some(
                to_struct(&json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "Input", "catalog": "embedded"}))
                    .unwrap(),
            ),
            observed: Some(v1::State { composite: Some(composite), ..Default::default() }),
            ..Default::default()
        };
        // What is a Struct to the SDK is its bytes to us.
        let request =
            function_sdk_rust::proto::v1::RunFunctionRequest::decode(&*request.encode_to_vec())
                .unwrap();
        let answer = client.run_function(request).await.unwrap().into_inner();
        let answer = v1::RunFunctionResponse::decode(&*answer.encode_to_vec()).unwrap();
        let desired = answer.desired.and_then(|desired| desired.composite?.resource);
        let desired: Value = desired.map(|bytes| from_struct(&bytes).unwrap()).unwrap_or_default();
        all.push(match desired.pointer("/status/placement/reason") {
            Some(reason) => Ok(reason.as_str().unwrap().to_owned()),
            None => Err(answer.results[0].message.lines().next().unwrap().to_owned()),
        });
    }
    all
}

#[tokio::test]
async fn the_webhook_the_function_and_the_command_line_decide_the_same_bytes() {
    let claims = claims();
    let (stamped, scheduled, composed) =
        (stamped(&claims).await, scheduled(&claims), composed(&claims).await);
    assert_eq!(
        (stamped.len(), scheduled.len(), composed.len()),
        (claims.len(), claims.len(), claims.len())
    );
    let mut placed = 0;
    for (((claim, stamped), scheduled), composed) in
        claims.iter().zip(stamped).zip(scheduled).zip(composed)
    {
        // Who decided is the one thing that differs, as it should.
        let at_admission = |reason: String| {
            reason.replacen(r#""decided_by":"function""#, r#""decided_by":"admission""#, 1)
        };
        // What a product lacks at a provider `idp schedule` is not asked about.
        if claim["kind"] != "PostgreSQLInstanceClaim" {
            assert_eq!(stamped, scheduled.map(at_admission), "idp schedule: {claim}");
        }
        assert_eq!(stamped, composed.map(at_admission), "the function: {claim}");
        placed += usize::from(stamped.is_ok());
    }
    println!("{} claims, {placed} of them placed", claims.len());
    assert!(placed > 50);
}
