//! Loops compiled for the widest vector registers of the machine.

use pulp::{Arch, Simd, WithSimd};

/// Runs a loop that the compiler vectorises for the registers that [`pulp`] finds at run time. `f` and what
/// it calls must be `#[inline(always)]`.
///
/// A closure given to `pulp` itself is called through its `FnOnce::call_once`, which the compiler does not
/// inline, so that the loop would stay compiled for the narrowest registers.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Loop(f))
}

struct Loop<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Loop<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}
