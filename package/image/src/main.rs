//! `idp-image`: a container image of one static binary and the certificate authorities it trusts,
//! as a tarball that `docker load`, `skopeo`, `crane` and `crossplane xpkg build
//! --embed-runtime-image-tarball` read. No Docker is needed, and the same binary gives the same
//! bytes: fixed times, owners and order.

mod archive;
mod image;
mod layout;
mod program;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use image::Image;
use program::{Architecture, Program};

/// Make a container image of a static binary.
#[derive(Debug, Parser)]
#[command(name = "idp-image", version)]
struct Args {
    /// The static binary; the image has it at its root.
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    /// The machine it runs on.
    #[arg(long, value_enum, default_value_t = Architecture::Amd64)]
    architecture: Architecture,
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
    match make(&Args::parse()) {
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

fn make(args: &Args) -> Result<String, Box<dyn Error>> {
    let program = Program::read(&args.binary, args.architecture)?;
    let image = Image::new(&program, &args.arguments)?;
    Ok(layout::write(&image, &args.tag, &args.output)?)
}
