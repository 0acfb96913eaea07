//! What has happened to a workload stays on it: written by the platform, by whom and when, and by
//! nobody else.

use idp_crds::history::{Event, Happened, History};
use serde_json::{Value, json};

use super::fixture::{Review, Webhook, annotate, claim, with_status};

const HISTORY: &str = "platform.example.org/history";

fn history(object: &Value) -> Vec<Happened> {
    let text = object["metadata"]["annotations"][HISTORY].as_str().expect("a history");
    History::parse(text).expect("a history").all().to_vec()
}

fn events(object: &Value) -> Vec<Event> {
    history(object).iter().map(|one| one.event).collect()
}

#[tokio::test]
async fn a_placement_and_a_move_are_written_down() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let [placed] = &history(&stored)[..] else { panic!("{stored}") };
    assert_eq!((placed.event, placed.sequence), (Event::Placed, 1));
    assert_eq!((placed.from.as_deref(), placed.to.as_deref()), (None, Some("aws/us-east-1")));
    assert!(placed.at.as_deref().is_some_and(|at| at.ends_with('Z')), "{placed:?}");
    assert!(!placed.by.is_empty());

    let running = with_status(&stored, &[]);
    let edited = webhook
        .admit(&Review::update(&running, |o| o["spec"]["parameters"]["size"] = "large".into()))
        .await
        .allowed();
    assert_eq!(history(&edited), history(&stored), "an edit is no event");
    let moves = Review::update(&running, |o| annotate(o, "platform.example.org/failover", "aws"));
    let moved = webhook.admit(&moves.by_admin()).await.allowed();
    let [before, now] = &history(&moved)[..] else { panic!("{moved}") };
    assert_eq!(before, placed);
    assert_eq!((now.event, now.sequence), (Event::Moved, 2));
    assert_eq!(now.from.as_deref(), Some("aws/us-east-1"));
    assert_eq!(now.why.as_deref(), Some("aws"));
    assert_ne!(now.to, now.from);
}

#[tokio::test]
async fn nobody_else_writes_it() {
    let webhook = Webhook::start().await;
    let forged = json!([{"event": "Moved", "by": "somebody", "sequence": 9}]).to_string();
    let mut made_up = claim();
    annotate(&mut made_up, HISTORY, &forged);
    let stored = webhook.admit(&Review::create(made_up)).await.allowed();
    assert_eq!(events(&stored), [Event::Placed], "what is given with a new one counts for nothing");

    let running = with_status(&stored, &[]);
    for change in [Some(forged.clone()), Some("[]".to_owned()), Some("garbage".to_owned()), None] {
        let review = Review::update(&running, |object| match &change {
            Some(text) => annotate(object, HISTORY, text),
            None => drop(
                object["metadata"]["annotations"].as_object_mut().unwrap().shift_remove(HISTORY),
            ),
        });
        let kept = webhook.admit(&review).await.allowed();
        assert_eq!(history(&kept), history(&stored), "{change:?}");
    }
    // Nor with a move that happens, and another time for it.
    let old =
        Happened { at: Some("2001-01-01T00:00:00Z".to_owned()), ..history(&stored)[0].clone() };
    let review = Review::update(&running, |object| {
        annotate(object, "platform.example.org/failover", "aws");
        annotate(object, HISTORY, &History::default().with([old.clone()]).to_string());
    });
    let moved = webhook.admit(&review.by_admin()).await.allowed();
    assert_eq!(history(&moved)[0], history(&stored)[0]);
    assert_eq!(events(&moved), [Event::Placed, Event::Moved]);
}

#[tokio::test]
async fn a_backup_brings_it_along_and_protection_taken_off_is_told() {
    let webhook = Webhook::start().await;
    let stored = webhook.admit(&Review::create(claim())).await.allowed();
    let running = with_status(&stored, &[]);
    let lower = Review::update(&running, |o| o["spec"]["parameters"]["deletion"] = "backup".into());
    let lowered = webhook.admit(&lower.by_admin()).await.allowed();
    assert_eq!(events(&lowered), [Event::Placed, Event::Unprotected]);
    assert_eq!(history(&lowered)[1].why.as_deref(), Some("deletion: from protect to backup"));

    let mut backup = lowered.clone();
    backup.as_object_mut().unwrap().shift_remove("status");
    annotate(&mut backup, "platform.example.org/id", "orders-aaaaaaaaaaaaaaaa@1");
    let restored = webhook.admit(&Review::create(backup).by_admin()).await.allowed();
    assert_eq!(events(&restored), [Event::Placed, Event::Unprotected, Event::Restored]);
    assert_eq!(history(&restored)[..2], history(&lowered)[..]);
}
