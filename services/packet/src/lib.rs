//! Dissects one captured frame into a fixed-size summary, without allocation.
