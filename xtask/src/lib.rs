//! Tasks of this repository, as a library so that they can be tested.
#![forbid(unsafe_code)]

pub mod description;
pub mod generate;
pub mod language;
pub mod model;
pub mod refusal;
pub mod yaml;
