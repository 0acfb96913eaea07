//! What the programs count, as their own output and their source have it.
//!
//! A metric with labels is in the output only when it has been counted once; its name, help, type and labels
//! are read from the source then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prometheus_client::registry::Registry;
use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, GenericArgument, ItemStruct, Lit, PathArguments, Type};

/// A metric.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Metric {
    /// As Prometheus has it.
    pub kind: String,
    /// What it says.
    pub help: String,
    /// What it is told apart by.
    pub labels: BTreeSet<String>,
}

/// The metrics of a registry, by name, as they are printed now.
pub fn printed(registry: &Registry) -> BTreeMap<String, Metric> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(help)) => {
                help.trim_end_matches('.')
                    .clone_into(&mut metrics.entry(name.to_owned()).or_default().help);
            }
            (Some("#"), Some("TYPE"), Some(name), Some(kind)) => {
                kind.clone_into(&mut metrics.entry(name.to_owned()).or_default().kind);
            }
            (Some("#"), ..) => {}
            _ => {
                let Some((name, labels)) = line.split_once('{') else { continue };
                let metric =
                    metrics.iter_mut().find(|(family, _)| name.starts_with(family.as_str()));
                let keys = labels.split("=\"").filter_map(|part| part.rsplit([',', '"']).next());
                let keys =
                    keys.filter(|key| !key.is_empty() && !key.contains([' ', '}']) && *key != "le");
                if let Some((_, metric)) = metric {
                    metric.labels.extend(keys.map(str::to_owned));
                }
            }
        }
    }
    metrics
}

/// Those that are registered with a name and a help in the source below `folder`.
pub fn registered(folder: &Path) -> BTreeMap<String, Metric> {
    let mut source = Source::default();
    source.read(folder);
    let mut metrics = BTreeMap::new();
    for (name, help, field) in source.calls {
        let (label, kind) = source.families.get(&field).cloned().unwrap_or_default();
        let labels = source.structs.get(&label).cloned().unwrap_or_default();
        metrics.insert(name, Metric { kind, help: help.trim_end_matches('.').to_owned(), labels });
    }
    metrics
}

#[derive(Default)]
struct Source {
    /// Name, help and the field of each that is registered.
    calls: Vec<(String, String, String)>,
    /// By field: the struct of its labels, and its kind.
    families: BTreeMap<String, (String, String)>,
    /// By struct: its fields.
    structs: BTreeMap<String, BTreeSet<String>>,
}

impl Source {
    fn read(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.read(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                self.visit_file(&syn::parse_file(&text).unwrap());
            }
        }
    }
}

fn last(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// `Family<Labels, Counter>` as its labels and its kind.
fn family(type_: &Type) -> Option<(String, String)> {
    let Type::Path(path) = type_ else { return None };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(Type::Path(path)) => Some(last(&path.path)),
        _ => None,
    });
    (segment.ident == "Family")
        .then(|| (types.next(), types.next()))
        .and_then(|(labels, kind)| Some((labels?, kind?.to_lowercase())))
}

impl Visit<'_> for Source {
    fn visit_item_struct(&mut self, item: &ItemStruct) {
        let mut names = BTreeSet::new();
        for field in &item.fields {
            let Some(name) = &field.ident else { continue };
            names.insert(name.to_string());
            if let Some(family) = family(&field.ty) {
                self.families.insert(name.to_string(), family);
            }
        }
        self.structs.insert(item.ident.to_string(), names);
    }

    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        let text = |argument: &Expr| match argument {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        };
        let arguments: Vec<&Expr> = call.args.iter().collect();
        if let ("register", [name, help, Expr::MethodCall(cloned)]) =
            (call.method.to_string().as_str(), arguments.as_slice())
            && let (Some(name), Some(help)) = (text(name), text(help))
            && let Expr::Path(field) = &*cloned.receiver
        {
            self.calls.push((name, help, last(&field.path)));
        }
        visit::visit_expr_method_call(self, call);
    }
}
