//! The program as a real process: output, exit codes, determinism, faults.
#![allow(missing_docs, unreachable_pub, reason = "a test program has no API")]

mod crash;
mod faults;
mod inputs;
mod runs;
mod support;
mod tools;
