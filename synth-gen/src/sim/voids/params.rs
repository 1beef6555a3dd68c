use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use synth_core::{Domain, Error, Parameter, ParameterSpace, Result};

use super::base::{BaseImage, check_pool};
use super::blur::Blur;
use super::generator::Voids;
use super::layout::VoidShape;

/// The values that a numeric parameter may take, and the one used where none is given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds<T> {
    /// Lower bound, included.
    pub low: T,
    /// Upper bound, included.
    pub high: T,
    /// The value used where none is given; without one, the built-in default, moved into the bounds.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub default: Option<T>,
}

fn none<T>() -> Option<T> {
    None
}

impl<T> Bounds<T> {
    /// Bounds that keep the built-in default.
    pub fn new(low: T, high: T) -> Self {
        Self { low, high, default: None }
    }
}

/// The shapes that may be asked for, and the one used where none is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeBounds {
    /// The shapes, at least one, all different.
    pub choices: Vec<VoidShape>,
    /// The shape used where none is given; without one, `ellipse` if it may be chosen, else the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<VoidShape>,
}

/// What a void generator may be asked for and how it draws.
///
/// Pixel sizes are pixels of the image whatever its size: they do not scale with it.
///
/// # Examples
/// ```
/// use synth_gen::{Bounds, VoidsParams, builtin_chips};
/// let params = VoidsParams { base_size: Bounds::new(2.0, 12.0), ..VoidsParams::default() };
/// assert!(params.build(builtin_chips(32)?).is_ok());
///
/// let crossed = VoidsParams { base_size: Bounds::new(12.0, 2.0), ..VoidsParams::default() };
/// let error = crossed.build(builtin_chips(32)?).unwrap_err().to_string();
/// assert_eq!(error, "`base_size` must be finite bounds with low <= high, got [12, 2]");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoidsParams {
    /// Outline of every void of an image. Default: circle, ellipse or irregular.
    pub void_shape: ShapeBounds,
    /// Exact number of voids. Default [3, 20], 8. Range: 0 to 10 000.
    pub void_count: Bounds<i64>,
    /// Mean radius, px. Default [5, 40], 20. Range: 0 to 4096.
    pub base_size: Bounds<f64>,
    /// What a void multiplies its pixels by. Default [0.3, 0.8], 0.6. Range: 0 to 4; above 1 it lightens.
    pub brightness_factor: Bounds<f64>,
    /// Standard deviation of the radius, px. Default [0, 15], 7. Range: 0 to 1024.
    pub size_std: Bounds<f64>,
    /// Share of each side over which the centres are spread. Default [0.1, 0.8], 0.5. Range: 0 to 1.
    pub position_spread: Bounds<f64>,
    /// Whether the centres are spread about the image's centre instead of from its upper left corner.
    /// Default: false, as in the reference program.
    pub centred: bool,
    /// Standard deviation of the Gaussian that softens the union of the voids, px. Default 2.
    /// Range: 0 (hard edge), or 0.3 to 10.
    pub edge_blur: f64,
    /// How far the drawn edge lies outside the nominal outline, px. Range: 0 to 4. Default 0.62.
    ///
    /// OpenCV's anti-aliased filling strokes the outline as well, so what the reference program draws
    /// for radius r is larger by this much (measured, see `benches/scripts/void_parity.py`); the
    /// default makes equal parameters mean equal images. With 0 a circle covers πr² exactly.
    pub outline: f64,
    /// Whether each void gets its annotation. Default: true; false is for measuring the drawing alone.
    pub labels: bool,
}

impl Default for VoidsParams {
    fn default() -> Self {
        Self {
            void_shape: ShapeBounds { choices: VoidShape::ALL.to_vec(), default: None },
            void_count: Bounds::new(3, 20),
            base_size: Bounds::new(5.0, 40.0),
            brightness_factor: Bounds::new(0.3, 0.8),
            size_std: Bounds::new(0.0, 15.0),
            position_spread: Bounds::new(0.1, 0.8),
            centred: false,
            edge_blur: 2.0,
            outline: 0.62,
            labels: true,
        }
    }
}

impl VoidsParams {
    /// The same with other values allowed for one of the six parameters, for configurations that
    /// name parameters by text. Its default is the built-in one, moved into the domain.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for an unknown parameter, a domain of another kind, or a choice that
    /// is no shape.
    ///
    /// # Examples
    /// ```
    /// use synth_core::Domain;
    /// use synth_gen::VoidsParams;
    /// let params = VoidsParams::default().with_domain("void_count", &Domain::int(1, 5))?;
    /// assert_eq!((params.void_count.low, params.void_count.high), (1, 5));
    /// assert!(params.with_domain("void_colour", &Domain::int(1, 5)).is_err());
    /// # Ok::<(), synth_core::Error>(())
    /// ```
    pub fn with_domain(mut self, name: &str, domain: &Domain) -> Result<Self> {
        match name {
            "void_shape" => self.void_shape = shape_bounds(domain)?,
            "void_count" => self.void_count = int_bounds(name, domain)?,
            "base_size" => self.base_size = float_bounds(name, domain)?,
            "brightness_factor" => self.brightness_factor = float_bounds(name, domain)?,
            "size_std" => self.size_std = float_bounds(name, domain)?,
            "position_spread" => self.position_spread = float_bounds(name, domain)?,
            _ => {
                let known = "one of void_shape, void_count, base_size, brightness_factor, size_std, \
                             position_spread";
                return Err(Error::invalid("parameter", known, name));
            }
        }
        Ok(self)
    }

    /// Checks everything and makes the generator over these base images.
    ///
    /// The bases may differ in size and pixel type; each image takes both from its base.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for crossed, infinite or unreasonable bounds, a default outside its
    /// bounds, no base image, or one of a size or pixel type that cannot be drawn on;
    /// [`Error::AlreadyExists`] for two bases of one id.
    pub fn build(self, bases: Vec<BaseImage>) -> Result<Voids> {
        let space = self.space()?;
        check_range("outline", self.outline, 0.0..=4.0)?;
        let blur = Blur::new(self.edge_blur)?;
        check_pool(&bases)?;
        Ok(Voids::new(self, space, blur, bases))
    }

    fn space(&self) -> Result<ParameterSpace> {
        ParameterSpace::new(vec![
            shape_parameter(&self.void_shape)?,
            parameter("void_count", self.void_count, 8, 0..=10_000, Domain::int)?,
            parameter("base_size", self.base_size, 20.0, 0.0..=4096.0, Domain::float)?,
            parameter("brightness_factor", self.brightness_factor, 0.6, 0.0..=4.0, Domain::float)?,
            parameter("size_std", self.size_std, 7.0, 0.0..=1024.0, Domain::float)?,
            parameter("position_spread", self.position_spread, 0.5, 0.0..=1.0, Domain::float)?,
        ])
    }
}

fn shape_parameter(shapes: &ShapeBounds) -> Result<Parameter> {
    let domain = Domain::choice(shapes.choices.iter().map(|shape| shape.name()));
    domain.check("void_shape")?;
    let ellipse = shapes.choices.contains(&VoidShape::Ellipse).then_some(VoidShape::Ellipse);
    let default = shapes.default.or(ellipse).or_else(|| shapes.choices.first().copied());
    let parameter = Parameter::new("void_shape", domain);
    Ok(match default {
        Some(shape) => parameter.with_default(shape.name()),
        None => parameter,
    })
}

/// A numeric parameter whose bounds lie within what can be drawn.
fn parameter<T>(
    name: &'static str,
    bounds: Bounds<T>,
    built_in: T,
    drawable: RangeInclusive<T>,
    domain: impl Fn(T, T) -> Domain,
) -> Result<Parameter>
where
    T: Copy + PartialOrd + fmt::Display + Into<synth_core::ParameterValue>,
{
    let Bounds { low, high, default } = bounds;
    let checked = domain(low, high);
    checked.check(name)?;
    if !(drawable.contains(&low) && drawable.contains(&high)) {
        let expected = format!("bounds within [{}, {}]", drawable.start(), drawable.end());
        return Err(Error::invalid(name, expected, format!("[{low}, {high}]")));
    }
    let inside = if built_in < low {
        low
    } else if built_in > high {
        high
    } else {
        built_in
    };
    Ok(Parameter::new(name, checked).with_default(default.unwrap_or(inside)))
}

/// Checks a plain number.
pub(super) fn check_range(name: &str, value: f64, range: RangeInclusive<f64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(name, format!("a number in [{}, {}]", range.start(), range.end()), value))
}

fn shape_bounds(domain: &Domain) -> Result<ShapeBounds> {
    let Domain::Choice { choices } = domain else {
        return Err(Error::invalid("void_shape", "a list of choices", domain.describe()));
    };
    let choices = choices.iter().map(|choice| VoidShape::from_name(choice)).collect::<Result<_>>()?;
    Ok(ShapeBounds { choices, default: None })
}

fn int_bounds(name: &str, domain: &Domain) -> Result<Bounds<i64>> {
    match *domain {
        Domain::Int { low, high, log: false } => Ok(Bounds::new(low, high)),
        _ => Err(Error::invalid(name, "whole numbers on a linear scale", domain.describe())),
    }
}

fn float_bounds(name: &str, domain: &Domain) -> Result<Bounds<f64>> {
    match *domain {
        Domain::Float { low, high, log: false } => Ok(Bounds::new(low, high)),
        Domain::Int { low, high, log: false } => Ok(Bounds::new(low as f64, high as f64)),
        _ => Err(Error::invalid(name, "numbers on a linear scale", domain.describe())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin_chips;

    fn rejected(params: VoidsParams) -> String {
        params.build(builtin_chips(32).expect("chips")).expect_err("must be rejected").to_string()
    }

    #[test]
    fn rejects_each_bad_field() {
        let base = VoidsParams::default;
        let float = |low: f64, high: f64| Bounds::new(low, high);
        for (params, name) in [
            (VoidsParams { void_count: Bounds::new(5, 4), ..base() }, "void_count"),
            (VoidsParams { void_count: Bounds::new(-1, 4), ..base() }, "void_count"),
            (VoidsParams { base_size: float(f64::NAN, 4.0), ..base() }, "base_size"),
            (VoidsParams { base_size: float(5.0, 1e9), ..base() }, "base_size"),
            (VoidsParams { brightness_factor: float(-0.1, 0.5), ..base() }, "brightness_factor"),
            (VoidsParams { size_std: float(-1.0, 2.0), ..base() }, "size_std"),
            (VoidsParams { position_spread: float(0.0, 1.5), ..base() }, "position_spread"),
            (VoidsParams { edge_blur: 0.1, ..base() }, "edge_blur"),
            (VoidsParams { edge_blur: f64::NAN, ..base() }, "edge_blur"),
            (VoidsParams { outline: -0.1, ..base() }, "outline"),
        ] {
            let message = rejected(params);
            assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
        }
        let none = ShapeBounds { choices: vec![], default: None };
        assert!(rejected(VoidsParams { void_shape: none, ..base() }).contains("`void_shape`"));
        let bounds = Bounds { low: 1.0, high: 2.0, default: Some(3.0) };
        assert!(rejected(VoidsParams { base_size: bounds, ..base() }).contains("`base_size`"));
    }

    #[test]
    fn built_in_defaults_move_into_narrowed_bounds() {
        let params = VoidsParams { base_size: Bounds::new(2.0, 12.0), ..VoidsParams::default() };
        let space = params.space().expect("valid");
        let default = space.get("base_size").and_then(|p| p.default.clone());
        assert_eq!(default, Some(12.0.into()));
    }

    #[test]
    fn survives_serde_and_refuses_typos() {
        let params = VoidsParams { labels: false, ..VoidsParams::default() };
        let text = serde_json::to_string(&params).expect("serialises");
        assert_eq!(serde_json::from_str::<VoidsParams>(&text).expect("reads back"), params);
        assert!(serde_json::from_str::<VoidsParams>(r#"{"edge_blurr": 2}"#).is_err());
        assert!(serde_json::from_str::<VoidsParams>(r#"{"base_size": {"low": 1, "hihg": 2}}"#).is_err());
    }
}
