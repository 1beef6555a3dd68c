//! Checks of synthetic data against real data.
//!
//! [`fidelity`] measures how alike two sets of embeddings are, with the uncertainty of every figure.

pub mod fidelity;
