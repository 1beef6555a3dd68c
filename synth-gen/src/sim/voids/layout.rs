use std::fmt;

use serde::{Deserialize, Serialize};
use synth_core::{Error, ParameterSet, Result, Stream};

/// Number of corners of an irregular void.
pub(super) const CORNERS: usize = 12;
/// Minor over major semi-axis of an ellipse.
const ELLIPSE_RATIO: f64 = 0.6;
/// Radii of an irregular void, as multiples of its radius.
const CORNER_RANGE: (f64, f64) = (0.7, 1.3);
/// No void is smaller than this, px.
const MIN_RADIUS_PX: f64 = 1.0;

/// Outline of a void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidShape {
    /// A disc of radius r.
    Circle,
    /// Semi-axes r and 0.6 r.
    Ellipse,
    /// Twelve corners, 30° apart, at r times a number uniform in [0.7, 1.3) each.
    Irregular,
}

impl VoidShape {
    /// All shapes.
    pub const ALL: [Self; 3] = [Self::Circle, Self::Ellipse, Self::Irregular];

    /// The name used for it in parameter sets and configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Ellipse => "ellipse",
            Self::Irregular => "irregular",
        }
    }

    /// The shape of this name.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if no shape has this name.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|shape| shape.name() == name);
        found.ok_or_else(|| Error::invalid("void_shape", "one of circle, ellipse, irregular", name))
    }
}

impl fmt::Display for VoidShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The six parameters, read out of a resolved set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Knobs {
    pub(super) shape: VoidShape,
    pub(super) count: usize,
    pub(super) base_size: f64,
    pub(super) brightness: f64,
    pub(super) size_std: f64,
    pub(super) spread: f64,
}

impl Knobs {
    pub(super) fn read(set: &ParameterSet) -> Result<Self> {
        let count = set.int("void_count")?;
        Ok(Self {
            shape: VoidShape::from_name(set.choice("void_shape")?)?,
            count: usize::try_from(count).or(Err(Error::invalid("void_count", "at least 0", count)))?,
            base_size: set.float("base_size")?,
            brightness: set.float("brightness_factor")?,
            size_std: set.float("size_std")?,
            spread: set.float("position_spread")?,
        })
    }
}

/// One void: where it lies and how large it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Void {
    pub(super) shape: VoidShape,
    /// Centre, px; pixel (i, j) covers [i, i + 1) × [j, j + 1).
    pub(super) centre: [f64; 2],
    /// Radius, major semi-axis, or the radius that the corners vary around, px.
    pub(super) radius: f64,
    /// Distances of the corners of an irregular void from its centre, px.
    pub(super) corners: [f64; CORNERS],
}

impl Void {
    /// Minor semi-axis, px.
    pub(super) fn radius_minor(&self) -> f64 {
        if self.shape == VoidShape::Ellipse { ELLIPSE_RATIO * self.radius } else { self.radius }
    }
}

/// All voids of an image, in the order they are laid down.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// The angle by which every void is turned in itself, degrees in [0, 360), from the x axis
    /// towards the y axis.
    pub(super) rotation_deg: f64,
    pub(super) voids: Vec<Void>,
}

impl Layout {
    /// Draws the layout of a `width` × `height` image.
    ///
    /// ```text
    /// rotation ~ U[0, 360)
    /// radius   = max(1, base_size + size_std · N(0, 1))
    /// centre   = ½ + U[0, spread · side)                    per axis, or, centred,
    ///            side/2 + spread · (U[0, side) − side/2)
    /// corner k = radius · U[0.7, 1.3)
    /// ```
    ///
    /// The ½ is the reference program's: it draws in coordinates whose whole numbers are pixel centres.
    /// Every void takes the same number of draws whatever its shape, so that voids keep their place
    /// when the count or the shape changes.
    pub(super) fn draw(knobs: &Knobs, size: [u32; 2], centred: bool, stream: &mut Stream) -> Self {
        let rotation_deg = stream.uniform(0.0, 360.0);
        let place = |unit: f64, side: u32| {
            let side = f64::from(side);
            if centred {
                0.5 * side + knobs.spread * side * (unit - 0.5)
            } else {
                0.5 + knobs.spread * side * unit
            }
        };
        let voids = (0..knobs.count)
            .map(|_| {
                let centre = size.map(|side| place(stream.unit(), side));
                let radius = (knobs.base_size + knobs.size_std * stream.normal()).max(MIN_RADIUS_PX);
                let corners =
                    std::array::from_fn(|_| radius * stream.uniform(CORNER_RANGE.0, CORNER_RANGE.1));
                Void { shape: knobs.shape, centre, radius, corners }
            })
            .collect();
        Self { rotation_deg, voids }
    }
}

#[cfg(test)]
mod tests {
    use synth_core::Seed;

    use super::*;

    fn knobs(count: usize) -> Knobs {
        Knobs { shape: VoidShape::Circle, count, base_size: 5.0, brightness: 0.5, size_std: 9.0, spread: 0.5 }
    }

    #[test]
    fn a_negative_count_is_an_error_and_not_none() {
        let set = |count: i64| {
            ParameterSet::new()
                .with("void_shape", "circle")
                .with("void_count", count)
                .with("base_size", 5.0)
                .with("brightness_factor", 0.5)
                .with("size_std", 1.0)
                .with("position_spread", 0.5)
        };
        assert_eq!(Knobs::read(&set(2)).expect("valid").count, 2);
        let refused = Knobs::read(&set(-1)).expect_err("negative").to_string();
        assert_eq!(refused, "`void_count` must be at least 0, got -1");
    }

    #[test]
    fn voids_keep_their_place_when_count_or_shape_changes() {
        let draw = |knobs: &Knobs| Layout::draw(knobs, [100, 60], false, &mut Seed::from_u64(1).stream(4));
        let few = draw(&knobs(3));
        let many = draw(&Knobs { shape: VoidShape::Irregular, ..knobs(7) });
        for (a, b) in few.voids.iter().zip(&many.voids) {
            assert_eq!((a.centre, a.radius, a.corners), (b.centre, b.radius, b.corners));
        }
    }

    #[test]
    fn centres_and_radii_stay_in_their_ranges() {
        for (centred, x, y) in [(false, 0.5..50.5, 0.5..30.5), (true, 25.0..75.0, 15.0..45.0)] {
            let layout = Layout::draw(&knobs(2000), [100, 60], centred, &mut Seed::from_u64(2).stream(0));
            for void in &layout.voids {
                assert!(x.contains(&void.centre[0]) && y.contains(&void.centre[1]), "{:?}", void.centre);
                assert!(void.radius >= 1.0);
                assert!(void.corners.iter().all(|c| (0.7..1.3).contains(&(c / void.radius))));
            }
            let mean = layout.voids.iter().map(|v| v.centre[0]).sum::<f64>() / 2000.0;
            // Five standard errors of a uniform over 50 px.
            assert!((mean - 0.5 * (x.start + x.end)).abs() < 1.7, "{mean}");
        }
    }
}
