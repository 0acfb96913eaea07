//! Says which commit a program is of. Only a build that is given away names one (`IDP_COMMIT`): to ask Git
//! here would build everything anew after each commit.

fn main() {
    println!("cargo:rerun-if-env-changed=IDP_COMMIT");
    let of = std::env::var("IDP_COMMIT")
        .map_or_else(|_| "built from a checkout".to_owned(), |commit| format!("commit {commit}"));
    println!("cargo:rustc-env=IDP_VERSION={} ({of})", env!("CARGO_PKG_VERSION"));
}
