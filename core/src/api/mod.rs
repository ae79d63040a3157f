//! The operations of Cronofy's API.
mod operations;
pub use operations::OPERATIONS;
