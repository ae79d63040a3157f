//! The pages in a real browser: headless Chromium, driven by `chromedriver`.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod authorization;
mod chromium;
#[path = "../common/mod.rs"]
mod common;
mod dashboard;
mod every_page;
mod listener;
