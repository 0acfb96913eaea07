//! The image as one tarball: an OCI image layout that is also what `docker save` writes, so that
//! every tool reads it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use oci_spec::image::{
    ANNOTATION_REF_NAME, ImageIndexBuilder, OciLayoutBuilder, Os, PlatformBuilder,
};
use serde_json::json;

use crate::archive::Archive;
use crate::image::{Blob, Image, ImageError};

/// Writes the tarball; returns the digest of the manifest, which stands for all of it.
pub(crate) fn write(image: &Image, tag: &str, output: &Path) -> Result<String, ImageError> {
    let platform = PlatformBuilder::default()
        .architecture(image.architecture.clone())
        .os(Os::Linux)
        .build()?;
    let manifest = image
        .manifest
        .descriptor()?
        .platform(platform)
        .annotations([(ANNOTATION_REF_NAME.to_owned(), tag.to_owned())])
        .build()?;
    let digest = manifest.digest().to_string();
    let index =
        ImageIndexBuilder::default().schema_version(2_u32).manifests(vec![manifest]).build()?;
    let version = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
    let docker =
        json!([{"Config": path(&image.config), "RepoTags": [tag], "Layers": [path(&image.layer)]}]);

    let mut archive = Archive::new(BufWriter::new(File::create(output)?));
    archive.file("oci-layout", 0o444, &serde_json::to_vec(&version)?)?;
    archive.file("index.json", 0o444, &serde_json::to_vec(&index)?)?;
    archive.file("manifest.json", 0o444, &serde_json::to_vec(&docker)?)?;
    for folder in ["blobs/", "blobs/sha256/"] {
        archive.folder(folder)?;
    }
    for blob in [&image.config, &image.manifest, &image.layer] {
        archive.file(&path(blob), 0o444, &blob.bytes)?;
    }
    archive.finish()?.flush()?;
    Ok(digest)
}

fn path(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.sum())
}
