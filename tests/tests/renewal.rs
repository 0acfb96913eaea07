//! What goes while something new comes: never before what still uses it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use idp_tests::sim::{Crossplane, Faults, Generation};
use serde_json::{Value, json};

/// A container that cannot change, behind a backend that cannot either; and data in a network of its
/// own, which come where they are asked for.
const FLEET: &str = r#"
apiVersion: platform.example.org/v1alpha1
kind: Product
metadata: {name: fleet}
spec:
  api: {group: sim.example.org, version: v1, claimKind: FleetClaim, compositeKind: XFleet, namespacedKind: Fleet}
  parameters:
    - {name: image, type: string, default: one}
    - {name: copy, type: boolean, default: false}
  connectionKeys: [host]
  providers:
    aws:
      resources:
        - name: container
          immutable: true
          template: {apiVersion: run.example.org/v1, kind: Container, spec: {forProvider: {image: "${params.image}"}}}
        - name: backend
          immutable: true
          template: {apiVersion: run.example.org/v1, kind: Backend, spec: {forProvider: {address: "${observed.container.status.atProvider.address}"}}}
        - name: network
          includeWhen: params.copy
          template: {apiVersion: run.example.org/v1, kind: Network, spec: {forProvider: {name: "${id}"}}}
        - name: copy
          stateful: true
          includeWhen: params.copy
          template: {apiVersion: run.example.org/v1, kind: Copy, spec: {forProvider: {networkRef: {name: "${names.network}"}}}}
      connection:
        host: ${observed.container.status.atProvider.address}
"#;

fn fleet() -> Crossplane {
    let mut crossplane = Crossplane::new(Generation::Two, "XFleet");
    crossplane.configuration.put(serde_saphyr::from_str(FLEET).unwrap());
    crossplane
}

fn settle(crossplane: &mut Crossplane) {
    for _ in 0..10 {
        crossplane.reconcile(Faults::default());
        crossplane.work(&BTreeMap::new());
    }
}

fn of(crossplane: &Crossplane, kind: &str) -> Vec<Value> {
    let all = crossplane.objects.values().map(|object| object.ours.clone());
    all.filter(|object| object["kind"] == kind).collect()
}

#[test]
fn an_old_container_goes_after_the_backend_that_points_at_it() {
    let mut crossplane = fleet();
    settle(&mut crossplane);
    let (old, backend) = (of(&crossplane, "Container"), of(&crossplane, "Backend"));
    assert_eq!((old.len(), backend.len()), (1, 1));

    crossplane.composite["spec"]["parameters"]["image"] = json!("two");
    for _ in 0..12 {
        crossplane.reconcile(Faults::default());
        let (containers, backends) = (of(&crossplane, "Container"), of(&crossplane, "Backend"));
        assert!(
            !backends.contains(&backend[0]) || containers.contains(&old[0]),
            "the old backend points at nothing"
        );
        crossplane.work(&BTreeMap::new());
    }
    let (containers, backends) = (of(&crossplane, "Container"), of(&crossplane, "Backend"));
    assert_eq!((containers.len(), backends.len()), (1, 1));
    assert!(containers != old && backends != backend);
}

#[test]
fn a_network_stays_while_data_is_kept_in_it() {
    let mut crossplane = fleet();
    crossplane.composite["spec"]["parameters"]["copy"] = json!(true);
    settle(&mut crossplane);
    assert_eq!((of(&crossplane, "Network").len(), of(&crossplane, "Copy").len()), (1, 1));

    crossplane.composite["spec"]["parameters"]["copy"] = json!(false);
    settle(&mut crossplane);
    assert_eq!((of(&crossplane, "Network").len(), of(&crossplane, "Copy").len()), (1, 1));
    // A human takes it away.
    crossplane.objects.retain(|_, object| object.ours["kind"] != "Copy");
    settle(&mut crossplane);
    assert_eq!(of(&crossplane, "Network").len(), 0, "nothing is in it any more");
}
