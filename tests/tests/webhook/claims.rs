//! The life of a claim at admission.

use idp_core::catalog::{Catalog, embedded};
use idp_core::schedule::Provenance;
use idp_crds::names::{ID, PLACEMENT_REASON, RELEASE};
use idp_webhook::admission::DecisionMode;
use idp_webhook::placements::Placed;
use idp_webhook::snapshot::Snapshot;
use serde_json::{Value, json};

use super::fixture::{
    self, Review, Webhook, annotate, ask_failover, claim, place, reason, with_status,
};

#[tokio::test]
async fn a_good_claim_is_stamped_with_what_the_command_line_and_the_function_say() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();

    let catalog = Catalog::strict(embedded().unwrap()).unwrap();
    let product = catalog.product("mysql").unwrap();
    let spec = claim()["spec"].as_object().unwrap().clone();
    let asked = idp_crds::contract::ClaimRequest::read(
        &product.spec,
        &spec,
        catalog.scheduler().tier_names(),
    )
    .unwrap();
    let decision = catalog.decide(product, "orders-db", &asked, &[], &[]).unwrap();
    let record = decision.record(Provenance::first(idp_crds::record::DecidedBy::Admission));
    assert_eq!(stored["metadata"]["annotations"][PLACEMENT_REASON], record.to_annotation());

    let labels = json!({
        "platform.example.org/cell": "c1", "platform.example.org/environment": "production",
        "platform.example.org/tier": "medium", "platform.example.org/product": "mysql"
    });
    assert_eq!(stored["metadata"]["labels"], labels);
    assert_eq!(
        stored["spec"]["writeConnectionSecretToRef"],
        json!({"name": "orders-db-mysql-conn"})
    );
    assert_eq!(stored["spec"]["parameters"]["ha"], false);
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let webhook = Webhook::start().await;
    let mut bad = claim();
    bad["metadata"].as_object_mut().unwrap().shift_remove("name");
    bad["metadata"]["generateName"] = "orders-".into();
    ask_failover(&mut bad, "any");
    bad["spec"]["region"] = "us-east-1".into();
    bad["spec"]["compositionRef"] = json!({"name": "mine"});
    bad["spec"]["parameters"] = json!({"tier": "lo", "environment": "production", "provider": "aws", "size": "huge", "storageGb": 5});
    let outcome = webhook.admit(&Review::create(bad)).await;
    let status = outcome.denied.clone().unwrap();
    let fields: Vec<&str> = status["details"]["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "metadata.name",
            "metadata.annotations[platform.example.org/failover]",
            "spec.region",
            "spec.parameters.provider",
            "spec.parameters.cell",
            "spec.parameters.tier",
            "spec.parameters.size",
            "spec.parameters.storageGB",
            "spec.parameters.storageGb",
            "spec.compositionRef",
        ]
    );
    assert_eq!((&status["code"], &status["reason"]), (&json!(422), &json!("Invalid")));
    insta::assert_snapshot!(outcome.refused());
}

#[tokio::test]
async fn nothing_passes_names_every_candidate() {
    let mut objects = embedded().unwrap();
    for candidate in &mut objects.candidates {
        candidate.spec.capabilities.retain(|capability| capability != "private_networking");
        candidate.spec.healthy = candidate.spec.provider != "oci";
    }
    let webhook = Webhook::with(objects, DecisionMode::Admission).await;
    insta::assert_snapshot!(webhook.admit(&Review::create(claim())).await.refused());
}

#[tokio::test]
async fn a_dry_run_answers_where_it_would_go() {
    let webhook = Webhook::start().await;
    let review = Review { dry_run: true, ..Review::create(claim()) };
    assert_eq!(place(&webhook.admit(&review).await.allowed()), "aws/us-east-1");
}

#[tokio::test]
async fn only_holders_of_restore_bring_a_decision_along() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let mut chosen = claim();
    let text = stored["metadata"]["annotations"][PLACEMENT_REASON].as_str().unwrap();
    annotate(&mut chosen, PLACEMENT_REASON, &text.replace("us-east-1", "us-west-2"));

    let message = webhook.admit(&Review::create(chosen.clone())).await.refused();
    assert!(message.contains("is set by the platform and must not be given"), "{message}");
    let restored = webhook.admit(&Review::create(chosen.clone()).by_admin()).await.allowed();
    assert_eq!(place(&restored), "aws/us-west-2");

    // A backup also has what Crossplane had set.
    chosen["spec"]["resourceRef"] = json!({"name": "orders-db-x7"});
    webhook.admit(&Review::create(chosen.clone()).by_admin()).await.allowed();

    annotate(&mut chosen, PLACEMENT_REASON, &text.replace("us-east-1", "mars-1"));
    let message = webhook.admit(&Review::create(chosen.clone()).by_admin()).await.refused();
    assert!(message.contains("aws/mars-1, which no Candidate describes"), "{message}");
    annotate(&mut chosen, PLACEMENT_REASON, "{}");
    let message = webhook.admit(&Review::create(chosen).by_admin()).await.refused();
    assert!(message.contains("is not a decision record"), "{message}");
}

/// The id at the provider goes along in a backup: Crossplane's writes bring it to the object, holders of
/// `restore` bring it back, and nobody takes hold of what is another's.
#[tokio::test]
async fn finding_1_a_backup_carries_the_id_at_the_provider() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let mut placed = with_status(&stored, &[]);
    placed["status"]["placement"]["id"] = json!("orders-0123456789abcdef");
    let written = Review::update(&placed, |object| object["spec"]["resourceRef"] = json!({}));
    let mut backup = webhook.admit(&written.by_crossplane()).await.allowed();
    assert_eq!(backup["metadata"]["annotations"][ID], "orders-0123456789abcdef@1");
    backup.as_object_mut().unwrap().remove("status");

    let message = webhook.admit(&Review::create(backup.clone())).await.refused();
    assert!(message.contains(ID), "{message}");
    let restored = webhook.admit(&Review::create(backup.clone()).by_admin()).await.allowed();
    assert_eq!(restored["metadata"]["annotations"][ID], "orders-0123456789abcdef@1");
    let edited = Review::update(&placed, |object| annotate(object, ID, "other-0123@1"));
    assert!(webhook.admit(&edited).await.refused().contains(ID));

    for (text, says) in
        [("orders", "<id>@<sequence>"), ("orders-0123456789abcdef@2", "is of decision 2")]
    {
        let mut wrong = backup.clone();
        annotate(&mut wrong, ID, text);
        let message = webhook.admit(&Review::create(wrong).by_admin()).await.refused();
        assert!(message.contains(says), "{message}");
    }
    let other = Placed {
        name: "another".to_owned(),
        id: "orders-0123456789abcdef".to_owned(),
        ..fixture::placed("aws", "us-east-1")
    };
    webhook.placements.put(other);
    let message = webhook.admit(&Review::create(backup.clone()).by_admin()).await.refused();
    assert!(message.contains("MySQLInstanceClaim team-alpha/another"), "{message}");

    // Before all that runs is known, nobody knows whose it is.
    let snapshot = Snapshot::strict(embedded().unwrap()).unwrap();
    let webhook = Webhook::beside_unknown_workloads(snapshot).await;
    let message = webhook.admit(&Review::create(backup).by_admin()).await.refused();
    assert!(message.contains("cannot tell whether that id is another's"), "{message}");
}

#[tokio::test]
async fn a_decision_is_kept_whatever_happens_to_it_and_to_the_catalog() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let mut objects = embedded().unwrap();
    objects.candidates.retain(|candidate| candidate.spec.provider != "aws");
    webhook.snapshot.set(Snapshot::strict(objects).unwrap());

    let replaced = Review::update(&stored, |object| {
        object["metadata"].as_object_mut().unwrap().shift_remove("annotations");
        object["metadata"].as_object_mut().unwrap().shift_remove("labels");
        object["spec"].as_object_mut().unwrap().shift_remove("writeConnectionSecretToRef");
        object["spec"]["parameters"]["storageGB"] = 200.into();
    });
    let after = webhook.admit(&replaced).await.allowed();
    assert_eq!(reason(&after), reason(&stored));
    assert_eq!(after["metadata"]["labels"], stored["metadata"]["labels"]);

    let outcome = webhook
        .admit(&Review::update(&stored, |object| annotate(object, PLACEMENT_REASON, "{}")))
        .await;
    assert_eq!(outcome.warnings.len(), 1, "{:?}", outcome.warnings);
    assert_eq!(reason(&outcome.allowed()), reason(&stored));
}

#[tokio::test]
async fn parameters_change_as_the_product_allows() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let shrunk = webhook
        .admit(&Review::update(&stored, |o| o["spec"]["parameters"]["storageGB"] = 50.into()))
        .await
        .refused();
    assert!(shrunk.contains("spec.parameters.storageGB: can only grow"), "{shrunk}");
    let forbidden = webhook
        .admit(&Review::update(&stored, |o| o["spec"]["compositionRef"] = json!({"name": "x"})))
        .await
        .refused();
    assert!(forbidden.contains("spec.compositionRef: is set by Crossplane"), "{forbidden}");
}

#[tokio::test]
async fn a_tier_that_the_place_cannot_serve_is_refused_with_the_way_out() {
    let mut objects = embedded().unwrap();
    // The cheapest place, which has one zone, is the best for critical.
    objects.candidates.retain(|candidate| candidate.spec.region != "eu-frankfurt-1");
    let webhook = Webhook::with(objects, DecisionMode::Admission).await;
    let mut cheap = claim();
    cheap["spec"]["parameters"]["tier"] = "critical".into();
    let stored = webhook.admit(&Review::create(cheap)).await.allowed();
    assert_eq!(place(&stored), "oci/us-ashburn-1");

    let raise = |object: &mut Value| object["spec"]["parameters"]["tier"] = "low".into();
    insta::assert_snapshot!(webhook.admit(&Review::update(&stored, raise)).await.refused());
    let ha = webhook
        .admit(&Review::update(&stored, |o| o["spec"]["parameters"]["ha"] = true.into()))
        .await
        .refused();
    assert!(ha.contains("spec.parameters.ha: asks for multi_az"), "{ha}");

    let moved = Review::update(&stored, |object| {
        raise(object);
        ask_failover(object, "any");
    });
    let moved = webhook.admit(&moved.by_admin()).await.allowed();
    assert_eq!(reason(&moved)["tier"], "low");
    assert_ne!(place(&moved), "oci/us-ashburn-1");
}

#[tokio::test]
async fn a_stricter_catalog_does_not_keep_people_from_their_labels() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let mut objects = embedded().unwrap();
    objects.tiers.retain(|tier| tier.name != "medium");
    webhook.snapshot.set(Snapshot::strict(objects).unwrap());
    webhook
        .admit(&Review::update(&stored, |object| object["metadata"]["labels"]["team"] = "a".into()))
        .await
        .allowed();
    let message = webhook
        .admit(&Review::update(&stored, |object| {
            object["spec"]["parameters"]["size"] = "huge".into()
        }))
        .await
        .refused();
    assert!(
        message.contains("spec.parameters.size") && !message.contains("spec.parameters.tier"),
        "{message}"
    );
}

#[tokio::test]
async fn a_failover_moves_once_for_those_who_may() {
    let webhook = Webhook::start().await;
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let ask = Review::update(&stored, |object| ask_failover(object, "aws"));
    let message = webhook.admit(&ask).await.refused();
    assert!(
        message
            .contains(r#"user "alice" does not have the verb "failover" on mysqlinstanceclaims"#),
        "{message}"
    );

    let outcome = webhook.admit(&ask.clone().by_admin()).await;
    assert_eq!(
        outcome.warnings,
        ["orders-db moves from aws/us-east-1 to gcp/us-central1 (decision 2)"]
    );
    let moved = outcome.allowed();
    assert_eq!(place(&moved), "gcp/us-central1");
    assert_eq!(
        reason(&moved)["previous"],
        json!({"provider": "aws", "region": "us-east-1", "sequence": 1})
    );
    assert_eq!(moved["metadata"]["annotations"].get("platform.example.org/failover"), None);

    // Until the function has acted, its status is older than the annotation, and must not undo the
    // move.
    let synced = webhook.admit(&Review::update(&moved, |_| {}).by_crossplane()).await;
    assert_eq!(synced.patch, json!([]));
    // Nobody copies a move by hand.
    let by_hand = Review::update(&stored, |object| object["metadata"] = moved["metadata"].clone());
    assert_eq!(place(&webhook.admit(&by_hand).await.allowed()), "aws/us-east-1");

    let back = webhook
        .admit(&Review::update(&moved, |object| ask_failover(object, "any")).by_admin())
        .await
        .allowed();
    assert_eq!(reason(&back)["sequence"], 3);
}

#[tokio::test]
async fn a_failover_never_goes_where_the_workload_still_has_something() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    let settled = with_status(&moved, &[("aws", "us-east-1")]);
    let next = webhook
        .admit(&Review::update(&settled, |object| ask_failover(object, "gcp,oci")).by_admin())
        .await
        .allowed();
    assert_eq!(place(&next), "aws/us-west-2");
}

#[tokio::test]
async fn a_failover_asked_for_twice_does_not_go_back_before_the_function_has_acted() {
    let webhook = Webhook::start().await;
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    assert_eq!(place(&moved), "gcp/us-central1");
    let again = webhook
        .admit(&Review::update(&moved, |object| ask_failover(object, "gcp,oci")).by_admin())
        .await
        .allowed();
    assert_eq!(place(&again), "aws/us-west-2", "its resources are in us-east-1 still");
}

/// A claim whose record is lost on the claim and in the status, which the function has written anew
/// from what exists.
async fn without_its_record(webhook: &Webhook, sequence: u64) -> Value {
    let mut stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    stored["metadata"]["annotations"].as_object_mut().unwrap().remove(PLACEMENT_REASON);
    let placement = &mut stored["status"]["placement"];
    placement.as_object_mut().unwrap().remove("reason");
    placement["sequence"] = sequence.into();
    stored
}

#[tokio::test]
async fn a_workload_whose_record_is_lost_can_still_fail_over() {
    let webhook = Webhook::start().await;
    let stored = without_its_record(&webhook, 4).await;
    let outcome = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "any")).by_admin())
        .await;
    assert_eq!(
        outcome.warnings,
        ["orders-db moves from aws/us-east-1 to gcp/us-central1 (decision 5)"]
    );
    let moved = outcome.allowed();
    assert_eq!(
        reason(&moved)["previous"],
        json!({"provider": "aws", "region": "us-east-1", "sequence": 4})
    );
}

#[tokio::test]
async fn a_workload_whose_record_is_lost_keeps_its_contract() {
    let webhook = Webhook::start().await;
    let mut stored = without_its_record(&webhook, 1).await;
    let record = reason(&webhook.admit(&Review::create(claim())).await.allowed()).to_string();
    let label = webhook
        .admit(&Review::update(&stored, |object| object["metadata"]["labels"]["team"] = "a".into()))
        .await;
    assert_eq!(
        label.allowed()["metadata"]["annotations"].get(PLACEMENT_REASON),
        None,
        "no new decision takes its place"
    );

    let restore = Review::update(&stored, |object| annotate(object, PLACEMENT_REASON, &record));
    let message = webhook.admit(&restore).await.refused();
    assert!(message.contains(r#"does not have the verb "restore""#), "{message}");
    webhook.admit(&restore.by_admin()).await.allowed();

    stored["status"]["placement"]["provider"] = "oci".into();
    stored["status"]["placement"]["region"] = "us-ashburn-1".into();
    let raised = webhook
        .admit(&Review::update(&stored, |object| object["spec"]["parameters"]["ha"] = true.into()))
        .await
        .refused();
    assert!(
        raised.contains("which oci/us-ashburn-1, where this workload is, does not have"),
        "{raised}"
    );
}

#[tokio::test]
async fn a_failover_that_leads_nowhere_changes_nothing() {
    let webhook = Webhook::start().await;
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let ask = |value: &'static str| {
        Review::update(&stored, move |object| ask_failover(object, value)).by_admin()
    };
    let mut messages = Vec::new();
    for value in ["aws,gcp,oci", "", "azure", "gpc"] {
        messages.push(format!("{value:?}: {}", webhook.admit(&ask(value)).await.refused()));
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[tokio::test]
async fn a_release_names_what_is_retained_and_stays_until_it_is_done() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    let settled = with_status(&moved, &[("aws", "us-east-1")]);

    let ask = |value: &'static str| {
        Review::update(&settled, move |object| annotate(object, RELEASE, value))
    };
    let message = webhook.admit(&ask("aws-us-east-1")).await.refused();
    assert!(message.contains(r#"does not have the verb "release""#), "{message}");
    let message = webhook.admit(&ask("aws-us-west-2").by_admin()).await.refused();
    assert!(message.contains("retained are aws-us-east-1"), "{message}");

    let released = webhook.admit(&ask("aws-us-east-1").by_admin()).await.allowed();
    let synced = webhook.admit(&Review::update(&released, |_| {}).by_crossplane()).await;
    assert_eq!(synced.patch, json!([]), "it stays while the place is still retained");
    let mut done = released;
    done["status"]["placement"]["retained"] = json!([]);
    let synced = webhook.admit(&Review::update(&done, |_| {}).by_crossplane()).await.allowed();
    assert_eq!(synced["metadata"]["annotations"].get(RELEASE), None);
}

#[tokio::test]
async fn a_release_is_of_a_place_that_the_workload_has_left() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    // A Product that was changed leaves something in the place where the workload is.
    let mut stored = with_status(&stored, &[("aws", "us-east-1")]);
    let ask =
        Review::update(&stored, |object| annotate(object, RELEASE, "aws-us-east-1")).by_admin();
    insta::assert_snapshot!(webhook.admit(&ask).await.refused());

    // Asked for while nobody was there to refuse it: the move does not carry it out.
    annotate(&mut stored, RELEASE, "aws-us-east-1");
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    assert_eq!(place(&moved), "gcp/us-central1");
    assert_eq!(moved["metadata"]["annotations"].get(RELEASE), None);
}

#[tokio::test]
async fn what_the_function_decided_is_mirrored() {
    let webhook = Webhook::with(embedded().unwrap(), DecisionMode::Pipeline).await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    assert_eq!(
        stored["metadata"]["annotations"].get(PLACEMENT_REASON),
        None,
        "the pipeline decides"
    );

    let by_admission = Webhook::start().await.admit(&Review::create(claim())).await.allowed();
    let text = by_admission["metadata"]["annotations"][PLACEMENT_REASON]
        .as_str()
        .unwrap()
        .replace("admission", "function");
    let mut placed = stored;
    placed["status"] = with_status(&by_admission, &[])["status"].take();
    placed["status"]["placement"]["reason"] = text.as_str().into();
    for review in [Review::update(&placed, |_| {}).by_crossplane(), Review::update(&placed, |_| {})]
    {
        let mirrored = webhook.admit(&review).await.allowed();
        assert_eq!(mirrored["metadata"]["annotations"][PLACEMENT_REASON], text);
    }
    // What a user writes into the status of an update is not the function's word.
    let forged = Review::update(&placed, |object| {
        object["status"]["placement"]["reason"] = text
            .replace("us-east-1", "us-west-2")
            .replace("\"sequence\":1", "\"sequence\":9")
            .into();
    });
    assert_eq!(place(&webhook.admit(&forged).await.allowed()), "aws/us-east-1");
}

#[tokio::test]
async fn crossplane_carries_a_move_from_the_claim_to_the_composite_resource() {
    let webhook = Webhook::start().await;
    let stored = with_status(&webhook.admit(&Review::create(claim())).await.allowed(), &[]);
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    let carry = |from: &Value, to: &Value| {
        let mut composite = to.clone();
        composite["kind"] = "XMySQLInstance".into();
        let decision = from["metadata"]["annotations"][PLACEMENT_REASON].clone();
        Review::update(&composite, |object| {
            object["metadata"]["annotations"][PLACEMENT_REASON] = decision
        })
        .by_crossplane()
    };
    // Its status still tells of the first decision.
    let forth = webhook.admit(&carry(&moved, &stored)).await.allowed();
    assert_eq!(place(&forth), "gcp/us-central1");
    // A claim that was read before it moved takes nothing back.
    assert_eq!(place(&webhook.admit(&carry(&stored, &moved)).await.allowed()), "gcp/us-central1");
}

#[tokio::test]
async fn composite_resources_are_held_to_the_same_contract() {
    let webhook = Webhook::start().await;
    let mut xr = claim();
    xr["kind"] = "MySQLInstance".into();
    let stored = webhook.admit(&Review::create(xr.clone())).await.allowed();
    assert_eq!(place(&stored), "aws/us-east-1");
    assert_eq!(stored["spec"].get("writeConnectionSecretToRef"), None);
    xr["spec"]["crossplane"] = json!({"compositionRef": {"name": "mine"}});
    let message = webhook.admit(&Review::create(xr.clone())).await.refused();
    assert!(message.contains("spec.crossplane"), "{message}");
    // Crossplane carries a claim on into a composite resource, and is not asked.
    let carried = webhook.admit(&Review::create(xr).by_crossplane()).await;
    assert_eq!(carried.patch, json!([]));
    carried.allowed();
}

/// Crossplane's definition has a default for one field of its machinery, which every composite
/// resource has when it is reviewed.
#[tokio::test]
async fn finding_22_cluster_scoped_composite_resources_can_be_created() {
    let webhook = Webhook::start().await;
    let mut xr = claim();
    xr["kind"] = "XMySQLInstance".into();
    xr["metadata"].as_object_mut().unwrap().shift_remove("namespace");
    xr["spec"]["compositionUpdatePolicy"] = "Automatic".into();
    let stored = webhook.admit(&Review::create(xr.clone())).await.allowed();
    assert_eq!(place(&stored), "aws/us-east-1");
    let manual = Review::update(&stored, |object| {
        object["spec"]["compositionUpdatePolicy"] = "Manual".into();
    });
    let message = webhook.admit(&manual).await.refused();
    assert!(message.contains("spec.compositionUpdatePolicy"), "{message}");
    xr["spec"]["compositionUpdatePolicy"] = "Manual".into();
    webhook.admit(&Review::create(xr)).await.refused();
}

#[tokio::test]
async fn the_validating_webhook_refuses_what_was_changed_after_the_mutating_one() {
    let webhook = Webhook::start().await;
    let mut stored = webhook.admit(&Review::create(claim())).await.allowed();
    stored["metadata"]["labels"]["platform.example.org/cell"] = "other".into();
    let message = webhook.validate(&Review::create(stored)).await.refused();
    assert!(
        message
            .contains("/metadata/labels/platform.example.org~1cell must be what the platform sets"),
        "{message}"
    );
}

/// The copies of the rule of adoption once differed: such a restore was admitted, and then placed
/// elsewhere by the function.
#[tokio::test]
async fn a_restore_to_where_the_product_is_not_offered_is_refused() {
    let mut objects = embedded().unwrap();
    for product in &mut objects.products {
        product.spec.providers.remove("gcp");
    }
    let webhook = Webhook::with(objects, DecisionMode::Admission).await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let text = stored["metadata"]["annotations"][PLACEMENT_REASON].as_str().unwrap();
    let mut restored = claim();
    let elsewhere = text.replace("\"aws\"", "\"gcp\"").replace("us-east-1", "us-central1");
    annotate(&mut restored, PLACEMENT_REASON, &elsewhere);
    let message = webhook.admit(&Review::create(restored).by_admin()).await.refused();
    assert!(
        message.contains("places it in gcp/us-central1, where mysql is not offered"),
        "{message}"
    );
}

/// Admission once took any annotation with a higher number for in force, which the function does
/// not where the workload still has something there, or the place does not pass.
#[tokio::test]
async fn what_the_function_will_not_follow_is_not_in_force() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let moved = webhook
        .admit(&Review::update(&stored, |object| ask_failover(object, "aws")).by_admin())
        .await
        .allowed();
    assert_eq!(place(&moved), "gcp/us-central1");
    // The function has not acted yet, and says that it still has something there.
    let mut occupied = moved.clone();
    occupied["status"] = with_status(&stored, &[("gcp", "us-central1")])["status"].take();
    let synced = webhook.admit(&Review::update(&occupied, |_| {}).by_crossplane()).await.allowed();
    assert_eq!(place(&synced), "aws/us-east-1");

    // Or the place is no Candidate any more.
    let mut waiting = moved;
    waiting["status"] = with_status(&stored, &[])["status"].take();
    let mut objects = embedded().unwrap();
    objects.candidates.retain(|candidate| candidate.spec.region != "us-central1");
    webhook.snapshot.set(Snapshot::strict(objects).unwrap());
    let synced = webhook.admit(&Review::update(&waiting, |_| {}).by_crossplane()).await.allowed();
    assert_eq!(place(&synced), "aws/us-east-1");
}
