//! The image: one layer, its configuration, and the manifest that names both.

use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};
use oci_spec::OciSpecError;
use oci_spec::image::{
    Arch, ConfigBuilder, DescriptorBuilder, ImageConfigurationBuilder, ImageManifestBuilder,
    MediaType, Os, RootFsBuilder, Sha256Digest,
};
use pem::{EncodeConfig, LineEnding, Pem};
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::archive::Archive;
use crate::program::{Architecture, Program};

/// Whom the process runs as, as Crossplane's runtime expects: not root, no name needed.
const USER: &str = "2000:2000";
/// Where programs look for the certificate authorities to trust.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Why there is no image.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error("cannot write the image: {0}")]
    Write(#[from] io::Error),
    #[error("cannot describe the image: {0}")]
    Describe(#[from] OciSpecError),
    #[error("cannot describe the image: {0}")]
    Json(#[from] serde_json::Error),
}

/// Some bytes, known by their digest.
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    kind: MediaType,
}

impl Blob {
    fn new(kind: MediaType, bytes: Vec<u8>) -> Self {
        Blob { bytes, kind }
    }

    /// The SHA-256 sum, in hexadecimal.
    pub(crate) fn sum(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    pub(crate) fn descriptor(&self) -> Result<DescriptorBuilder, OciSpecError> {
        let digest: Sha256Digest = self.sum().parse()?;
        Ok(DescriptorBuilder::default()
            .media_type(self.kind.clone())
            .digest(digest)
            .size(self.bytes.len() as u64))
    }
}

/// A container image in memory.
pub(crate) struct Image {
    pub(crate) layer: Blob,
    pub(crate) config: Blob,
    pub(crate) manifest: Blob,
    pub(crate) architecture: Arch,
}

impl Image {
    /// The image of `program`, always started with `arguments`.
    pub(crate) fn new(program: &Program, arguments: &[String]) -> Result<Self, ImageError> {
        let files = files(program)?;
        let layer = Blob::new(MediaType::ImageLayerGzip, compress(&files)?);
        let architecture = match program.architecture {
            Architecture::Amd64 => Arch::Amd64,
            Architecture::Arm64 => Arch::ARM64,
        };
        let entrypoint = std::iter::once(format!("/{}", program.name))
            .chain(arguments.iter().cloned())
            .collect::<Vec<_>>();
        let process = ConfigBuilder::default()
            .user(USER)
            .entrypoint(entrypoint)
            .working_dir("/")
            .env(vec![format!("SSL_CERT_FILE=/{CERTIFICATES}")])
            .build()?;
        let diff_id = format!("sha256:{}", hex::encode(Sha256::digest(&files)));
        let config = ImageConfigurationBuilder::default()
            .architecture(architecture.clone())
            .os(Os::Linux)
            .config(process)
            .rootfs(RootFsBuilder::default().typ("layers").diff_ids(vec![diff_id]).build()?)
            .history(Vec::new())
            .build()?;
        let config = Blob::new(MediaType::ImageConfig, serde_json::to_vec(&config)?);
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(config.descriptor()?.build()?)
            .layers(vec![layer.descriptor()?.build()?])
            .build()?;
        let manifest = Blob::new(MediaType::ImageManifest, serde_json::to_vec(&manifest)?);
        Ok(Image { layer, config, manifest, architecture })
    }
}

/// All that the image holds: the program, and the authorities that Mozilla trusts.
fn files(program: &Program) -> io::Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    for folder in ["etc/", "etc/ssl/", "etc/ssl/certs/"] {
        archive.folder(folder)?;
    }
    archive.file(CERTIFICATES, 0o444, certificates().as_bytes())?;
    archive.file(&program.name, 0o555, &program.bytes)?;
    archive.finish()
}

/// From a crate and not from this machine, so that the lock file says which they are.
fn certificates() -> String {
    let encoding = EncodeConfig::new().set_line_ending(LineEnding::LF);
    TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|root| pem::encode_config(&Pem::new("CERTIFICATE", root.as_ref()), encoding))
        .collect()
}

fn compress(plain: &[u8]) -> io::Result<Vec<u8>> {
    // No name, no time: the header would differ from build to build.
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    encoder.write_all(plain)?;
    encoder.finish()
}
