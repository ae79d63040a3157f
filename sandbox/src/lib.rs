//! A server that behaves like Cronofy.
