//! Merges many Argus sources and serves them to many clients.
fn main() {}
