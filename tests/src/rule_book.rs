//! What providers refuse and no schema says: rules as data, `tests/rules/<cloud>.yaml`.
//!
//! A rule is of some kinds, and says what an object must be (`require`, where `when` holds), or what
//! an update may not touch (`fixed`) or shrink (`grows`). Expressions are CEL over `spec` (the
//! object's `spec.forProvider`) and `name` (its name at the provider). Every rule has an example
//! that breaks it. Where the workload is told of it by a notice (`told`), what is asked for breaks
//! the rule, not the product.

use std::collections::{BTreeMap, BTreeSet};

use idp_core::compose::expression::{Expression, Resolver};
use serde::Deserialize;
use serde_json::{Value, json};

/// The rules, by cloud.
const BOOKS: [&str; 3] = [
    include_str!("../rules/aws.yaml"),
    include_str!("../rules/gcp.yaml"),
    include_str!("../rules/oci.yaml"),
];

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    source: String,
    because: String,
    kinds: Vec<String>,
    when: Option<String>,
    require: Option<String>,
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default)]
    grows: Vec<String>,
    told: Option<String>,
    breaks: Value,
}

/// A rule, its expressions compiled.
struct Rule {
    entry: Entry,
    when: Option<Expression>,
    require: Option<Expression>,
}

/// All rules.
pub struct RuleBook {
    rules: Vec<Rule>,
}

impl RuleBook {
    /// Reads and compiles them.
    pub fn open() -> Self {
        let known = BTreeSet::from(["spec", "name"]);
        let compile = |entry: &Entry, source: &Option<String>| {
            source.as_ref().map(|source| {
                Expression::compile(source.trim(), &known)
                    .unwrap_or_else(|error| panic!("rule {}: {error}", entry.id))
            })
        };
        let entries = BOOKS.iter().flat_map(|book| {
            serde_saphyr::from_str::<Vec<Entry>>(book).unwrap_or_else(|error| panic!("{error}"))
        });
        let rules = entries
            .map(|entry| {
                let when = compile(&entry, &entry.when);
                let require = compile(&entry, &entry.require);
                assert!(entry.source.starts_with("https://"), "rule {}: no source", entry.id);
                Rule { entry, when, require }
            })
            .collect();
        RuleBook { rules }
    }

    /// The rules that `object` breaks, except those that `notices` tells of.
    pub fn check(&self, object: &Value, notices: &BTreeMap<String, String>) -> Vec<String> {
        let told = |rule: &&Rule| {
            rule.entry.told.as_ref().is_none_or(|notice| !notices.contains_key(notice))
        };
        self.of(object)
            .filter(told)
            .filter(|rule| rule.is_broken_by(object))
            .map(Rule::say)
            .collect()
    }

    /// The rules that changing `before` into `after`, one object, breaks.
    pub fn check_update(&self, before: &Value, after: &Value) -> Vec<String> {
        let touched = |rule: &Rule| {
            let (fixed, grows) = (rule.entry.fixed.iter(), rule.entry.grows.iter());
            let changed = fixed.filter(|path| field(before, path) != field(after, path));
            let shrunk = grows.filter(|path| {
                let size = |object| field(object, path).and_then(Value::as_f64);
                size(before) > size(after)
            });
            let paths: Vec<&str> = changed.chain(shrunk).map(String::as_str).collect();
            (!paths.is_empty()).then(|| format!("{} ({})", rule.say(), paths.join(", ")))
        };
        self.of(before).filter_map(touched).collect()
    }

    /// The rules that do not refuse their own example, which is every one that is of no use.
    pub fn toothless(&self) -> Vec<&str> {
        let made = |kind: &str, spec: &Value| {
            let (group, kind) = kind.split_once(' ').unwrap();
            json!({"apiVersion": format!("{group}.cloud.upbound.io/v1"), "kind": kind, "spec": {"forProvider": spec}})
        };
        let bites = |rule: &&Rule| {
            rule.entry.kinds.iter().all(|kind| {
                let breaks = &rule.entry.breaks;
                match (breaks.get("before"), breaks.get("after")) {
                    (Some(before), Some(after)) => {
                        let found = self.check_update(&made(kind, before), &made(kind, after));
                        found.iter().any(|found| found.starts_with(&rule.say()))
                    }
                    _ => rule.is_broken_by(&made(kind, breaks)),
                }
            })
        };
        self.rules.iter().filter(|rule| !bites(rule)).map(|rule| rule.entry.id.as_str()).collect()
    }

    /// Every kind that some rule is of: `<group> <Kind>`.
    pub fn kinds(&self) -> BTreeSet<&str> {
        self.rules.iter().flat_map(|rule| rule.entry.kinds.iter().map(String::as_str)).collect()
    }

    fn of<'b>(&'b self, object: &Value) -> impl Iterator<Item = &'b Rule> {
        let kind = kind(object);
        self.rules.iter().filter(move |rule| rule.entry.kinds.contains(&kind))
    }
}

impl Rule {
    /// What cannot be evaluated is broken too: a rule that reads what is not there says nothing.
    fn is_broken_by(&self, object: &Value) -> bool {
        let spec = &object["spec"]["forProvider"];
        let name = object
            .pointer("/metadata/annotations/crossplane.io~1external-name")
            .cloned()
            .unwrap_or_else(|| json!(""));
        let resolver = Resolver::new(vec![("spec", spec), ("name", &name)]);
        let truth = |expression: &Option<Expression>| {
            let value = expression.as_ref()?.evaluate(&resolver);
            Some(value.is_ok_and(|value| *value == json!(true)))
        };
        // A condition over what is not there does not hold.
        truth(&self.when).unwrap_or(true) && truth(&self.require) == Some(false)
    }

    fn say(&self) -> String {
        let Entry { id, because, source, .. } = &self.entry;
        format!("{id}: {because} ({source})")
    }
}

/// `<group> <Kind>`, the same for both flavours.
pub fn kind(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let group = text("apiVersion").split('.').next().unwrap_or_default();
    format!("{group} {}", text("kind"))
}

fn field<'o>(object: &'o Value, path: &str) -> Option<&'o Value> {
    object["spec"]["forProvider"].pointer(path)
}
