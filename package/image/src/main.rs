//! `idp-image`: a container image of one static binary and the certificate authorities it trusts, as a tarball that
//! `docker load`, `skopeo` and `crossplane xpkg build --embed-runtime-image-tarball` read. No Docker is needed, and the same
//! input gives the same bytes: fixed times, owners and order.

mod archive;
mod image;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Make a container image of a static binary.
#[derive(Debug, Parser)]
#[command(name = "idp-image", version)]
struct Args {
    /// The static binary.
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    /// The certificate authorities to trust, PEM.
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/certs/ca-certificates.crt")]
    certificates: PathBuf,
    /// The machine it runs on.
    #[arg(long, default_value = "amd64", value_parser = ["amd64", "arm64"])]
    architecture: String,
    /// The image's name and tag.
    #[arg(long, value_name = "NAME:TAG")]
    tag: String,
    /// Arguments that the binary is always started with, such as `serve`.
    #[arg(long = "arg", value_name = "ARG")]
    arguments: Vec<String>,
    /// Where to write the tarball.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

fn main() -> ExitCode {
    let Args { binary, certificates, architecture, tag, arguments, output } = Args::parse();
    let made = image::Image::new(&binary, &certificates, &architecture, &arguments).and_then(|image| image.write(&tag, &output));
    match made {
        Ok(digest) => {
            println!("{digest}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
