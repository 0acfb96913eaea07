//! What holds after every step, whatever has happened.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use idp_core::compose::credentials::RESOURCE_KEY;
use idp_core::structs::from_struct;
use idp_crds::status::{Phase, PlacementStatus};
use idp_function::wire::v1;
use idp_tests::sim::{Crossplane, Object, Reconciled};
use serde_json::Value;

/// The laws, and what they must remember.
pub struct Laws {
    /// Whether the product holds data.
    stateful: bool,
    /// What a human has let go, by uid.
    released: BTreeSet<String>,
    /// Where the workload is, by which decision.
    standing: Option<PlacementStatus>,
    /// The password that something was composed with.
    password: Option<String>,
}

impl Laws {
    pub fn new(stateful: bool) -> Self {
        Laws { stateful, released: BTreeSet::new(), standing: None, password: None }
    }

    /// A human lets these go.
    pub fn released<'o>(&mut self, objects: impl Iterator<Item = &'o Object>) {
        self.released.extend(objects.map(|object| object.uid().to_owned()));
    }

    /// After a reconcile.
    pub fn check(&mut self, crossplane: &Crossplane, reconciled: &Reconciled) {
        let told = told(reconciled);
        self.data_stays(reconciled, told.as_ref());
        self.brought_back(crossplane, reconciled);
        nothing_twice(crossplane);
        self.password_stays(crossplane, reconciled);
        if worked_out(reconciled) {
            one_active_place(reconciled, told.as_ref());
            self.moves_by_decision_only(crossplane, reconciled, told);
        }
    }

    /// No object that holds data goes unless a human has let it go, and then only once its deletion
    /// is harmless.
    fn data_stays(&self, reconciled: &Reconciled, told: Option<&PlacementStatus>) {
        for (key, object) in &reconciled.removed {
            assert_ne!(key, RESOURCE_KEY, "the credentials are gone");
            let elsewhere =
                object.place().is_some_and(|place| told.is_none_or(|told| place != place_of(told)));
            if object.is_stateful() || (self.stateful && elsewhere) {
                assert!(!object.deletes(), "{key} was deleted, and with it its data");
                assert!(self.released.contains(object.uid()), "{key} was let go by nobody");
            }
        }
    }

    /// What a human has let go, and a stale cache brings back, is the same thing at its provider:
    /// it stays let go.
    fn brought_back(&mut self, crossplane: &Crossplane, reconciled: &Reconciled) {
        for (key, seen) in &reconciled.seen_objects {
            if let Some(object) = crossplane.objects.get(key)
                && self.released.contains(seen.uid())
                && !object.deletes()
            {
                self.released.insert(object.uid().to_owned());
            }
        }
    }

    fn password_stays(&mut self, crossplane: &Crossplane, reconciled: &Reconciled) {
        let composed = reconciled
            .desired
            .values()
            .filter_map(|object| object["spec"]["forProvider"]["password"].as_str());
        for password in composed {
            let first = self.password.get_or_insert_with(|| password.to_owned());
            assert_eq!(first, password, "another password");
        }
        let secret = crossplane.objects.get(RESOURCE_KEY);
        if let (Some(password), Some(secret)) = (&self.password, secret) {
            assert_eq!(
                secret.ours["data"]["password"],
                STANDARD.encode(password),
                "the Secret holds another password"
            );
        }
    }

    fn moves_by_decision_only(
        &mut self,
        crossplane: &Crossplane,
        reconciled: &Reconciled,
        told: Option<PlacementStatus>,
    ) {
        let Some(told) = told else { return };
        // A cache may show the time before a decision took hold, and a status may be wiped.
        let known = |before: &PlacementStatus| {
            let sequence = reconciled.seen_composite["status"]["placement"]["sequence"].as_u64();
            sequence.is_some_and(|sequence| sequence >= before.sequence)
                || reconciled
                    .seen_objects
                    .values()
                    .any(|object| object.place() == Some(place_of(before)))
        };
        // Said, but with nothing to show for it, it may be said otherwise the next time.
        let shown = |said: &PlacementStatus| {
            let status = &crossplane.composite["status"]["placement"];
            let written = status["provider"] == said.provider
                && status["region"] == said.region
                && status["sequence"] == said.sequence;
            let sequence = said.sequence.to_string();
            let carries = |object: &Object| {
                object.place() == Some(place_of(said))
                    && object.label("platform.example.org/sequence") == Some(sequence.as_str())
            };
            written || crossplane.objects.values().any(carries)
        };
        if let Some(before) = &self.standing {
            if !known(before) {
                if !shown(before) {
                    self.standing = None;
                }
                return;
            }
            let moved = place_of(before) != place_of(&told);
            assert!(told.sequence >= before.sequence, "back to an older decision");
            assert!(
                !moved || told.sequence > before.sequence,
                "from {} to {} by itself",
                place_of(before),
                place_of(&told)
            );
        }
        if shown(&told) {
            self.standing = Some(told);
        }
    }

    /// When all has come to rest: what is elsewhere is looked at only, and listed; and there is
    /// nothing elsewhere but data.
    pub fn check_rest(&self, crossplane: &Crossplane, placement: &PlacementStatus) {
        let listed: BTreeSet<&str> =
            placement.retained.iter().flat_map(|r| &r.resources).map(String::as_str).collect();
        for (key, object) in &crossplane.objects {
            if object.place().is_some_and(|place| place != place_of(placement)) {
                assert!(self.stateful || object.is_stateful(), "{key} is left over");
                assert!(!object.deletes(), "{key} is still managed");
                assert!(listed.contains(key.as_str()), "{key} is retained and not listed");
            }
        }
        for key in listed {
            assert!(crossplane.objects.contains_key(key), "{key} is listed and not there");
        }
    }
}

fn told(reconciled: &Reconciled) -> Option<PlacementStatus> {
    let composite = reconciled.answer.desired.as_ref()?.composite.as_ref()?;
    let composite: Value = from_struct(composite.resource.as_ref()?).ok()?;
    serde_json::from_value(composite["status"]["placement"].clone()).ok()
}

/// Whether the answer was worked out. Otherwise it says again what had been said, as far as could
/// be read.
fn worked_out(reconciled: &Reconciled) -> bool {
    reconciled.answer.conditions.iter().any(|condition| {
        condition.r#type == "Placed" && condition.status() == v1::Status::ConditionTrue
    })
}

fn place_of(placement: &PlacementStatus) -> String {
    format!("{}-{}", placement.provider, placement.region)
}

/// More than one place is managed only while the workload moves.
fn one_active_place(reconciled: &Reconciled, told: Option<&PlacementStatus>) {
    let objects =
        reconciled.desired.iter().map(|(key, object)| (key, Object::new(object.clone(), 0)));
    let active: BTreeSet<String> =
        objects.filter(|(_, object)| object.deletes()).filter_map(|(_, o)| o.place()).collect();
    if let Some(told) = told {
        assert!(
            active.len() <= 1 || told.phase == Phase::Moving,
            "active at {active:?} while {:?}",
            told.phase
        );
    }
}

/// No resource has two objects in one place, and no object two keys.
fn nothing_twice(crossplane: &Crossplane) {
    let mut by_resource: BTreeMap<(String, String), &str> = BTreeMap::new();
    let mut by_name: BTreeMap<(String, String), &str> = BTreeMap::new();
    for (key, object) in &crossplane.objects {
        if let (Some(place), Some(resource)) =
            (object.place(), object.label("platform.example.org/resource"))
        {
            let other = by_resource.insert((place, resource.to_owned()), key);
            assert_eq!(other, None, "{key} is there twice");
        }
        let name = object.ours["metadata"]["name"].as_str().unwrap().to_owned();
        let other = by_name.insert((object.ours["kind"].to_string(), name), key);
        assert_eq!(other, None, "{key} has another's name");
    }
}
