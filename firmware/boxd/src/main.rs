//! The one root daemon of the box, and stage 1 of its boot.
fn main() {}
