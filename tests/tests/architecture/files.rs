//! Between the files of a crate there is no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::{Module, modules};
use super::top;

/// How often a name may be handed on before it is where it is defined.
const MOST_HANDS: u8 = 4;

/// The module that `path`, as `module` writes it, is of; none for another crate's, or no module's.
fn resolve(
    modules: &BTreeMap<String, Module>,
    module: &str,
    path: &str,
    hands: u8,
) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base: Vec<&str> = module.split("::").filter(|part| !part.is_empty()).collect();
    match *parts.first()? {
        "crate" => {
            base.clear();
            parts.remove(0);
        }
        "self" => drop(parts.remove(0)),
        "super" => {
            while parts.first() == Some(&"super") {
                base.pop();
                parts.remove(0);
            }
        }
        first => {
            let child = [base.join("::"), first.to_owned()].join("::");
            if !modules.contains_key(child.trim_start_matches("::")) {
                return None;
            }
        }
    }
    let mut at = base.join("::");
    while let Some(next) = parts.first() {
        let below = if at.is_empty() { (*next).to_owned() } else { format!("{at}::{next}") };
        if !modules.contains_key(&below) {
            break;
        }
        at = below;
        parts.remove(0);
    }
    // What a module hands on is of the file that defines it.
    if let (Some(name), true) = (parts.first(), hands > 0) {
        for (handed, as_name) in &modules[&at].handed_on {
            if as_name == name
                && let Some(home) = resolve(modules, &at, handed, hands - 1)
            {
                return Some(home);
            }
        }
    }
    Some(at)
}

/// Whether one of two modules is the other, or within it: a room and what stands in it know each
/// other.
fn is_kin(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        outer.is_empty() || inner == outer || inner.starts_with(&format!("{outer}::"))
    };
    within(one, other) || within(other, one)
}

/// A way from `module` back to itself.
fn circle(graph: &BTreeMap<String, BTreeSet<String>>, module: &str) -> Option<Vec<String>> {
    let mut ways: Vec<Vec<String>> = vec![vec![module.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in graph.get(way.last()?).into_iter().flatten() {
            let mut on = way.clone();
            on.push(next.clone());
            if next == module {
                return Some(on);
            }
            if seen.insert(next.clone()) {
                ways.push(on);
            }
        }
    }
    None
}

/// Which files know which, without kin.
fn graph(modules: &BTreeMap<String, Module>) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (module, Module { named, .. }) in modules {
        for home in named.iter().filter_map(|path| resolve(modules, module, path, MOST_HANDS)) {
            if !is_kin(&home, module) {
                graph.entry(module.clone()).or_default().insert(home);
            }
        }
    }
    graph
}

#[test]
fn no_circle_between_rooms_and_files() {
    let mut circles = Vec::new();
    let mut known = 0;
    for source in [
        "crds/src",
        "function/core/src",
        "function/serving/src",
        "function/src",
        "webhook/console/src",
        "webhook/src",
    ] {
        let modules = modules(&top().join(source));
        let graph = graph(&modules);
        known += graph.values().map(BTreeSet::len).sum::<usize>();
        let found = modules.keys().find_map(|module| circle(&graph, module));
        circles.extend(found.map(|way| format!("{source}: {}", way.join(" -> "))));
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
    assert!(known > 200, "only {known} dependencies were read");
}
