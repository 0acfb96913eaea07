//! `idp generate`: what a cluster or a laptop needs, from products.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{CliError, catalog};
use crate::generate::{ApiKind, Runtime, Site, backstage, composition, function, to_yaml, xrd};
use idp_core::catalog::{Catalog, embedded_files};
use idp_core::compose::product::Product;

/// Print what a cluster or a laptop needs: definitions, compositions, the function, the default
/// catalog; write what a developer portal needs.
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
    /// For Backstage: per product a software template, by whose form developers ask for it, and an entity of
    /// the catalog.
    Backstage(BackstageArgs),
}

#[derive(Debug, Args)]
struct BackstageArgs {
    /// Products by name; all when none is given.
    #[arg(value_name = "PRODUCT")]
    products: Vec<String>,
    /// A folder with the catalog that has them, instead of the built-in one.
    #[arg(long, value_name = "DIR", env = "IDP_CATALOG")]
    catalog: Option<PathBuf>,
    /// Where to write a folder for each.
    #[arg(long, value_name = "DIR")]
    output_dir: PathBuf,
    /// Who owns templates and products in Backstage.
    #[arg(long, value_name = "ENTITY", default_value = "group:default/platform")]
    owner: String,
    /// The scaffolder action that proposes the claim to the repository that the cluster is kept by.
    #[arg(long, value_name = "ACTION", default_value = "publish:github:pull-request")]
    publish: String,
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
        What::Backstage(args) => return args.write(),
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

fn failed(path: &Path, error: &std::io::Error) -> CliError {
    CliError::Input(format!("cannot write {}: {error}", path.display()))
}

/// Writes a file, and the folders that it is in.
fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    }
    std::fs::write(path, text).map_err(|error| failed(path, &error))
}

fn write_crds(folder: &Path) -> Result<(), CliError> {
    for crd in crds()? {
        let name = crd
            .pointer("/spec/names/plural")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let path = folder.join(format!("{name}.yaml"));
        write_file(&path, &to_yaml(&[crd])?)?;
    }
    Ok(())
}

/// The products of a catalog that are asked for by name; all when none is.
fn wanted<'c>(catalog: &'c Catalog, names: &[String]) -> Result<Vec<&'c Arc<Product>>, CliError> {
    let known: Vec<&str> = catalog.products().iter().map(|p| p.name.as_str()).collect();
    let wrong: Vec<String> = names
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
        let known = known.join(", ");
        return Err(CliError::Input(format!("{}; there are {known}", wrong.join("; "))));
    }
    let all = catalog.products().iter();
    Ok(all.filter(|product| names.is_empty() || names.contains(&product.name)).collect())
}

impl BackstageArgs {
    fn write(self) -> Result<(), CliError> {
        let catalog = catalog::load(self.catalog.as_deref())?;
        let tiers: Vec<&str> = catalog.scheduler().tier_names().collect();
        let site = Site { owner: self.owner, publish: self.publish };
        for product in wanted(&catalog, &self.products)? {
            for file in backstage(product, &tiers, &site)? {
                write_file(&self.output_dir.join(&file.path), &file.text)?;
            }
        }
        Ok(())
    }
}

impl ProductArgs {
    fn generate(&self, make: impl Fn(&Product, ApiKind) -> Value) -> Result<Vec<Value>, CliError> {
        let catalog = catalog::load(self.catalog.as_deref())?;
        let styles: &[ApiKind] = match self.style {
            Styles::Claim => &[ApiKind::Claim],
            Styles::Namespaced => &[ApiKind::Namespaced],
            Styles::Both => &[ApiKind::Claim, ApiKind::Namespaced],
        };
        Ok(wanted(&catalog, &self.products)?
            .into_iter()
            .flat_map(|product| {
                styles.iter().map(|style| make(product, *style)).collect::<Vec<_>>()
            })
            .collect())
    }
}
