use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::ArrayView2;
use synth_core::conformance::DivergenceCaps;
use synth_core::{
    Divergence, Embeddings, Error, Estimate, FittedDivergence, Kernel, Result, Seed, divergence_conformance,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    IsLeastElsewhere,
    Saturates,
    WeighsTheReference,
    AcceptsTooFew,
    IgnoresTheIdentity,
    HasEntropy,
    CountsCalls,
    GivesPOfZero,
    NeverDetects,
    HasALopsidedKernel,
    HasAGradientInY,
}

/// Calls of all toys: another number for each.
static ALL_CALLS: AtomicU64 = AtomicU64::new(0);

/// MMD² with a Gaussian kernel of σ = 2, all pairs counted, and a permutation test.
#[derive(Debug)]
struct Toy(Flaw);

#[derive(Debug)]
struct Fitted {
    reference: Embeddings,
    seed: Seed,
    calls: AtomicU64,
    kernel: Gaussian,
    flaw: Flaw,
}

#[derive(Debug)]
struct Gaussian(Flaw);

impl Kernel for Gaussian {
    fn value(&self, x: &[f32], y: &[f32]) -> f64 {
        let square: f64 = x.iter().zip(y).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
        let lopsided = if self.0 == Flaw::HasALopsidedKernel { f64::from(x[0]) } else { 0.0 };
        (-square / 8.0).exp() + lopsided
    }

    fn gradient(&self, x: &[f32], y: &[f32], gradient: &mut [f64]) {
        let sign = if self.0 == Flaw::HasAGradientInY { 1.0 } else { -1.0 };
        for (at, out) in gradient.iter_mut().enumerate() {
            *out = sign * self.value(x, y) * (f64::from(x[at]) - f64::from(y[at])) / 4.0;
        }
    }
}

impl Divergence for Toy {
    fn name(&self) -> &str {
        "toy"
    }

    fn fit(&self, reference: &Embeddings, seed: Seed) -> Result<Box<dyn FittedDivergence>> {
        check_count(self.0, reference)?;
        let (reference, flaw) = (reference.clone(), self.0);
        Ok(Box::new(Fitted { reference, seed, calls: AtomicU64::new(0), kernel: Gaussian(flaw), flaw }))
    }
}

fn check_count(flaw: Flaw, rows: &Embeddings) -> Result<()> {
    if rows.len() < 2 && flaw != Flaw::AcceptsTooFew {
        return Err(Error::TooFewSamples { what: "toy".into(), needed: 2, got: rows.len(), unit: "rows" });
    }
    Ok(())
}

impl Fitted {
    /// Σ wᵢ wⱼ k(xᵢ, xⱼ), w = 1/n on the first set and −1/m on the second.
    fn mmd(&self, rows: ArrayView2<'_, f32>, in_first: &[bool]) -> f64 {
        let first = in_first.iter().filter(|&&first| first).count() as f64;
        let second = in_first.len() as f64 - first;
        let weight = |row: usize| if in_first[row] { 1.0 / first } else { -1.0 / second };
        let at = |row: usize| rows.row(row).to_vec();
        let all: Vec<_> = (0..rows.nrows()).map(|row| (weight(row), at(row))).collect();
        let pairs = all.iter().flat_map(|a| all.iter().map(move |b| (a, b)));
        pairs.map(|((u, x), (v, y))| u * v * Gaussian(Flaw::None).value(x, y)).sum()
    }

    fn p_value(&self, rows: ArrayView2<'_, f32>, in_first: &[bool], value: f64) -> f64 {
        let mut stream = self.seed.stream(0);
        let at_or_above = (0..19).filter(|_| {
            let mut permuted = in_first.to_vec();
            stream.shuffle(&mut permuted);
            self.mmd(rows, &permuted) >= value
        });
        let count = at_or_above.count() as f64;
        match self.flaw {
            Flaw::GivesPOfZero => count / 19.0,
            Flaw::NeverDetects => 1.0,
            _ => (count + 1.0) / 20.0,
        }
    }

    fn spoil(&self, value: f64) -> f64 {
        match self.flaw {
            Flaw::IsLeastElsewhere => (value - 0.2).abs(),
            Flaw::Saturates => value.min(1e-6),
            Flaw::WeighsTheReference => value * self.reference.len() as f64,
            Flaw::HasEntropy => value + ALL_CALLS.fetch_add(1, Ordering::Relaxed) as f64,
            Flaw::CountsCalls => value + self.calls.fetch_add(1, Ordering::Relaxed) as f64,
            _ => value,
        }
    }
}

impl FittedDivergence for Fitted {
    fn estimate(&self, sample: &Embeddings) -> Result<Estimate> {
        check_count(self.flaw, sample)?;
        if self.flaw != Flaw::IgnoresTheIdentity {
            self.reference.check_comparable(sample)?;
        }
        let rows = ndarray::concatenate(ndarray::Axis(0), &[self.reference.matrix(), sample.matrix()])
            .map_err(|source| Error::component("toy", source))?;
        let in_first: Vec<bool> = (0..rows.nrows()).map(|row| row < self.reference.len()).collect();
        let value = self.mmd(rows.view(), &in_first);
        let p_value = Some(self.p_value(rows.view(), &in_first, value));
        Ok(Estimate { value: self.spoil(value), p_value, ..Estimate::default() })
    }

    fn kernel(&self) -> Option<&dyn Kernel> {
        Some(&self.kernel)
    }
}

fn make(flaw: Flaw) -> impl Fn() -> Box<dyn Divergence> {
    move || Box::new(Toy(flaw))
}

fn caps() -> DivergenceCaps {
    DivergenceCaps { symmetric: true, p_value: true, kernel: true, ..DivergenceCaps::default() }
}

mod sound {
    use super::*;
    divergence_conformance!(make(Flaw::None), caps());
}

broken! { divergence, |_| caps();
    identical_sets_score_best: IsLeastElsewhere => "identical sets score best",
    grows_with_the_shift: Saturates => "it grows with the shift",
    swapped_sets_give_the_same: WeighsTheReference => "swapped sets give the same",
    too_few_samples_are_an_error: AcceptsTooFew => "too few samples are an error: reference of 0 rows gave Ok",
    rows_of_another_embedder_are_an_error: IgnoresTheIdentity => "rows of another embedder are an error",
    same_seed_gives_same_estimate: HasEntropy => "the same seed gives the same estimate",
    estimates_do_not_remember: CountsCalls => "estimates do not remember",
    uncertainty_is_well_formed: GivesPOfZero => "uncertainty is well formed",
    p_value_is_given_and_small_for_another_set: NeverDetects => "the p-value is given, and small",
    kernel_is_symmetric: HasALopsidedKernel => "the kernel is symmetric",
    kernel_gradient_is_the_slope: HasAGradientInY => "the kernel's gradient is its slope",
}
