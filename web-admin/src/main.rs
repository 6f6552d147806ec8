//! The box's web admin: pages, JSON and metrics behind TLS.
fn main() {}
