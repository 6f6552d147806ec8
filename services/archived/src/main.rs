//! Writes radium's records into the box's rolling archive.
fn main() {}
