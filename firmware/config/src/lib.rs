//! box.toml: the one description of a box, checked, with documented defaults.
