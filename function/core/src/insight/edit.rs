//! An edit of the catalog's objects, as `kubectl apply` and `kubectl delete` make it.

use idp_crds::contract::did_you_mean;
use idp_crds::names::reference_name;

use crate::catalog::{Named, Objects};

/// Puts `change`'s objects into `objects`, each in the place of the one with its kind and name.
pub fn apply(objects: &mut Objects, change: Objects) {
    put(&mut objects.candidates, change.candidates);
    put(&mut objects.tiers, change.tiers);
    put(&mut objects.providers, change.providers);
    put(&mut objects.products, change.products);
    put(&mut objects.experiments, change.experiments);
    put(&mut objects.flags, change.flags);
    objects.statuses.extend(change.statuses);
}

fn put<T>(list: &mut Vec<Named<T>>, change: Vec<Named<T>>) {
    for mut object in change {
        match list.iter_mut().find(|present| present.name == object.name) {
            Some(present) => {
                // An edit does not make an object younger, and age decides between experiments.
                if object.created.is_empty() {
                    object.created.clone_from(&present.created);
                }
                *present = object;
            }
            None => list.push(object),
        }
    }
}

/// Takes the object that `what`, `<Kind>/<name>`, names out of `objects`.
///
/// # Errors
/// When there is none, and which there are.
pub fn remove(objects: &mut Objects, what: &str) -> Result<(), String> {
    let (kind, name) = what
        .split_once('/')
        .ok_or_else(|| format!("{what:?} names no object: write <Kind>/<name>, as in Tier/low"))?;
    match kind.to_ascii_lowercase().as_str() {
        "candidate" => take(&mut objects.candidates, what, name),
        "tier" => take(&mut objects.tiers, what, name),
        "cloudprovider" => take(&mut objects.providers, what, name),
        "product" => take(&mut objects.products, what, name),
        "experiment" => take(&mut objects.experiments, what, name),
        "featureflag" => take(&mut objects.flags, what, name),
        _ => Err(format!(
            "{what:?}: {kind:?} is not a configuration kind: they are Candidate, Tier, CloudProvider, Product, Experiment, FeatureFlag"
        )),
    }
}

fn take<T>(list: &mut Vec<Named<T>>, what: &str, name: &str) -> Result<(), String> {
    let is_named = |object: &Named<T>| reference_name(&object.name) == reference_name(name);
    let Some(at) = list.iter().position(is_named) else {
        let names: Vec<&str> = list.iter().map(|object| object.name.as_str()).collect();
        let hint = did_you_mean(name, names.iter().copied());
        return Err(format!(
            "{what:?} is not in the catalog{hint}; there are {}",
            names.join(", ")
        ));
    };
    list.remove(at);
    Ok(())
}
