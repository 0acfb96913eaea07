//! Compiling a Product: every expression parsed and checked, every reference resolved, once per
//! generation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use idp_crds::contract::{Problem, did_you_mean};
use idp_crds::product::{ProviderTemplates, ResourceTemplate};
use idp_crds::recovery::RecoverySpec;
use serde_json::Value;

use super::expression::{Expression, Interner, References};
use super::plan::{Needs, NoticePlan, ProductError, ProviderPlan, ResourcePlan};
use super::recovery::{self, RecoveryPlan};
use super::template::{Template, TemplateError};

/// Compiles what a product is made of on one provider. `path` is where that stands, `known` the
/// variables its expressions may use; what is wrong is pushed to `errors`.
pub(super) fn provider(
    templates: &ProviderTemplates,
    path: &str,
    known: &BTreeSet<&str>,
    errors: &mut Vec<ProductError>,
) -> ProviderPlan {
    Compiler { path, known, expressions: Interner::default(), errors }.provider(templates)
}

struct Compiler<'a> {
    path: &'a str,
    known: &'a BTreeSet<&'a str>,
    expressions: Interner,
    errors: &'a mut Vec<ProductError>,
}

impl Compiler<'_> {
    fn provider(mut self, templates: &ProviderTemplates) -> ProviderPlan {
        let mut needs_of_vars: BTreeMap<String, Needs> = BTreeMap::new();
        let mut variables = Vec::new();
        for (at, variable) in templates.variables.iter().enumerate() {
            let path = format!("{}.variables[{at}]({}).value", self.path, variable.name);
            let template = self.template(&variable.value, &path, self.known);
            let needs = self.needs(&path, &template, &[], &needs_of_vars, templates);
            needs_of_vars.insert(variable.name.clone(), needs);
            variables.push((variable.name.clone(), template));
        }
        let resources: Vec<ResourcePlan> = templates
            .resources
            .iter()
            .enumerate()
            .filter_map(|(at, resource)| self.resource(at, resource, &needs_of_vars, templates))
            .collect();
        self.cycles(&resources);
        let connection = templates
            .connection
            .iter()
            .map(|(key, text)| {
                (
                    key.clone(),
                    self.checked(
                        &Value::String(text.clone()),
                        &format!("connection.{key}"),
                        &needs_of_vars,
                        templates,
                    ),
                )
            })
            .collect();
        let effective = templates
            .effective
            .iter()
            .map(|(key, value)| {
                (
                    key.clone(),
                    self.checked(value, &format!("effective.{key}"), &needs_of_vars, templates),
                )
            })
            .collect();
        let notices = templates
            .notices
            .iter()
            .enumerate()
            .filter_map(|(at, notice)| {
                let path = format!("notices[{at}]({})", notice.name);
                let message = self.checked(
                    &Value::String(notice.message.clone()),
                    &format!("{path}.message"),
                    &needs_of_vars,
                    templates,
                );
                let when = self.expression(
                    &notice.when,
                    &format!("{}.{path}.when", self.path),
                    self.known,
                )?;
                Some(NoticePlan { name: notice.name.clone(), when, message })
            })
            .collect();
        let deletion = templates.deletion.as_ref().map(|text| {
            self.checked(&Value::String(text.clone()), "deletion", &needs_of_vars, templates)
        });
        let recovery = self.recovery(&templates.recovery);
        let (slots, observed_read) = (self.expressions.slots(), BTreeMap::new());
        let reserved_prefixes = templates.reserved_prefixes.clone();
        let mut plan = ProviderPlan {
            reserved_prefixes,
            lacks: templates.lacks.clone(),
            place_reads: Vec::new(),
            variables,
            resources,
            connection,
            effective,
            deletion,
            notices,
            recovery,
            observed_read,
            slots,
        };
        plan.observed_read = plan.observed_references();
        plan.place_reads = plan.reads();
        plan
    }

    fn resource(
        &mut self,
        at: usize,
        resource: &ResourceTemplate,
        vars: &BTreeMap<String, Needs>,
        templates: &ProviderTemplates,
    ) -> Option<ResourcePlan> {
        let path = format!("{}.resources[{at}]({})", self.path, resource.name);
        let mut known = self.known.clone();
        if resource.for_each.is_some() {
            known.extend(["each", "index"]);
        }
        let template = self.template(&resource.template, &format!("{path}.template"), &known);
        let plain = self.known;
        let mut optional = |source: &Option<String>, field: &str, known: &BTreeSet<&str>| {
            source
                .as_ref()
                .and_then(|source| self.expression(source, &format!("{path}.{field}"), known))
        };
        let include_when = optional(&resource.include_when, "includeWhen", plain);
        let for_each = optional(&resource.for_each, "forEach", plain);
        let ready_when = optional(&resource.ready_when, "readyWhen", &known);
        let conditions: Vec<&Expression> =
            include_when.iter().chain(&for_each).map(AsRef::as_ref).collect();
        let needs = self.needs(&path, &template, &conditions, vars, templates);
        let earlier: BTreeSet<&str> =
            templates.resources.iter().take(at).map(|r| r.name.as_str()).collect();
        self.names(&path, &template, &earlier, templates);

        let mut refers_to = needs.observed.clone();
        template.references(&mut |references| refers_to.extend(references.names.iter().cloned()));

        let text = |field: &str| {
            resource.template.get(field).and_then(Value::as_str).filter(|text| !text.contains("${"))
        };
        let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            self.error(
                &format!("{path}.template"),
                "needs an apiVersion and a kind, both without expressions: rights and schemas depend on them",
            );
            return None;
        };
        if resource.template.pointer("/metadata/name").is_some() {
            self.error(&format!("{path}.template.metadata.name"), "is made by the platform, so that two placements never collide: remove it, and refer to the object by names[\"…\"]");
        }
        Some(ResourcePlan {
            name: resource.name.clone(),
            api_version: api_version.to_owned(),
            namespaced_api_version: resource
                .namespaced_api_version
                .clone()
                .unwrap_or_else(|| api_version.to_owned()),
            kind: kind.to_owned(),
            managed: resource.template.pointer("/spec/forProvider").is_some(),
            stateful: resource.stateful,
            immutable: resource.immutable,
            repeated: resource.for_each.is_some(),
            template,
            include_when,
            for_each,
            ready_when,
            refers_to,
            needs,
        })
    }

    /// What keeps the data. It is judged before anything exists.
    fn recovery(&mut self, specs: &[RecoverySpec]) -> Vec<RecoveryPlan> {
        let known = BTreeSet::from(recovery::VARIABLES);
        let plan = |(at, spec): (usize, &RecoverySpec)| {
            let path = format!("{}.recovery[{at}]", self.path);
            let when = spec.when.as_ref();
            let when = when.and_then(|when| self.expression(when, &format!("{path}.when"), &known));
            let target = spec.target.clone().map(Value::String);
            let target =
                target.map(|target| self.template(&target, &format!("{path}.target"), &known));
            RecoveryPlan { mechanism: spec.mechanism, rpo_minutes: spec.rpo_minutes, when, target }
        };
        specs.iter().enumerate().map(plan).collect()
    }

    /// A template whose references are checked, but which nothing waits for.
    fn checked(
        &mut self,
        value: &Value,
        field: &str,
        vars: &BTreeMap<String, Needs>,
        templates: &ProviderTemplates,
    ) -> Template {
        let path = format!("{}.{field}", self.path);
        let template = self.template(value, &path, self.known);
        self.needs(&path, &template, &[], vars, templates);
        template
    }

    fn template(&mut self, value: &Value, path: &str, known: &BTreeSet<&str>) -> Template {
        let mut errors = Vec::new();
        let template = Template::compile(value, path, known, &mut self.expressions, &mut errors);
        self.errors.extend(errors.into_iter().map(
            |TemplateError { path, expression, message }| ProductError {
                path,
                expression: Some(expression),
                message,
                problem: Problem::Invalid,
            },
        ));
        template
    }

    /// A field that is one expression, with or without its `${}`.
    fn expression(
        &mut self,
        source: &str,
        path: &str,
        known: &BTreeSet<&str>,
    ) -> Option<Arc<Expression>> {
        let trimmed = source.trim();
        let bare = trimmed.strip_prefix("${").and_then(|s| s.strip_suffix('}')).unwrap_or(trimmed);
        match self.expressions.compile(bare, known) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.errors.push(ProductError {
                    path: path.to_owned(),
                    expression: Some(bare.to_owned()),
                    message: error.to_string(),
                    problem: Problem::Invalid,
                });
                None
            }
        }
    }

    /// What must have been observed, also by way of computed variables. Unknown resources and
    /// variables are errors.
    fn needs(
        &mut self,
        path: &str,
        template: &Template,
        conditions: &[&Expression],
        vars: &BTreeMap<String, Needs>,
        templates: &ProviderTemplates,
    ) -> Needs {
        let mut all = References::default();
        let mut collect = |references: &References| {
            all.observed.extend(references.observed.iter().cloned());
            all.names.extend(references.names.iter().cloned());
            all.vars.extend(references.vars.iter().cloned());
            all.variables.extend(references.variables.iter().cloned());
        };
        template.references(&mut collect);
        conditions.iter().for_each(|condition| collect(&condition.references));

        let resources: Vec<&str> = templates.resources.iter().map(|r| r.name.as_str()).collect();
        for name in
            all.observed.union(&all.names).filter(|name| !resources.contains(&name.as_str()))
        {
            let hint = did_you_mean(name, resources.iter().copied());
            self.error(
                path,
                &format!("refers to the resource {name:?}, which does not exist here{hint}; there are {}", resources.join(", ")),
            );
        }
        let credentials = all.variables.contains("credentials");
        let mut needs = Needs { observed: all.observed, vars: all.vars.clone(), credentials };
        for name in &all.vars {
            match vars.get(name) {
                Some(more) => {
                    needs.observed.extend(more.observed.iter().cloned());
                    needs.vars.extend(more.vars.iter().cloned());
                    needs.credentials |= more.credentials;
                }
                None => {
                    let hint = did_you_mean(name, vars.keys().map(String::as_str));
                    self.error(
                        path,
                        &format!("refers to vars.{name}, which is not defined before it{hint}"),
                    );
                }
            }
        }
        needs
    }

    /// A name can be referred to when it is known by then.
    fn names(
        &mut self,
        path: &str,
        template: &Template,
        earlier: &BTreeSet<&str>,
        templates: &ProviderTemplates,
    ) {
        let mut names = BTreeSet::new();
        template.references(&mut |references| names.extend(references.names.iter().cloned()));
        for name in names {
            let Some(resource) = templates.resources.iter().find(|r| r.name == name) else {
                continue;
            };
            if resource.for_each.is_some() {
                self.error(path, &format!("refers to names[{name:?}], of which there are many: use labels and a selector"));
            } else if resource.immutable && !earlier.contains(name.as_str()) {
                self.error(
                    path,
                    &format!("refers to names[{name:?}], which depends on its content: list that resource before this one"),
                );
            }
        }
    }

    /// Resources that wait for each other would wait for ever.
    fn cycles(&mut self, resources: &[ResourcePlan]) {
        let needs: BTreeMap<&str, &BTreeSet<String>> =
            resources.iter().map(|r| (r.name.as_str(), &r.needs.observed)).collect();
        for resource in resources {
            let mut reached: BTreeSet<&str> = BTreeSet::new();
            let mut frontier: Vec<&str> = vec![resource.name.as_str()];
            while let Some(name) = frontier.pop() {
                for next in needs.get(name).into_iter().flat_map(|n| n.iter()) {
                    if reached.insert(next) {
                        frontier.push(next);
                    }
                }
            }
            if reached.contains(resource.name.as_str()) {
                let path = format!("{}.resources({})", self.path, resource.name);
                self.error(&path, "waits for its own observed state, by itself or through others: it would never be made");
            }
        }
    }

    fn error(&mut self, path: &str, message: &str) {
        self.errors.push(ProductError {
            path: path.to_owned(),
            expression: None,
            message: message.to_owned(),
            problem: Problem::Invalid,
        });
    }
}
