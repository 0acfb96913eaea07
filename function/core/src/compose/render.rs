//! Rendering: a product's templates evaluated for one placement.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use idp_crds::contract::Deletion;
use serde_json::{Map, Value, json};

use super::expression::{EvalError, Expression, Memo, Resolver};
use super::field_mask::FieldMask;
use super::names::{generation, object_name};
use super::object::{self, Labels, resource_key};
use super::plan::{ProviderPlan, ResourcePlan, VARIABLES};
use super::product::Product;
use super::rendering::{Composed, Inputs, Observed, Pending, Rendering};
use super::template::Template;
use super::variables::Variables;
use crate::structs::to_struct;

/// Renders `plan` of `product`.
#[must_use]
pub fn render(
    product: &Product,
    plan: &ProviderPlan,
    inputs: Inputs<'_>,
    observed: &dyn Observed,
) -> Rendering {
    let scope = Variables::new(
        inputs.request,
        inputs.tier,
        inputs.placement,
        inputs.identity,
        inputs.credentials,
    );
    let mut renderer = Renderer {
        product,
        plan,
        inputs,
        observed,
        scope,
        names: Value::Object(Map::new()),
        vars: Value::Object(Map::new()),
        seen: Value::Object(Map::new()),
        failed: BTreeMap::new(),
        memo: Memo::new(plan.slots),
        placement_id: inputs.placement.id(),
        rendering: Rendering::default(),
    };
    renderer.known_names();
    renderer.look(|resource| !resource.immutable);
    renderer.variables();
    for resource in &plan.resources {
        renderer.resource(resource);
    }
    renderer.outcome();
    renderer.rendering
}

struct Renderer<'a> {
    product: &'a Product,
    plan: &'a ProviderPlan,
    inputs: Inputs<'a>,
    observed: &'a dyn Observed,
    scope: Variables,
    /// `names`, `vars` and `observed`, as far as they are known.
    names: Value,
    vars: Value,
    seen: Value,
    /// Variables without a value, and why.
    failed: BTreeMap<&'a str, EvalError>,
    memo: Memo,
    placement_id: String,
    rendering: Rendering,
}

impl<'a> Renderer<'a> {
    fn resolver(&self) -> Resolver<'_> {
        let mut variables: Vec<(&str, &Value)> = Vec::with_capacity(VARIABLES.len());
        variables.extend(self.scope.variables());
        variables.extend([
            ("values", &self.product.values),
            ("names", &self.names),
            ("vars", &self.vars),
            ("observed", &self.seen),
        ]);
        Resolver::new(variables).remembering(&self.memo)
    }

    fn known_names(&mut self) {
        for resource in self.plan.resources.iter().filter(|r| !r.immutable && !r.repeated) {
            let key = resource_key(&self.placement_id, &resource.name, "");
            let name = self.name(&key, &resource.name, "");
            set(&mut self.names, &resource.name, json!(name));
        }
    }

    /// An object that is there keeps its name, whatever it would be called today.
    fn name(&self, key: &str, resource: &str, suffix: &str) -> String {
        let Inputs { identity, placement, .. } = self.inputs;
        self.observed.name(key).map_or_else(
            || object_name(identity, &self.product.name, placement, resource, suffix),
            str::to_owned,
        )
    }

    /// Decodes the observed objects that some expression reads, of the resources that `which`
    /// picks.
    fn look(&mut self, which: impl Fn(&ResourcePlan) -> bool) {
        for resource in self.plan.resources.iter().filter(|r| which(r)) {
            let Some(parts) = self.plan.observed_read.get(&resource.name) else { continue };
            if resource.repeated {
                let all: Vec<Value> = (0..)
                    .map(|index| {
                        self.observed.object(
                            &resource_key(&self.placement_id, &resource.name, &format!("-{index}")),
                            parts,
                        )
                    })
                    .take_while(Option::is_some)
                    .flatten()
                    .collect();
                if !all.is_empty() {
                    set(&mut self.seen, &resource.name, Value::Array(all));
                }
            } else if let Some(object) =
                self.observed.object(&resource_key(&self.placement_id, &resource.name, ""), parts)
            {
                set(&mut self.seen, &resource.name, object);
            }
        }
    }

    /// A variable that cannot be computed yet is left out: what reads it then waits for the same.
    fn variables(&mut self) {
        for (name, template) in &self.plan.variables {
            match template.evaluate(&self.resolver()).map(Value::from) {
                Ok(value) => set(&mut self.vars, name, value),
                Err(error) => {
                    self.failed.insert(name, error);
                }
            }
        }
    }

    fn resource(&mut self, plan: &'a ResourcePlan) {
        if plan.needs.credentials
            && self.inputs.identity.in_cluster()
            && self.inputs.credentials.is_none_or(|credentials| credentials.password.is_none())
        {
            return self.defer(
                plan,
                true,
                "waits for the workload's credentials to be observed".to_owned(),
            );
        }
        match self.try_resource(plan) {
            Ok(()) => {}
            Err(error) => {
                let error = self.cause(plan, &error);
                let missing: Vec<&str> = plan
                    .needs
                    .observed
                    .iter()
                    .filter(|name| !self.is_complete(name))
                    .map(String::as_str)
                    .collect();
                let waiting = !plan.needs.observed.is_empty();
                let reason = match (waiting, missing.is_empty()) {
                    (true, false) => format!("waits for {} to be observed", missing.join(", ")),
                    (true, true) => {
                        let of: Vec<&str> =
                            plan.needs.observed.iter().map(String::as_str).collect();
                        format!("waits for what {} will report: {error}", of.join(", "))
                    }
                    (false, _) => error.to_string(),
                };
                self.defer(plan, waiting, reason);
            }
        }
    }

    /// That a variable is not there says less than why: the first of them that failed.
    fn cause<'e>(&'e self, plan: &ResourcePlan, error: &'e EvalError) -> &'e EvalError {
        let of_a_variable =
            self.failed.keys().any(|name| error.reason == format!("there is no {name:?}"));
        let mut failed =
            self.plan.variables.iter().filter(|(name, _)| plan.needs.vars.contains(name));
        failed
            .find_map(|(name, _)| self.failed.get(name.as_str()))
            .filter(|_| of_a_variable)
            .unwrap_or(error)
    }

    fn is_complete(&self, resource: &str) -> bool {
        self.seen.get(resource).is_some()
    }

    fn defer(&mut self, plan: &ResourcePlan, waiting: bool, reason: String) {
        self.rendering.pending.push(Pending { resource: plan.name.clone(), waiting, reason });
    }

    fn try_resource(&mut self, plan: &'a ResourcePlan) -> Result<(), EvalError> {
        if let Some(condition) = &plan.include_when
            && !truth(condition, &self.resolver())?
        {
            return Ok(());
        }
        let composed = match &plan.for_each {
            None => vec![self.object(plan, None)?],
            Some(list) => {
                let items = items(list, &self.resolver())?;
                items
                    .iter()
                    .enumerate()
                    .map(|(index, each)| self.object(plan, Some((index, each))))
                    .collect::<Result<Vec<_>, _>>()?
            }
        };
        // Only now is it known which of an immutable resource's generations is the present one.
        if plan.immutable {
            if let ([only], false) = (composed.as_slice(), plan.repeated) {
                set(&mut self.names, &plan.name, json!(only.name));
            }
            if let Some(parts) = self.plan.observed_read.get(&plan.name) {
                let all: Vec<Value> = composed
                    .iter()
                    .map(|c| self.observed.object(&c.key, parts).unwrap_or_default())
                    .collect();
                match (plan.repeated, all.into_iter()) {
                    (true, all) if all.clone().any(|o| !o.is_null()) => {
                        set(&mut self.seen, &plan.name, Value::Array(all.collect()))
                    }
                    (false, mut all) => {
                        if let Some(object) = all.next().filter(|o| !o.is_null()) {
                            set(&mut self.seen, &plan.name, object);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.rendering.objects.extend(composed);
        Ok(())
    }

    fn object(
        &self,
        plan: &ResourcePlan,
        each: Option<(usize, &Value)>,
    ) -> Result<Composed, EvalError> {
        let base = self.resolver();
        let index = json!(each.map(|(index, _)| index));
        let resolver = match each {
            Some((_, each)) => base.with("each", each).with("index", &index),
            None => base,
        };
        let rendered = plan.template.evaluate(&resolver)?;
        let Inputs { request, placement, identity, .. } = self.inputs;
        let mut suffix = each.map(|(index, _)| format!("-{index}")).unwrap_or_default();
        if plan.immutable {
            // Crossplane's encoder writes maps in random order, a Product's template among them.
            let mut content = Value::from(rendered.clone());
            content.sort_all_objects();
            suffix.push('-');
            suffix.push_str(&generation(&content.to_string()));
        }
        let key = resource_key(&self.placement_id, &plan.name, &suffix);
        let name = match self.names.get(&plan.name).and_then(Value::as_str) {
            Some(known) if suffix.is_empty() => Cow::Borrowed(known),
            _ => Cow::Owned(self.name(&key, &plan.name, &suffix)),
        };
        let deletion = self.product.spec.stateful.then_some(request.deletion);
        let labels = Labels { request, product: &self.product.name, placement, deletion };
        let object = object::complete_object(
            rendered.into_fields().unwrap_or_default(),
            plan,
            identity,
            labels,
            &name,
        );
        let object = to_struct(&object).map_err(|error| EvalError {
            expression: format!("the template of {}", plan.name),
            reason: error.to_string(),
        })?;
        let ready = match &plan.ready_when {
            None => self.observed.ready(&key),
            Some(condition) => {
                let nothing = FieldMask::default();
                let parts = self.plan.observed_read.get(&plan.name).unwrap_or(&nothing);
                self.observed.object(&key, parts).is_some_and(|itself| {
                    // The object itself, also where there are many of it.
                    let mut seen = self.seen.clone();
                    set(&mut seen, &plan.name, itself);
                    truth(condition, &resolver.with("observed", &seen)).unwrap_or(false)
                })
            }
        };
        Ok(Composed {
            key,
            resource: plan.name.clone(),
            name: name.into_owned(),
            object,
            ready,
            stateful: plan.stateful,
            immutable: plan.immutable,
        })
    }

    fn outcome(&mut self) {
        let resolver = self.resolver();
        let known = |templates: &[(String, Template)]| -> Vec<(String, Value)> {
            templates
                .iter()
                .filter_map(|(key, template)| {
                    Some((key.clone(), template.evaluate(&resolver).ok()?.into()))
                })
                .collect()
        };
        let connection =
            known(&self.plan.connection).into_iter().filter_map(|(key, value)| match value {
                Value::String(text) if !text.is_empty() => Some((key, text)),
                Value::Number(number) => Some((key, number.to_string())),
                _ => None,
            });
        let connection = connection.collect();
        let effective = known(&self.plan.effective).into_iter().collect();
        let notices = self
            .plan
            .notices
            .iter()
            .filter(|notice| truth(&notice.when, &resolver).unwrap_or(false))
            .filter_map(|notice| {
                let message = Value::from(notice.message.evaluate(&resolver).ok()?);
                Some((notice.name.clone(), message.as_str()?.to_owned()))
            })
            .collect();
        let deletion = self.plan.deletion.as_ref();
        let deletion = deletion.and_then(|text| text.evaluate(&resolver).ok()).map(Value::from);
        let deletion = deletion.as_ref().and_then(Value::as_str).and_then(Deletion::named);
        let recovery = self.plan.recovery(&resolver, &self.inputs.placement.region);
        self.rendering.deletion = deletion;
        self.rendering.recovery = recovery;
        self.rendering.connection = connection;
        self.rendering.effective = effective;
        self.rendering.notices = notices;
    }
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn truth(condition: &Expression, resolver: &Resolver<'_>) -> Result<bool, EvalError> {
    match &*condition.evaluate(resolver)? {
        Value::Bool(truth) => Ok(*truth),
        other => Err(EvalError {
            expression: condition.source().to_owned(),
            reason: format!("must be true or false, not {other}"),
        }),
    }
}

fn items(list: &Expression, resolver: &Resolver<'_>) -> Result<Vec<Value>, EvalError> {
    /// The most objects one template makes.
    const MOST: usize = 256;
    match Arc::unwrap_or_clone(list.evaluate(resolver)?) {
        Value::Array(items) if items.len() <= MOST => Ok(items),
        Value::Array(items) => {
            let reason = format!(
                "yields {} items; at most {MOST} objects are made of one template",
                items.len()
            );
            Err(EvalError { expression: list.source().to_owned(), reason })
        }
        other => Err(EvalError {
            expression: list.source().to_owned(),
            reason: format!("must be a list, not {other}"),
        }),
    }
}
