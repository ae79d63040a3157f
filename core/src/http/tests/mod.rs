//! Tests of the pure halves of a call: what is sent, and how answers are judged.

mod request;
mod response;
