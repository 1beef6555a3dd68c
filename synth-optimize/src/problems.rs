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

/// A cube of parameters `x0`, `x1`, ….
fn cube(dim: usize, low: f64, high: f64) -> Result<ParameterSpace> {
    ParameterSpace::new((0..dim).map(|i| Parameter::new(format!("x{i}"), Domain::float(low, high))).collect())
}

/// The Ackley function in five dimensions, its minimum 0 moved away from the centre to
/// `−32.768 + 65.536 (0.2 + 0.6 frac(0.37 + 0.618 i))`.
///
/// # Panics
/// If `x` does not have five coordinates.
#[must_use]
pub fn ackley(x: &[f64]) -> f64 {
    assert_eq!(x.len(), 5, "ackley is defined on five coordinates here");
    let minimum = |i: usize| -32.768 + 65.536 * (0.2 + 0.6 * (0.37 + 0.618 * i as f64).fract());
    let z: Vec<f64> = x.iter().enumerate().map(|(i, x)| x - minimum(i)).collect();
    let square = z.iter().map(|z| z * z).sum::<f64>() / 5.0;
    let wave = z.iter().map(|z| libm::cos(2.0 * PI * z)).sum::<f64>() / 5.0;
    -20.0 * libm::exp(-0.2 * libm::sqrt(square)) - libm::exp(wave) + 20.0 + std::f64::consts::E
}

/// The space of [`ackley`]: `x0` to `x4` in [−32.768, 32.768].
///
/// # Errors
/// Never: the space is valid.
pub fn ackley_space() -> Result<ParameterSpace> {
    cube(5, -32.768, 32.768)
}

/// Minimum of [`hartmann6`].
pub const HARTMANN6_MINIMUM: f64 = -3.322_368_011_415_51;

/// The Hartmann function of six parameters in [0, 1], with six local minima.
///
/// ```
/// use synth_optimize::problems::{HARTMANN6_MINIMUM, hartmann6};
/// let at = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573];
/// assert!((hartmann6(&at) - HARTMANN6_MINIMUM).abs() < 1e-6);
/// ```
///
/// # Panics
/// If `x` does not have six coordinates.
#[must_use]
pub fn hartmann6(x: &[f64]) -> f64 {
    const HEIGHTS: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const WIDTHS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRES: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    assert_eq!(x.len(), 6, "hartmann6 is defined on six coordinates");
    let hill = |i: usize| {
        let exponent: f64 =
            (0..6).map(|j| WIDTHS[i][j] * (x[j] - CENTRES[i][j]) * (x[j] - CENTRES[i][j])).sum();
        HEIGHTS[i] * libm::exp(-exponent)
    };
    -(0..4).map(hill).sum::<f64>()
}

/// The space of [`hartmann6`]: `x0` to `x5`.
///
/// # Errors
/// Never: the space is valid.
pub fn hartmann6_space() -> Result<ParameterSpace> {
    cube(6, 0.0, 1.0)
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

    /// One of twenty hidden sets, `seed` modulo 20: shape, count, size, brightness and spreads drawn
    /// from the distribution of the default experiment and clipped to the bounds.
    ///
    /// # Errors
    /// Never: the sets lie inside the space.
    pub fn of_seed(seed: usize) -> Result<Self> {
        let (shape, count, size, brightness, size_std, spread) = TRUTHS[seed % TRUTHS.len()];
        Self::new(
            &ParameterSet::new()
                .with("void_shape", shape)
                .with("void_count", count)
                .with("base_size", size)
                .with("brightness_factor", brightness)
                .with("size_std", size_std)
                .with("position_spread", spread),
        )
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

/// Drawn with NumPy, seed 90,000 + index; in the order of [`void_space`].
const TRUTHS: [(&str, i64, f64, f64, f64, f64); 20] = [
    ("irregular", 12, 26.69293995318056, 0.5369287043295807, 4.557144191470082, 0.3822713582434779),
    ("ellipse", 10, 15.753834352502803, 0.5794283983463908, 9.272238666620932, 0.40502531220344806),
    ("ellipse", 5, 18.982539962469883, 0.7042453478385958, 3.350782841701867, 0.6032921487877586),
    ("irregular", 3, 13.69824355340291, 0.5687048719284776, 4.109595238592007, 0.5012698737910108),
    ("ellipse", 10, 10.716894035999085, 0.6482221935236767, 3.13671597394601, 0.6211528254877446),
    ("ellipse", 3, 25.144772444314388, 0.5824604653132187, 7.688888371347514, 0.5218056142990737),
    ("ellipse", 11, 15.299053219343625, 0.5087013582734947, 6.807419838176587, 0.43883638616262555),
    ("irregular", 10, 10.472355210500645, 0.6096625902433177, 4.818378276013224, 0.8),
    ("ellipse", 7, 18.266872781522512, 0.6008651998853174, 7.312978667296988, 0.40252968551845075),
    ("ellipse", 8, 22.572886384589452, 0.7238059570316069, 8.11900922381196, 0.5217963126903605),
    ("irregular", 6, 15.839177817815106, 0.623462903303589, 7.531748143328283, 0.5579842846269052),
    ("ellipse", 7, 21.914338949261456, 0.43707177166605604, 8.379457860593815, 0.5734298856763506),
    ("irregular", 14, 22.37613277756814, 0.6075173009639936, 9.216119536489469, 0.46371184959225065),
    ("ellipse", 8, 19.49185239807738, 0.6602195102997194, 6.205239590904342, 0.6389347641047365),
    ("circle", 5, 21.761224172119757, 0.632555657880583, 7.355390649503757, 0.36677029337394906),
    ("irregular", 11, 26.35199064305902, 0.7165522351385318, 5.546648996883845, 0.5171557689176267),
    ("ellipse", 11, 25.86268432695328, 0.5426493379015287, 5.244596251841539, 0.574446915191968),
    ("irregular", 8, 24.9711078257034, 0.44280123928927195, 8.048823468679583, 0.4030813203941889),
    ("circle", 10, 17.306949156656046, 0.597469923639971, 6.625709439178224, 0.5072566906167406),
    ("ellipse", 8, 19.626949152570646, 0.5267368165250907, 11.004268566259078, 0.27643506215161906),
];
