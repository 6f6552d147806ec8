//! The sensor: captures packets and reports the flows they belong to.
fn main() {}
