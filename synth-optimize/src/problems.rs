//! Black boxes with known minima, for measuring optimisers.

use std::f64::consts::PI;

use synth_core::{Domain, Parameter, ParameterSet, ParameterSpace, Result};

/// Minimum of [`branin`], reached at (−π, 12.275), (π, 2.275) and (9.42478, 2.475).
pub const BRANIN_MINIMUM: f64 = 0.397_887_357_729_738_16;

/// The Branin function of `x` in [−5, 10], `y` in [0, 15].
///
/// ```
/// use synth_optimize::problems::{BRANIN_MINIMUM, branin};
/// assert!((branin(std::f64::consts::PI, 2.275) - BRANIN_MINIMUM).abs() < 1e-12);
/// ```
#[must_use]
pub fn branin(x: f64, y: f64) -> f64 {
    let valley = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    valley * valley + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * libm::cos(x) + 10.0
}

/// The space of [`branin`]: `x` and `y`.
///
/// # Errors
/// Never: the space is valid.
pub fn branin_space() -> Result<ParameterSpace> {
    ParameterSpace::new(vec![
        Parameter::new("x", Domain::float(-5.0, 10.0)),
        Parameter::new("y", Domain::float(0.0, 15.0)),
    ])
}

/// The six knobs of the void simulator, in the order of [`VoidSurrogate`].
///
/// # Errors
/// Never: the space is valid.
pub fn void_space() -> Result<ParameterSpace> {
    ParameterSpace::new(vec![
        Parameter::new("void_shape", Domain::choice(SHAPES)),
        Parameter::new("void_count", Domain::int(3, 20)),
        Parameter::new("base_size", Domain::float(5.0, 40.0)),
        Parameter::new("brightness_factor", Domain::float(0.3, 0.8)),
        Parameter::new("size_std", Domain::float(0.0, 15.0)),
        Parameter::new("position_spread", Domain::float(0.1, 0.8)),
    ])
}

const SHAPES: [&str; 3] = ["circle", "ellipse", "irregular"];
const SHAPE_DISTANCE: [[f64; 3]; 3] = [[0.0, 0.35, 0.5], [0.35, 0.0, 0.25], [0.5, 0.25, 0.0]];

/// A noise-free stand-in for the score of void images against a hidden parameter set: mixed, with
/// count, size and its spread trading off through the voids' area. The minimum is 0, at the hidden set.
///
/// ```text
/// f = 1 − exp(−q)
/// q = ½ ln(area(p)/area(t))² + 4 ((b − tb)/0.5)² + 0.7 ((n − tn)/17)² + 1.5 ((s − ts)/35)²
///   + ((sd − tsd)/15)² + 2 ((sp − tsp)/0.7)² + D[shape, tshape] + 1.5 (contrast(p) − contrast(t))²
/// area = n (s² + sd²),   contrast = (1 − b) √(area / (20 (40² + 15²)))
/// D: 0.35 circle–ellipse, 0.25 ellipse–irregular, 0.5 circle–irregular
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct VoidSurrogate {
    shape: usize,
    /// Count, size, brightness, spread of size, spread of position.
    truth: [f64; 5],
}

impl VoidSurrogate {
    /// The surrogate of a hidden parameter set.
    ///
    /// # Errors
    /// [`synth_core::Error::InvalidParam`] if the set lies outside [`void_space`].
    pub fn new(truth: &ParameterSet) -> Result<Self> {
        let (shape, truth) = numbers(&void_space()?.resolve(truth)?)?;
        Ok(Self { shape, truth })
    }

    /// The value at a parameter set.
    ///
    /// # Errors
    /// [`synth_core::Error::InvalidParam`] if a parameter is missing or of another kind.
    pub fn evaluate(&self, set: &ParameterSet) -> Result<f64> {
        let (shape, p) = numbers(set)?;
        let t = &self.truth;
        let ((area, contrast), (true_area, true_contrast)) = (derived(&p), derived(t));
        let square = |x: f64| x * x;
        let q = 0.5 * square(area - true_area)
            + 4.0 * square((p[2] - t[2]) / 0.5)
            + 0.7 * square((p[0] - t[0]) / 17.0)
            + 1.5 * square((p[1] - t[1]) / 35.0)
            + square((p[3] - t[3]) / 15.0)
            + 2.0 * square((p[4] - t[4]) / 0.7)
            + SHAPE_DISTANCE[shape][self.shape]
            + 1.5 * square(contrast - true_contrast);
        Ok(1.0 - libm::exp(-q))
    }
}

fn numbers(set: &ParameterSet) -> Result<(usize, [f64; 5])> {
    let shape = set.choice("void_shape")?;
    let at = SHAPES.iter().position(|s| *s == shape);
    let at = at.ok_or_else(|| synth_core::Error::invalid("void_shape", SHAPES.join(", "), shape))?;
    let names = ["base_size", "brightness_factor", "size_std", "position_spread"];
    let mut values = [set.int("void_count")? as f64, 0.0, 0.0, 0.0, 0.0];
    for (value, name) in values[1..].iter_mut().zip(names) {
        *value = set.float(name)?;
    }
    Ok((at, values))
}

/// Logarithm of the area, and the contrast.
fn derived(p: &[f64; 5]) -> (f64, f64) {
    let area = p[0] * (p[1] * p[1] + p[3] * p[3]);
    let contrast = (1.0 - p[2]) * libm::sqrt(area / (20.0 * (40.0 * 40.0 + 15.0 * 15.0)));
    (libm::log(area), contrast)
}
