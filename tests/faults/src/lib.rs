//! What the fault suite is made of, for its rows in `rows/` and for programs in other languages: a proxy that spoils
//! connections, and workers, which are real processes that can be stopped, killed and forked.

pub mod proxy;
pub mod signal;
pub mod worker;

pub use proxy::{Action, Order, Proxy, Way};
pub use worker::{StoreAt, Worker, WorkerBuilder};
