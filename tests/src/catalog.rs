//! The default catalog, as typed objects read from `package/catalog/`.

use std::fs;
use std::path::{Path, PathBuf};

use idp_crds::{Candidate, CloudProvider, FeatureFlag, Product, Tier};
use serde::de::DeserializeOwned;

/// A folder of the repository.
pub fn repository(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder)
}

/// The objects of a YAML file, one or more documents.
pub fn read_yaml<T: DeserializeOwned>(file: &Path) -> Vec<T> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The candidates.
pub fn candidates() -> Vec<Candidate> {
    read_yaml(&repository("package/catalog").join("candidates.yaml"))
}

/// The tiers.
pub fn tiers() -> Vec<Tier> {
    read_yaml(&repository("package/catalog").join("tiers.yaml"))
}

/// The clouds.
pub fn providers() -> Vec<CloudProvider> {
    read_yaml(&repository("package/catalog").join("providers.yaml"))
}

/// The feature flags.
pub fn feature_flags() -> Vec<FeatureFlag> {
    read_yaml(&repository("package/catalog").join("feature-flags.yaml"))
}

/// One of the products.
pub fn product(name: &str) -> Product {
    let file = repository("package/catalog/products").join(format!("{name}.yaml"));
    read_yaml(&file).remove(0)
}

/// The products' names, from their files.
pub fn product_names() -> Vec<String> {
    let files = fs::read_dir(repository("package/catalog/products"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .map(|file| file.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A tier's name as claims write it.
pub fn tier_name(tier: &Tier) -> String {
    tier.metadata.name.as_deref().unwrap().replace('-', "_")
}
