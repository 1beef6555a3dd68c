//! The program as a real process: output, exit codes, determinism, faults.
#![allow(missing_docs, unreachable_pub, reason = "a test program has no API")]

mod ask;
mod bad_images;
#[cfg(feature = "flex")]
mod bad_weights;
mod bombs;
mod compare;
mod crash;
mod damage;
mod faults;
mod inputs;
#[cfg(all(feature = "flex", feature = "hub"))]
mod models;
#[cfg(feature = "flex")]
mod neural;
mod own_images;
mod runs;
mod support;
mod tools;
