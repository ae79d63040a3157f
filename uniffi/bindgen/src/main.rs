//! Writes the Kotlin and Swift that talk to the library. `tools/bindings` runs it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
