//! Lets the linker know what a Node addon needs.

fn main() {
    // Set by `tools/node-asan`.
    println!("cargo::rustc-check-cfg=cfg(orgconnect_sanitized)");
    napi_build::setup();
}
