//! Tasks of this repository, as a library so that they can be tested.
//!
//! [`generate`](generate::generate) goes in four steps: [`description`] reads `api/` and refuses what `api/README.md` doesn't
//! have; [`model`] says what it means for a facade; each [`language`] spells that in templates and has its formatter lay it
//! out; and what differs is written. No step knows the name of any operation.
//!
//! To add a language: write a module below `language` that implements [`language::Language`] (how it spells names, types and
//! examples, as filters), its templates in `templates/<language>/`, and add it to [`language::all`].
#![forbid(unsafe_code)]

pub mod description;
pub mod generate;
pub mod language;
pub mod model;
pub mod refusal;
pub mod yaml;
