//! The record clients: one program with many names (ra, rastream, rasplit).
fn main() {}
