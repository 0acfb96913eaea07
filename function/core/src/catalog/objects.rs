//! Configuration objects as they are read: from YAML, or from what Crossplane and the API server
//! hand over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use idp_crds::cloud_provider::CloudProviderStatus;
use idp_crds::contract::{FieldError, listed};
use idp_crds::kinds::KINDS;
use idp_crds::names::API_VERSION;
use idp_crds::validate::Validate as _;
use idp_crds::{
    CandidateSpec, CloudProviderSpec, ExperimentSpec, FeatureFlagSpec, ProductSpec, TierSpec,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// Makes [`Objects`] of a list for each configuration kind, and puts an object into its kind's.
macro_rules! objects {
    ($($(#[$doc:meta])* $list:ident: $kind:literal => $spec:ty,)+) => {
        /// Configuration objects by kind.
        #[derive(Debug, Clone, Default)]
        pub struct Objects {
            $($(#[$doc])* pub $list: Vec<Named<$spec>>,)+
            /// What the circuit breakers have seen, by provider.
            pub statuses: BTreeMap<String, CloudProviderStatus>,
        }

        impl Objects {
            fn put(&mut self, kind: &str, metadata: Metadata, spec: Value) -> Result<(), String> {
                match kind {
                    $($kind => self.$list.push(named(metadata, spec)?),)+
                    _ => return Err(no_such_kind()),
                }
                Ok(())
            }

            /// Everything that the objects' own fields say is wrong, whatever their kind.
            #[must_use]
            pub fn errors(&self) -> Vec<FieldError> {
                let mut errors = Vec::new();
                $(errors.extend(self.$list.iter().flat_map(|object| object.spec.errors()));)+
                errors
            }

            #[cfg(test)]
            const LISTS: &[&str] = &[$($kind),+];
        }
    };
}

objects! {
    /// Candidates.
    candidates: "Candidate" => CandidateSpec,
    /// Tiers.
    tiers: "Tier" => TierSpec,
    /// Providers.
    providers: "CloudProvider" => CloudProviderSpec,
    /// Products.
    products: "Product" => ProductSpec,
    /// Experiments.
    experiments: "Experiment" => ExperimentSpec,
    /// Feature flags.
    flags: "FeatureFlag" => FeatureFlagSpec,
}

/// An object's name and spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T> {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.creationTimestamp` as RFC 3339 in UTC, which sorts as text; empty where there is
    /// none.
    pub created: String,
    /// `spec`.
    pub spec: T,
}

/// Configuration that cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file or folder cannot be opened.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without any YAML file.
    #[error("{} holds no .yaml file: a catalog is Candidates, Tiers, CloudProviders and Products as YAML; `idp generate catalog` prints the default one", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A file that is no YAML.
    #[error("{origin}: {message}")]
    Yaml {
        /// Which file.
        origin: String,
        /// What is wrong, and where.
        message: String,
    },
    /// An object that is none of the configuration kinds, or does not have its shape.
    #[error("{origin}: {kind} {name}: {message}")]
    Object {
        /// Which file.
        origin: String,
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// What is wrong.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a Kubernetes object")]
struct Envelope {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    creation_timestamp: Option<String>,
}

impl Objects {
    /// Reads every `.yaml` and `.yml` file below `folder`, in order of path.
    ///
    /// # Errors
    /// Everything that cannot be read.
    pub fn from_folder(folder: &Path) -> Result<Objects, Vec<ReadError>> {
        let mut files = Vec::new();
        yaml_files(folder, &mut files).map_err(|error| vec![error])?;
        files.sort();
        if files.is_empty() {
            return Err(vec![ReadError::Empty { path: folder.to_owned() }]);
        }
        let mut objects = Objects::default();
        let mut errors = Vec::new();
        for path in files {
            match std::fs::read_to_string(&path) {
                Ok(text) => objects.add_yaml(&path.display().to_string(), &text, &mut errors),
                Err(source) => errors.push(ReadError::Io { path, source }),
            }
        }
        if errors.is_empty() { Ok(objects) } else { Err(errors) }
    }

    /// Adds the documents of a YAML text. `origin` names it in errors.
    pub fn add_yaml(&mut self, origin: &str, text: &str, errors: &mut Vec<ReadError>) {
        match serde_saphyr::from_multiple::<Option<Value>>(text) {
            Ok(documents) => {
                for document in documents.into_iter().flatten() {
                    if let Err(error) = self.add(origin, document) {
                        errors.push(error);
                    }
                }
            }
            Err(error) => errors
                .push(ReadError::Yaml { origin: origin.to_owned(), message: error.to_string() }),
        }
    }

    /// Adds one object.
    ///
    /// # Errors
    /// When it is none of the configuration kinds, or does not have its shape.
    pub fn add(&mut self, origin: &str, object: Value) -> Result<(), ReadError> {
        let wrong = |kind: &str, name: &str, message: String| ReadError::Object {
            origin: origin.to_owned(),
            kind: if kind.is_empty() { "object".to_owned() } else { kind.to_owned() },
            name: if name.is_empty() { "without a name".to_owned() } else { name.to_owned() },
            message,
        };
        let envelope: Envelope =
            serde_json::from_value(object).map_err(|e| wrong("", "", e.to_string()))?;
        let Envelope { api_version, kind, metadata, spec, status } = envelope;
        if api_version != API_VERSION {
            return Err(wrong(
                &kind,
                &metadata.name,
                format!("apiVersion must be {API_VERSION}, not {api_version:?}"),
            ));
        }
        if metadata.name.is_empty() {
            return Err(wrong(&kind, "", "metadata.name is required".to_owned()));
        }
        let name = metadata.name.clone();
        let fail = |message: String| wrong(&kind, &name, message);
        self.put(&kind, metadata, spec).map_err(fail)?;
        if let (Some(status), "CloudProvider") = (status, kind.as_str()) {
            let status =
                serde_json::from_value(status).map_err(|e| fail(format!("status: {e}")))?;
            self.statuses.insert(name, status);
        }
        Ok(())
    }
}

fn named<T: DeserializeOwned>(metadata: Metadata, spec: Value) -> Result<Named<T>, String> {
    let spec = serde_json::from_value(spec).map_err(|error| format!("spec: {error}"))?;
    let Metadata { name, creation_timestamp } = metadata;
    Ok(Named { name, created: creation_timestamp.unwrap_or_default(), spec })
}

fn no_such_kind() -> String {
    let kinds = listed(KINDS.iter().map(|kind| kind.name), "and");
    format!("is not a configuration kind: they are {kinds}")
}

fn yaml_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    let error = |source| ReadError::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            yaml_files(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_table_has_its_list() {
        let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert_eq!(Objects::LISTS, kinds);
    }
}
