//! The `synth` command.
mod config;
mod failure;

fn main() {}
