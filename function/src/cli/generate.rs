//! `idp generate`: what a cluster or a laptop needs, from products.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{CliError, catalog};
use crate::generate::{ApiKind, Runtime, composition, function, to_yaml, xrd};
use idp_core::catalog::embedded_files;

/// Print what a cluster or a laptop needs: definitions, compositions, the function, the default
/// catalog.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The CustomResourceDefinitions of the configuration kinds.
    Crds {
        /// Write one file per definition into this folder instead of printing.
        #[arg(long, value_name = "DIR")]
        output_dir: Option<PathBuf>,
    },
    /// The CompositeResourceDefinitions of products.
    Xrd(ProductArgs),
    /// The Compositions of products.
    Composition {
        #[command(flatten)]
        products: ProductArgs,
        /// The Crossplane line it is for: 1.20 knows no bootstrap requirements.
        #[arg(long, value_enum, default_value_t = Crossplane::V2)]
        crossplane: Crossplane,
    },
    /// The Function that Compositions refer to.
    Function {
        /// The package to install it from.
        #[arg(
            long,
            value_name = "REF",
            required_unless_present = "development",
            conflicts_with = "development"
        )]
        package: Option<String>,
        /// For `crossplane render`: a function started by hand (`idp serve --insecure`) at this
        /// address.
        #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "localhost:9443")]
        development: Option<String>,
    },
    /// The default catalog: Candidates, Tiers, CloudProviders, Products.
    Catalog,
}

#[derive(Debug, Args)]
struct ProductArgs {
    /// Products by name; all when none is given.
    #[arg(value_name = "PRODUCT")]
    products: Vec<String>,
    /// A folder with the catalog that has them, instead of the built-in one.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
    /// For claims (with cluster-scoped composites), for namespaced composites (Crossplane 2.x), or
    /// both.
    #[arg(long, value_enum, default_value_t = Styles::Claim)]
    style: Styles,
}

/// The kinds of composite resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Styles {
    Claim,
    Namespaced,
    Both,
}

/// The lines of Crossplane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Crossplane {
    /// 1.20
    #[value(name = "1.20")]
    V1,
    /// 2.x
    #[value(name = "2")]
    V2,
}

pub(super) fn run(args: GenerateArgs, out: &mut impl Write) -> Result<(), CliError> {
    let documents = match args.what {
        What::Crds { output_dir: Some(folder) } => return write_crds(&folder),
        What::Crds { output_dir: None } => crds()?,
        What::Xrd(products) => products.generate(xrd)?,
        What::Composition { products, crossplane } => products
            .generate(|product, style| composition(product, style, crossplane == Crossplane::V2))?,
        What::Function { package, development } => {
            let runtime = match (package, development) {
                (Some(package), _) => Runtime::Package(package),
                (None, target) => Runtime::Development(target.unwrap_or_default()),
            };
            vec![function(&runtime)]
        }
        What::Catalog => {
            for (path, text) in embedded_files() {
                write!(out, "---\n# {path}\n{}", text.trim_start_matches("---\n"))?;
            }
            return Ok(out.flush()?);
        }
    };
    out.write_all(to_yaml(&documents)?.as_bytes())?;
    Ok(out.flush()?)
}

fn crds() -> Result<Vec<Value>, CliError> {
    Ok(idp_crds::kinds::definitions().iter().map(serde_json::to_value).collect::<Result<_, _>>()?)
}

fn write_crds(folder: &std::path::Path) -> Result<(), CliError> {
    let failed = |path: &std::path::Path, error: std::io::Error| {
        CliError::Input(format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for crd in crds()? {
        let name = crd
            .pointer("/spec/names/plural")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let path = folder.join(format!("{name}.yaml"));
        std::fs::write(&path, to_yaml(&[crd])?).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

impl ProductArgs {
    fn generate(
        &self,
        make: impl Fn(&idp_core::compose::product::Product, ApiKind) -> Value,
    ) -> Result<Vec<Value>, CliError> {
        let catalog = catalog::load(self.catalog.as_deref())?;
        let known: Vec<&str> = catalog.products().iter().map(|p| p.name.as_str()).collect();
        let wrong: Vec<String> = self
            .products
            .iter()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| {
                format!(
                    "there is no product {name:?}{}",
                    idp_crds::contract::did_you_mean(name, known.iter().copied())
                )
            })
            .collect();
        if !wrong.is_empty() {
            return Err(CliError::Input(format!(
                "{}; there are {}",
                wrong.join("; "),
                known.join(", ")
            )));
        }
        let styles: &[ApiKind] = match self.style {
            Styles::Claim => &[ApiKind::Claim],
            Styles::Namespaced => &[ApiKind::Namespaced],
            Styles::Both => &[ApiKind::Claim, ApiKind::Namespaced],
        };
        let wanted = catalog
            .products()
            .iter()
            .filter(|p| self.products.is_empty() || self.products.contains(&p.name));
        Ok(wanted
            .flat_map(|product| {
                styles.iter().map(|style| make(product, *style)).collect::<Vec<_>>()
            })
            .collect())
    }
}
