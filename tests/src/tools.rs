//! Programs that some tests need and not every machine has: what `tests/cluster/build` made.

use std::path::{Path, PathBuf};

use crate::absent::not_tested_unless;

/// A program's path; none where it has not been built, said on standard error. With `IDP_CLUSTER`
/// set, which asks for everything, its absence is a failure.
pub fn find(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("IDP_TOOLS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/.cache/bin"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    let what =
        format!("with {name}: {} is not there; run tests/cluster/build {name}", path.display());
    not_tested_unless(&what, "IDP_CLUSTER");
    None
}
