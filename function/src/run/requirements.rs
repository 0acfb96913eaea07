//! What the function needs to see: the configuration objects, asked for in both of the protocol's
//! generations.

use std::collections::BTreeMap;

use idp_crds::kinds::KINDS;
use idp_crds::names::{API_VERSION, CATALOG, CATALOG_VALUE};

use super::input::Input;
use crate::wire::v1;
use crate::wire::v1::resource_selector::Match;

/// The requirements, the same on every call.
pub(super) fn requirements(input: &Input, meta: Option<&v1::RequestMeta>) -> v1::Requirements {
    let selectors: BTreeMap<String, v1::ResourceSelector> = KINDS
        .iter()
        .map(|kind| (kind.requirement.to_owned(), selector(kind.name, input)))
        .collect();
    // Crossplane 2.2 and later say what they can do. Older ones say nothing, and 1.x knows only
    // `extra_resources`.
    let says_what_it_can = meta.is_some_and(|meta| !meta.capabilities.is_empty());
    v1::Requirements {
        extra_resources: if says_what_it_can { BTreeMap::new() } else { selectors.clone() },
        resources: selectors,
        ..v1::Requirements::default()
    }
}

fn selector(kind: &str, input: &Input) -> v1::ResourceSelector {
    let by_label = || {
        let labels = [(CATALOG.to_owned(), CATALOG_VALUE.to_owned())].into_iter().collect();
        Match::MatchLabels(v1::MatchLabels { labels })
    };
    let by = match &input.product {
        Some(product) if kind == "Product" => Match::MatchName(product.clone()),
        _ => by_label(),
    };
    v1::ResourceSelector {
        api_version: API_VERSION.to_owned(),
        kind: kind.to_owned(),
        r#match: Some(by),
        namespace: None,
    }
}

/// What has arrived, by name; none while something has not.
pub(super) fn arrived(
    request: &v1::RunFunctionRequest,
) -> Option<Vec<(&'static str, &[v1::Resource])>> {
    let find = |name: &str| {
        request.required_resources.get(name).or_else(|| request.extra_resources.get(name))
    };
    KINDS.iter().map(|kind| Some((kind.name, find(kind.requirement)?.items.as_slice()))).collect()
}
