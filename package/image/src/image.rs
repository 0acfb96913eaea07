//! The image: one layer, its configuration, and the manifest that `docker save` would write.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use oci_spec::OciSpecError;
use oci_spec::image::{ConfigBuilder, ImageConfigurationBuilder, RootFsBuilder};
use serde_json::json;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::archive::Archive;

/// Whom the process runs as, as Crossplane's runtime expects: not root, no name needed.
const USER: &str = "2000:2000";

/// Why there is no image.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not a static ELF binary: it asks for an interpreter, which the image does not have; build with -C target-feature=+crt-static", path.display())]
    NotStatic { path: PathBuf },
    #[error("cannot write the image: {0}")]
    Write(#[from] io::Error),
    #[error("cannot describe the image: {0}")]
    Describe(#[from] OciSpecError),
    #[error("cannot describe the image: {0}")]
    Json(#[from] serde_json::Error),
}

/// A container image in memory.
pub(crate) struct Image {
    layer: Vec<u8>,
    config: Vec<u8>,
}

impl Image {
    pub(crate) fn new(binary: &Path, certificates: &Path, architecture: &str, arguments: &[String]) -> Result<Self, ImageError> {
        let read = |path: &Path| fs::read(path).map_err(|source| ImageError::Read { path: path.to_owned(), source });
        let program = read(binary)?;
        if asks_for_interpreter(&program) {
            return Err(ImageError::NotStatic { path: binary.to_owned() });
        }
        let name = binary.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| "idp".to_owned());
        let mut archive = Archive::new(Vec::new());
        for folder in ["etc/", "etc/ssl/", "etc/ssl/certs/"] {
            archive.folder(folder)?;
        }
        archive.file("etc/ssl/certs/ca-certificates.crt", 0o444, &read(certificates)?)?;
        archive.file(&name, 0o555, &program)?;
        let plain = archive.finish()?;

        // No name, no time: the header would differ from build to build.
        let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        compressed.write_all(&plain)?;
        let layer = compressed.finish()?;

        let entrypoint = std::iter::once(format!("/{name}")).chain(arguments.iter().cloned()).collect::<Vec<_>>();
        let process = ConfigBuilder::default()
            .user(USER)
            .entrypoint(entrypoint)
            .working_dir("/")
            .env(vec!["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned()])
            .build()?;
        let files = RootFsBuilder::default().typ("layers").diff_ids(vec![digest(&plain)]).build()?;
        let config = ImageConfigurationBuilder::default()
            .architecture(architecture)
            .os("linux")
            .config(process)
            .rootfs(files)
            .history(Vec::new())
            .build()?;
        Ok(Image { layer, config: serde_json::to_vec(&config)? })
    }

    /// Writes the tarball; returns the digest of the image's configuration, which stands for all of it.
    pub(crate) fn write(&self, tag: &str, output: &Path) -> Result<String, ImageError> {
        let (config, layer) = (digest(&self.config), digest(&self.layer));
        let (config_name, layer_name) = (config.clone(), format!("{}.tar.gz", layer.trim_start_matches("sha256:")));
        let manifest = json!([{"Config": config_name, "RepoTags": [tag], "Layers": [layer_name]}]);
        let mut archive = Archive::new(BufWriter::new(File::create(output)?));
        archive.file(&config_name, 0o444, &self.config)?;
        archive.file(&layer_name, 0o444, &self.layer)?;
        archive.file("manifest.json", 0o444, manifest.to_string().as_bytes())?;
        archive.finish()?.flush()?;
        Ok(config)
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether an ELF program has a PT_INTERP header: whether it is linked dynamically.
fn asks_for_interpreter(program: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = program.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    // 64-bit little-endian ELF: e_phoff at 32, e_phentsize at 54, e_phnum at 56; p_type is each header's first word.
    let headers = (number(32, 8), number(54, 2), number(56, 2));
    let (Some(offset), Some(size), Some(count)) = headers else { return false };
    (0..count).any(|i| {
        let at = usize::try_from(offset + i * size).unwrap_or(usize::MAX);
        number(at, 4) == Some(u64::from(PT_INTERP))
    })
}
