//! Generators: programs with knobs that make labelled samples.
//!
//! [`Voids`] draws dark voids on any base image, with exact instance labels; [`builtin_chips`] gives
//! it five procedural base images, so that nothing need be downloaded. Everything here computes in
//! operations that give the same bits on every machine
//! ([`Determinism::Portable`](synth_core::Determinism::Portable)).
//!
//! # Examples
//! ```
//! use synth_core::{GeneratorExt, ParameterSet, Request, Seed};
//! use synth_gen::{VoidsParams, builtin_chips};
//!
//! let voids = VoidsParams::default().build(builtin_chips(64)?)?;
//! let params = ParameterSet::new().with("void_shape", "circle").with("void_count", 3).with("base_size", 6.0);
//! let sample = voids.generate_one(&Request::new(params, Seed::from_u64(1), 0))?;
//! assert_eq!((sample.item.width(), sample.item.height()), (64, 64));
//! assert_eq!(sample.annotations.len(), 3, "exactly as many voids as asked for");
//! # Ok::<(), synth_core::Error>(())
//! ```

mod sim;

pub use sim::{BaseImage, Bounds, ShapeBounds, VoidShape, Voids, VoidsParams, builtin_chips};
