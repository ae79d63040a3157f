//! Placeholder until the generator has run.
use crate::operation::Operation;
/// All rows.
pub static OPERATIONS: &[&Operation] = &[];
