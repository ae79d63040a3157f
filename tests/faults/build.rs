//! Compiles the shim that workers are started with where a row wants single system calls of a store to fail.

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=shim/shim.c");
    let library = PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("liborgconnect_fault_shim.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .args(["shim/shim.c", "-ldl"])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the shim needs a C compiler named cc");
    println!("cargo:rustc-env=ORGCONNECT_FAULT_SHIM={}", library.display());
}
