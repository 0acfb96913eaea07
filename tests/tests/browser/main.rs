//! The console in a real browser: headless Chromium, driven by WebDriver.
//!
//! Where there is no Chromium, or no axe-core (`npm ci --prefix tests/browser --ignore-scripts`), nothing is tested
//! and that is said; with `CI=true` it fails. Screenshots are left in `target/screenshots`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod accessibility;
mod browser;
mod use_of_it;
