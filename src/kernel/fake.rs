//! An in-memory kernel.
