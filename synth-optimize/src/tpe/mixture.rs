//! Parzen estimators: mixtures of one kernel per observation and a uniform prior.

use std::collections::BTreeMap;

use synth_core::Stream;

use super::kernel::TruncatedNormal;
use super::layout::{Axis, Place};
use super::widths::gaps;

/// Weight of the prior, where that of an observation is 1 on average.
const PRIOR: f64 = 1.0;

/// A density over the columns of a space:
///
/// ```text
/// p(x) = Σ_i w_i Π_d k_{i,d}(x_d)
/// ```
///
/// with one kernel per observation (numbers: [`TruncatedNormal`], whole numbers: its mass over their
/// slot, choices: Aitchison & Aitken 1976) and, last, a uniform one. Where an observation lacks a
/// parameter its kernel is uniform in that column, so that p is the density of drawing the parameters in
/// their order, conditional ones where they exist.
#[derive(Clone, Debug)]
pub(crate) struct Mixture {
    log_weights: Vec<f64>,
    cumulative: Vec<f64>,
    columns: Vec<Column>,
}

/// Kernels of one column, the prior's last; `None` is a uniform kernel.
#[derive(Clone, Debug)]
enum Column {
    Nothing,
    Numbers(Numbers),
    Levels { levels: usize, own: Vec<Option<usize>>, other: f64 },
}

/// Kernels of a column of numbers, and what `ln k = peak − ½ (rate (x − centre))²` needs.
#[derive(Clone, Debug)]
struct Numbers {
    kernels: Vec<Option<TruncatedNormal>>,
    peaks: Vec<f64>,
    centres: Vec<f64>,
    rates: Vec<f64>,
}

impl Mixture {
    /// The mixture about some points; `widths` holds one width per column, else each column takes [`gaps`].
    pub(crate) fn new(axes: &[Axis], points: &[Vec<Place>], weights: &[f64], widths: Option<&[f64]>) -> Self {
        let total = weights.iter().sum::<f64>() + PRIOR;
        let shares: Vec<f64> = weights.iter().chain(&[PRIOR]).map(|weight| weight / total).collect();
        let mut sum = 0.0;
        let mut add = |share: &f64| {
            sum += share;
            sum
        };
        let column = |(d, axis): (usize, &Axis)| {
            let places: Vec<Place> = points.iter().map(|point| point[d]).collect();
            Column::new(*axis, &places, widths.map(|widths| widths[d]))
        };
        Self {
            log_weights: shares.iter().map(|share| libm::log(*share)).collect(),
            cumulative: shares.iter().map(&mut add).collect(),
            columns: axes.iter().enumerate().map(column).collect(),
        }
    }

    /// A draw, as a point of the unit cube.
    pub(crate) fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let u = stream.unit();
        let kernel = self.cumulative.partition_point(|sum| *sum <= u).min(self.cumulative.len() - 1);
        self.columns.iter().map(|column| column.draw(kernel, stream)).collect()
    }

    /// ln p at each point.
    pub(crate) fn log_densities(&self, points: &[Vec<Place>]) -> Vec<f64> {
        let mut terms = vec![self.log_weights.clone(); points.len()];
        for (d, column) in self.columns.iter().enumerate() {
            let mut masses = BTreeMap::new();
            for (point, terms) in points.iter().zip(&mut terms) {
                column.add(point[d], terms, &mut masses);
            }
        }
        terms.iter().map(|terms| log_sum_exp(terms)).collect()
    }
}

/// ln Σ exp; the prior's term is always finite.
fn log_sum_exp(terms: &[f64]) -> f64 {
    let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + libm::log(terms.iter().map(|term| libm::exp(term - most)).sum())
}

impl Column {
    fn new(axis: Axis, places: &[Place], width: Option<f64>) -> Self {
        match axis {
            Axis::Constant => Self::Nothing,
            Axis::Category { levels } => {
                // One count in all, spread over the levels, against one per kernel.
                let other = 1.0 / (levels as f64 * (places.len() as f64 + 2.0));
                Self::Levels { levels, own: places.iter().map(|p| p.level()).chain([None]).collect(), other }
            }
            Axis::Continuous | Axis::Slots => {
                let widths = width.map_or_else(|| gaps(places), |width| vec![width; places.len()]);
                let kernels = places.iter().zip(widths);
                Self::Numbers(Numbers::new(
                    kernels.map(|(p, w)| Some(TruncatedNormal::new(p.number()?, w))).chain([None]).collect(),
                ))
            }
        }
    }

    fn draw(&self, kernel: usize, stream: &mut Stream) -> f64 {
        match self {
            Self::Nothing => 0.5,
            Self::Numbers(numbers) => match &numbers.kernels[kernel] {
                Some(kernel) => kernel.draw(stream),
                None => stream.unit(),
            },
            Self::Levels { levels, own, other } => {
                let uniform = other * *levels as f64;
                let level = match own[kernel] {
                    Some(level) if stream.unit() >= uniform => level,
                    _ => stream.index(*levels),
                };
                (level as f64 + 0.5) / *levels as f64
            }
        }
    }

    /// Adds each kernel's logarithm at a place to `terms`; `masses` keeps those of whole numbers.
    fn add(&self, place: Place, terms: &mut [f64], masses: &mut BTreeMap<u64, Vec<f64>>) {
        match (self, place) {
            (Self::Numbers(numbers), Place::At(x)) => numbers.add(x, terms),
            (Self::Numbers(numbers), Place::Slot { index, low, extent }) => {
                let masses = masses.entry(index).or_insert_with(|| numbers.log_masses(low, extent));
                terms.iter_mut().zip(masses).for_each(|(term, mass)| *term += *mass);
            }
            (Self::Levels { levels, own, other }, Place::Level(level)) => {
                let at_own = libm::log(1.0 - other * (*levels as f64 - 1.0));
                let (elsewhere, uniform) = (libm::log(*other), -libm::log(*levels as f64));
                for (term, own) in terms.iter_mut().zip(own) {
                    *term += own.map_or(uniform, |own| if own == level { at_own } else { elsewhere });
                }
            }
            _ => {}
        }
    }
}

impl Numbers {
    fn new(kernels: Vec<Option<TruncatedNormal>>) -> Self {
        let of = |f: fn(&TruncatedNormal) -> f64| {
            kernels.iter().map(|kernel| kernel.as_ref().map_or(0.0, f)).collect()
        };
        let (peaks, centres) = (of(TruncatedNormal::log_peak), of(TruncatedNormal::centre));
        Self { rates: of(|kernel| 1.0 / kernel.width()), peaks, centres, kernels }
    }

    fn add(&self, x: f64, terms: &mut [f64]) {
        let kernels = self.peaks.iter().zip(&self.centres).zip(&self.rates);
        for (term, ((peak, centre), rate)) in terms.iter_mut().zip(kernels) {
            let z = (x - centre) * rate;
            *term += peak - 0.5 * z * z;
        }
    }

    fn log_masses(&self, low: f64, extent: f64) -> Vec<f64> {
        let uniform = libm::log(extent);
        self.kernels.iter().map(|k| k.as_ref().map_or(uniform, |k| k.log_mass(low, extent))).collect()
    }
}

#[cfg(test)]
mod tests {
    use synth_core::{Domain, Parameter, ParameterSpace, Seed};

    use super::*;
    use crate::tpe::layout::Layout;

    fn layout(parameters: Vec<Parameter>) -> Layout {
        Layout::new(&ParameterSpace::new(parameters).expect("valid"))
    }

    fn mixture(layout: &Layout, units: &[Vec<f64>], widths: Option<&[f64]>) -> Mixture {
        let points: Vec<Vec<Place>> = units.iter().map(|unit| layout.places(unit)).collect();
        Mixture::new(&layout.axes, &points, &vec![1.0; units.len()], widths)
    }

    fn density(mixture: &Mixture, layout: &Layout, unit: &[f64]) -> f64 {
        mixture.log_densities(&[layout.places(unit)])[0].exp()
    }

    /// Two observations, x = ¼ and ¾ with width ½, choices 0 and 1 of 3, worked by hand.
    #[test]
    fn a_small_example_by_hand() {
        let layout = layout(vec![
            Parameter::new("x", Domain::float(0.0, 1.0)),
            Parameter::new("c", Domain::choice(["p", "q", "r"])),
        ]);
        let mixture = mixture(&layout, &[vec![0.25, 1.0 / 6.0], vec![0.75, 0.5]], Some(&[0.5, 0.5]));
        // Standard normal, from tables: φ(0) = 0.3989423, φ(1) = 0.2419707, Φ(1.5) = 0.9331928,
        // Φ(−0.5) = 0.3085375. Mass inside: 0.9331928 − 0.3085375 = 0.6246553 for both kernels.
        // Choices: other = 1/(3 (2 + 2)) = 1/12, own = 10/12. Weights 1/3 each.
        let (at, off) = (0.3989423 / (0.5 * 0.6246553), 0.2419707 / (0.5 * 0.6246553));
        let expected = (at * 10.0 / 12.0 + off / 12.0 + 1.0 / 3.0) / 3.0;
        assert!((density(&mixture, &layout, &[0.25, 1.0 / 6.0]) - expected).abs() < 1e-6);
        let third = (at / 12.0 + off / 12.0 + 1.0 / 3.0) / 3.0;
        assert!((density(&mixture, &layout, &[0.25, 5.0 / 6.0]) - third).abs() < 1e-6);
    }

    /// Over a choice, a whole number on a logarithmic scale and a real number under a condition.
    #[test]
    fn the_density_integrates_to_one() {
        let layout = layout(vec![
            Parameter::new("kind", Domain::choice(["plain", "deep"])),
            Parameter::new("n", Domain::Int { low: 1, high: 40, log: true }),
            Parameter::new("x", Domain::float(-3.0, 3.0)).when("kind", ["deep"]),
        ]);
        let units = [vec![0.25, 0.1, 0.5], vec![0.75, 0.3, 0.08], vec![0.75, 0.9, 0.4], vec![0.75, 0.3, 0.9]];
        for widths in [None, Some([0.03, 0.02, 0.01].as_slice())] {
            let mixture = mixture(&layout, &units, widths);
            let mut total = 0.0;
            let steps = 2_000;
            for n in 1..=40_i64 {
                let set = synth_core::ParameterSet::new().with("kind", "plain").with("n", n);
                let unit = layout.encoding.encode(&set).expect("inside");
                total += density(&mixture, &layout, &unit);
                // The midpoint rule for x: with h = 1/2000, an error below h²/24 times the slope at the ends.
                let at = |i: i32| vec![0.75, unit[1], (f64::from(i) + 0.5) / f64::from(steps)];
                let points: Vec<_> = (0..steps).map(|i| layout.places(&at(i))).collect();
                let sum: f64 = mixture.log_densities(&points).iter().map(|log| log.exp()).sum();
                total += sum / f64::from(steps);
            }
            assert!((total - 1.0).abs() < 1e-6, "{total}");
        }
    }

    /// Draws fall into cells as often as the density says.
    #[test]
    fn draws_follow_the_density() {
        let layout = layout(vec![
            Parameter::new("n", Domain::int(0, 4)),
            Parameter::new("c", Domain::choice(["p", "q", "r"])),
        ]);
        let mixture = mixture(&layout, &[vec![0.1, 0.1], vec![0.5, 0.9], vec![0.7, 0.9]], None);
        let mut stream = Seed::from_u64(1).stream(0);
        let mut counts = [[0.0; 3]; 5];
        let draws = 20_000;
        for _ in 0..draws {
            let unit = mixture.draw(&mut stream);
            counts[(unit[0] * 5.0) as usize][(unit[1] * 3.0) as usize] += 1.0 / f64::from(draws);
        }
        let mut total = 0.0;
        for (n, row) in counts.iter().enumerate() {
            for (c, share) in row.iter().enumerate() {
                let p = density(&mixture, &layout, &[(n as f64 + 0.5) / 5.0, (c as f64 + 0.5) / 3.0]);
                let error = 4.5 * (p * (1.0 - p) / f64::from(draws)).sqrt();
                assert!((share - p).abs() < error, "{n} {c}: {share} for {p}");
                total += p;
            }
        }
        assert!((total - 1.0).abs() < 1e-12);
    }
}
