//! The flow filter language: parsed to a tree, compiled once, evaluated on record views.
