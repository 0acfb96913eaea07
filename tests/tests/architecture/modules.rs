//! The modules of a crate, one a file, and the paths that each names, read as the compiler reads them.

use std::collections::BTreeMap;
use std::path::Path;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Ident, ItemMod, ItemUse, Macro, Token, UseTree, Visibility};

/// What a file names.
#[derive(Default)]
pub struct Module {
    /// Paths, `a::b::C`, of `use` statements and of the code itself.
    pub named: Vec<String>,
    /// Those that it hands on: the path, and the name under which.
    pub handed_on: Vec<(String, String)>,
}

/// The modules of a crate by path, `a::b`; the top is empty. What is inside of a file, and no test, is of
/// that file.
pub fn modules(source: &Path) -> BTreeMap<String, Module> {
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
                let name = match stem.as_str() {
                    "lib" | "main" | "mod" => path.clone(),
                    name => join(name),
                };
                let parsed = syn::parse_file(&std::fs::read_to_string(&file).unwrap());
                let parsed = parsed.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
                modules.entry(name).or_insert_with(Module::default).visit_file(&parsed);
            }
        }
    }
    modules
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
    })
}

impl Visit<'_> for Module {
    fn visit_item_mod(&mut self, module: &ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        let mut paths = Vec::new();
        spell_out("", &item.tree, &mut paths);
        if !matches!(item.vis, Visibility::Inherited) {
            self.handed_on.extend(paths.iter().cloned());
        }
        self.named.extend(paths.into_iter().map(|(path, _)| path));
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.named.push(parts.join("::"));
        visit::visit_path(self, path);
    }

    /// What most macros take is a list of expressions.
    fn visit_macro(&mut self, call: &Macro) {
        if let Ok(all) = call.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            all.iter().for_each(|expression| self.visit_expr(expression));
        }
        visit::visit_macro(self, call);
    }
}

/// `a::{b, c as d}` as `a::b` named `b`, and `a::c` named `d`.
fn spell_out(prefix: &str, tree: &UseTree, paths: &mut Vec<(String, String)>) {
    let join = |name: &Ident| {
        if prefix.is_empty() { name.to_string() } else { format!("{prefix}::{name}") }
    };
    match tree {
        UseTree::Path(path) => spell_out(&join(&path.ident), &path.tree, paths),
        UseTree::Name(name) if name.ident == "self" => {
            let last = prefix.rsplit("::").next().unwrap_or_default().to_owned();
            paths.push((prefix.to_owned(), last));
        }
        UseTree::Name(name) => paths.push((join(&name.ident), name.ident.to_string())),
        UseTree::Rename(rename) => paths.push((join(&rename.ident), rename.rename.to_string())),
        UseTree::Glob(_) => paths.push((prefix.to_owned(), "*".to_owned())),
        UseTree::Group(group) => {
            group.items.iter().for_each(|item| spell_out(prefix, item, paths));
        }
    }
}
