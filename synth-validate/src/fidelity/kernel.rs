use synth_core::Kernel;

/// The Gaussian kernel `k(x, y) = exp(−|x − y|² / 2σ²)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RbfKernel {
    sigma: f64,
}

impl RbfKernel {
    pub(crate) fn new(sigma: f64) -> Self {
        Self { sigma }
    }

    /// σ, in units of the embedding.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        self.sigma
    }
}

impl Kernel for RbfKernel {
    fn value(&self, x: &[f32], y: &[f32]) -> f64 {
        let squared: f64 = x.iter().zip(y).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
        (-0.5 * squared / (self.sigma * self.sigma)).exp()
    }

    fn gradient(&self, x: &[f32], y: &[f32], gradient: &mut [f64]) {
        let factor = -self.value(x, y) / (self.sigma * self.sigma);
        for (slot, (&a, &b)) in gradient.iter_mut().zip(x.iter().zip(y)) {
            *slot = factor * (f64::from(a) - f64::from(b));
        }
    }
}

/// The cubic polynomial kernel of KID, `k(x, y) = (x·y / d + 1)³`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CubicKernel {
    dim: f64,
}

impl CubicKernel {
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim: dim as f64 }
    }

    fn base(&self, x: &[f32], y: &[f32]) -> f64 {
        x.iter().zip(y).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / self.dim + 1.0
    }
}

impl Kernel for CubicKernel {
    fn value(&self, x: &[f32], y: &[f32]) -> f64 {
        self.base(x, y).powi(3)
    }

    fn gradient(&self, x: &[f32], y: &[f32], gradient: &mut [f64]) {
        let factor = 3.0 * self.base(x, y).powi(2) / self.dim;
        for (slot, &b) in gradient.iter_mut().zip(y) {
            *slot = factor * f64::from(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_equal_central_differences() {
        let (x, y) = ([0.5_f32, -1.0, 2.0], [1.0_f32, 0.25, -0.5]);
        for kernel in [&RbfKernel::new(1.7) as &dyn Kernel, &CubicKernel::new(3)] {
            let mut gradient = [0.0; 3];
            kernel.gradient(&x, &y, &mut gradient);
            for axis in 0..3 {
                // 2⁻⁸ is exact in float32, so only the truncation error h² is left.
                let moved = |by: f32| {
                    let mut at = x;
                    at[axis] += by;
                    kernel.value(&at, &y)
                };
                let h = 1.0 / 256.0;
                let expected = (moved(h) - moved(-h)) / f64::from(2.0 * h);
                assert!(
                    (gradient[axis] - expected).abs() < 2e-5,
                    "{kernel:?}: {} {expected}",
                    gradient[axis]
                );
            }
        }
    }
}
