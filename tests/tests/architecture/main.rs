//! Dependencies point one way: between crates, and between the files of a crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Everything that a crate is built with, by name.
fn tree(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_domain_knows_no_servers_and_no_clients() {
    let core = tree("idp-core");
    for forbidden in ["tonic", "axum", "hyper", "kube-client", "kube-runtime", "tokio"] {
        assert!(!core.contains(forbidden), "idp-core is built with {forbidden}");
    }
}

#[test]
fn crates_point_one_way() {
    let rules: [(&str, &[&str]); 5] = [
        ("idp-crds", &["idp-core", "idp-serving", "idp-function", "idp-webhook"]),
        ("idp-core", &["idp-serving", "idp-function", "idp-webhook"]),
        ("idp-serving", &["idp-crds", "idp-core", "idp-function", "idp-webhook"]),
        ("idp-function", &["idp-webhook"]),
        ("idp-webhook", &["idp-function"]),
    ];
    for (package, above) in rules {
        let below = tree(package);
        for other in above {
            assert!(!below.contains(*other), "{package} is built with {other}");
        }
    }
}

/// The files of a crate by module path, `a::b`; the top is empty. A module's own `tests` belong to
/// it.
fn modules(source: &Path) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![(source.to_owned(), String::new())];
    while let Some((folder, path)) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let join = |name: &str| {
                if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
            };
            if file.is_dir() {
                folders.push((file, join(&stem)));
            } else if file.extension().is_some_and(|e| e == "rs") && stem != "tests" {
                let module = match stem.as_str() {
                    "lib" | "main" | "mod" => path.clone(),
                    name => join(name),
                };
                let text = std::fs::read_to_string(&file).unwrap();
                let text = text.split("#[cfg(test)]\n").next().unwrap().to_owned();
                modules.entry(module).or_insert(text);
            }
        }
    }
    modules
}

/// `use` statements, each with its paths spelled out; `pub` says whether it hands them on.
fn uses(text: &str) -> Vec<(bool, Vec<String>)> {
    let mut uses = Vec::new();
    let code: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    for statement in code.join("\n").split(';') {
        let statement = statement.trim();
        let line = statement.rsplit("\n\n").next().unwrap().trim();
        let (public, rest) = match line.strip_prefix("pub use ") {
            Some(rest) => (true, rest),
            None => match line.strip_prefix("use ").or_else(|| {
                line.strip_prefix("pub(crate) use ")
                    .or_else(|| line.strip_prefix("pub(super) use "))
            }) {
                Some(rest) => (false, rest),
                None => continue,
            },
        };
        let mut paths = Vec::new();
        spell_out("", &rest.split_whitespace().collect::<Vec<_>>().join(" "), &mut paths);
        uses.push((public, paths));
    }
    uses
}

/// `a::{b, c::{d}}` as `a::b` and `a::c::d`.
fn spell_out(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap().trim();
        paths.push(format!("{prefix}{name}"));
        return;
    };
    let (head, rest) = tree.split_at(open);
    let inner = &rest[1..rest.rfind('}').unwrap()];
    let (mut depth, mut start) = (0, 0);
    for (at, character) in inner.char_indices().chain([(inner.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    spell_out(&format!("{prefix}{head}"), &inner[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that `path`, as `module` writes it, is of; none for another crate's.
fn resolve(
    modules: &BTreeMap<String, String>,
    module: &str,
    path: &str,
    depth: u8,
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
    if let (Some(name), true) = (parts.first(), depth > 0) {
        for (_, paths) in uses(&modules[&at]).into_iter().filter(|(public, _)| *public) {
            for handed in paths.iter().filter(|handed| handed.rsplit("::").next() == Some(name)) {
                if let Some(home) = resolve(modules, &at, handed, depth - 1) {
                    return Some(home);
                }
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

#[test]
fn no_circle_between_rooms_and_files() {
    let mut circles = Vec::new();
    for source in
        ["crds/src", "function/core/src", "function/serving/src", "function/src", "webhook/src"]
    {
        let modules = modules(&top().join(source));
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, text) in &modules {
            for path in uses(text).into_iter().flat_map(|(_, paths)| paths) {
                match resolve(&modules, module, &path, 4) {
                    Some(home) if !is_kin(&home, module) => {
                        graph.entry(module.clone()).or_default().insert(home);
                    }
                    _ => {}
                }
            }
        }
        let found = modules.keys().find_map(|module| circle(&graph, module));
        circles.extend(found.map(|way| format!("{source}: {}", way.join(" -> "))));
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}
