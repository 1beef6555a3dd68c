use std::f64::consts::{PI, TAU};
use std::sync::OnceLock;

use super::layout::{CORNERS, Void, VoidShape};

/// A corner of a polygon, px.
pub(super) type Point = [f64; 2];

/// Corners of the finest ellipse; a coarser one takes every n-th.
const FINEST: usize = 3 << 10;
/// How far an edge of an ellipse's polygon may lie from its arc, px.
const SAGITTA_PX: f64 = 0.025;
/// A corner moves outwards at most this many times the distance its edges do.
const MITRE_LIMIT: f64 = 2.0;

/// Writes the closed polygon of a void into `polygon`, its edge moved outwards by `outline` px.
///
/// An ellipse becomes a polygon within 0.025 px of it and of exactly its area. A polygon's edges move
/// in parallel.
pub(super) fn trace(void: &Void, rotation_deg: f64, outline: f64, polygon: &mut Vec<Point>) {
    polygon.clear();
    match void.shape {
        VoidShape::Circle | VoidShape::Ellipse => {
            let axes = [void.radius + outline, void.radius_minor() + outline];
            ellipse(void.centre, axes, rotation_deg, polygon);
        }
        VoidShape::Irregular => {
            let corners = irregular(void, rotation_deg);
            polygon.extend((0..CORNERS).map(|at| moved_outwards(&corners, at, outline)));
        }
    }
}

fn ellipse(centre: Point, axes: [f64; 2], rotation_deg: f64, polygon: &mut Vec<Point>) {
    let count = corner_count(axes[0]);
    let swell = area_factor(count);
    let (sin, cos) = libm::sincos(rotation_deg * (PI / 180.0));
    let (a, b) = (axes[0] * swell, axes[1] * swell);
    polygon.extend(unit_circle().iter().step_by(FINEST / count).map(|&[c, s]| {
        let (x, y) = (a * c, b * s);
        [centre[0] + (x * cos - y * sin), centre[1] + (x * sin + y * cos)]
    }));
}

/// The fewest corners, 2ᵏ or 3 · 2ᵏ, whose edges stay that close to a circle of this radius.
fn corner_count(radius: f64) -> usize {
    let near = |&count: &usize| 0.5 * radius * (PI / count as f64) * (PI / count as f64) <= SAGITTA_PX;
    let mut counts = (4..=10).flat_map(|k| [1 << k, 3 << (k - 1)]);
    counts.find(near).unwrap_or(FINEST)
}

/// By how much a regular polygon's corners must leave the circle to enclose the circle's area.
fn area_factor(count: usize) -> f64 {
    let step = TAU / count as f64;
    libm::sqrt(step / libm::sin(step))
}

fn unit_circle() -> &'static [Point] {
    static CIRCLE: OnceLock<Vec<Point>> = OnceLock::new();
    CIRCLE.get_or_init(|| {
        let point = |at| {
            let (sin, cos) = libm::sincos(at as f64 * (TAU / FINEST as f64));
            [cos, sin]
        };
        (0..FINEST).map(point).collect()
    })
}

fn irregular(void: &Void, rotation_deg: f64) -> [Point; CORNERS] {
    std::array::from_fn(|at| {
        let angle = rotation_deg * (PI / 180.0) + at as f64 * (TAU / CORNERS as f64);
        let (sin, cos) = libm::sincos(angle);
        [void.centre[0] + void.corners[at] * cos, void.centre[1] + void.corners[at] * sin]
    })
}

/// Corner `at` where its two edges meet after each moved outwards: along the sum n of their unit
/// normals, by distance · 2n/|n|².
fn moved_outwards(corners: &[Point; CORNERS], at: usize, distance: f64) -> Point {
    let [x, y] = corners[at];
    let before = normal(corners[(at + CORNERS - 1) % CORNERS], corners[at]);
    let after = normal(corners[at], corners[(at + 1) % CORNERS]);
    let cosine = before[0] * after[0] + before[1] * after[1];
    let factor = distance / (1.0 + cosine).max(2.0 / (MITRE_LIMIT * MITRE_LIMIT));
    [x + factor * (before[0] + after[0]), y + factor * (before[1] + after[1])]
}

/// Unit normal of an edge, outwards for corners in the order of their angles.
fn normal(from: Point, to: Point) -> Point {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = libm::sqrt(dx * dx + dy * dy).max(f64::MIN_POSITIVE);
    [dy / length, -dx / length]
}

#[cfg(test)]
pub(super) fn area(polygon: &[Point]) -> f64 {
    let next = polygon.iter().cycle().skip(1);
    0.5 * polygon.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn void(shape: VoidShape, radius: f64) -> Void {
        let corners = std::array::from_fn(|k| radius * (0.8 + 0.04 * ((k * 5) % 12) as f64));
        Void { shape, centre: [40.0, 50.0], radius, corners }
    }

    fn traced(void: &Void, outline: f64) -> Vec<Point> {
        let mut polygon = Vec::new();
        trace(void, 33.0, outline, &mut polygon);
        polygon
    }

    #[test]
    fn ellipses_have_their_exact_area_and_keep_to_their_curve() {
        for radius in [1.0, 7.3, 40.0, 900.0] {
            let circle = traced(&void(VoidShape::Circle, radius), 0.0);
            assert!((area(&circle) / (PI * radius * radius) - 1.0).abs() < 1e-12);
            for p in &circle {
                let off = (p[0] - 40.0).hypot(p[1] - 50.0) - radius;
                assert!(off.abs() <= SAGITTA_PX, "{radius}: {off}");
            }
            let ellipse = traced(&void(VoidShape::Ellipse, radius), 0.5);
            let expected = PI * (radius + 0.5) * (0.6 * radius + 0.5);
            assert!((area(&ellipse) / expected - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn edges_move_outwards_in_parallel() {
        let void = void(VoidShape::Irregular, 30.0);
        let (inner, outer) = (traced(&void, 0.0), traced(&void, 0.5));
        for at in 0..CORNERS {
            let next = (at + 1) % CORNERS;
            let n = normal(inner[at], inner[next]);
            for (a, b) in [(inner[at], outer[at]), (inner[next], outer[next])] {
                let moved = (b[0] - a[0]) * n[0] + (b[1] - a[1]) * n[1];
                assert!((moved - 0.5).abs() < 1e-12, "edge {at}: {moved}");
            }
        }
        assert!(area(&outer) > area(&inner));
    }
}
