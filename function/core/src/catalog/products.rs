//! Products: compiled, and each kind given to one of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use idp_crds::ProductSpec;

use super::{Named, Rejected};
use crate::compose::product::Product;

/// Compiles a Product.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile(product: &Named<ProductSpec>) -> Result<Product, Rejected> {
    let mut compiled =
        Product::compile(&product.name, product.spec.clone()).map_err(|errors| Rejected {
            kind: "Product",
            name: product.name.clone(),
            errors: errors.iter().map(ToString::to_string).collect(),
        })?;
    compiled.created.clone_from(&product.created);
    Ok(compiled)
}

/// A kind belongs to the oldest Product that names it: one that comes later, whatever its name,
/// takes no workload over.
pub(super) fn one_per_kind(
    mut products: Vec<Arc<Product>>,
    rejected: &mut Vec<Rejected>,
) -> Vec<Arc<Product>> {
    let mut by_age = products.clone();
    by_age.sort_by(|a, b| (&a.created, &a.name).cmp(&(&b.created, &b.name)));
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for product in &by_age {
        let api = &product.spec.api;
        let errors: Vec<String> = api
            .kinds()
            .into_iter()
            .filter_map(|(field, kind)| {
                Some((field, kind, owners.get(&(api.group.as_str(), kind))?))
            })
            .map(|(field, kind, owner)| {
                format!(
                    "spec.api.{field}: {kind:?} in {} belongs to the Product {owner:?} already",
                    api.group
                )
            })
            .collect();
        if errors.is_empty() {
            owners.extend(
                api.kinds().map(|(_, kind)| ((api.group.as_str(), kind), product.name.as_str())),
            );
        } else {
            rejected.push(Rejected { kind: "Product", name: product.name.clone(), errors });
            products.retain(|kept| kept.name != product.name);
        }
    }
    products
}
