//! Lets the linker know what a Node addon needs.

fn main() {
    napi_build::setup();
}
