//! Writes the Swift, header and module map that talk to the library. `tools/bindings` runs it.

fn main() {
    uniffi::uniffi_bindgen_swift();
}
