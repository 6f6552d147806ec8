//! Builds the bootable disk image from Debian packages and this tree.
fn main() {}
