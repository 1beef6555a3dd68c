//! What voids cover: the exact areas and outlines.

use std::f64::consts::PI;

use synth_core::Instance;
use synth_gen::{Bounds, VoidsParams};

use super::{bare, draw, flat, instances, mask, number, set};

/// Whether a void covers a point, from its attributes alone.
fn covers(void: &Instance, x: f64, y: f64) -> bool {
    let (dx, dy) = (x - number(void, "centre_x"), y - number(void, "centre_y"));
    let angle = number(void, "angle_deg").to_radians();
    let (along, across) = (dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin());
    if !void.attributes.contains_key("radius_00") {
        let (a, b) = (number(void, "radius"), number(void, "radius_minor"));
        return (along / a).powi(2) + (across / b).powi(2) <= 1.0;
    }
    let corner = |k: usize| {
        let (radius, at) = (number(void, &format!("radius_{:02}", k % 12)), k as f64 * PI / 6.0);
        (radius * at.cos(), radius * at.sin())
    };
    let sector = (across.atan2(along).rem_euclid(2.0 * PI) / (PI / 6.0)) as usize % 12;
    let ((ax, ay), (bx, by)) = (corner(sector), corner(sector + 1));
    (bx - ax) * (across - ay) - (by - ay) * (along - ax) >= 0.0
}

/// Share of a pixel that a void covers, from 20 × 20 points.
fn coverage(void: &Instance, column: u32, row: u32) -> f64 {
    let at = |pixel: u32, i: usize| f64::from(pixel) + (i as f64 + 0.5) / 20.0;
    let inside = |i: usize| covers(void, at(column, i % 20), at(row, i / 20));
    (0..400).filter(|&i| inside(i)).count() as f64 / 400.0
}

#[test]
fn labels_are_where_the_geometry_covers_half_a_pixel_and_later_voids_lie_on_top() {
    let (width, height) = (70, 50);
    let voids = bare().build(flat(width, height, 60_000)).expect("valid");
    for (shape, index) in [("circle", 0), ("ellipse", 1), ("irregular", 2), ("irregular", 3)] {
        let sample = draw(&voids, set(shape, 6, 9.0, 4.0, 0.9), index);
        let instances = instances(&sample);
        let masks: Vec<Vec<bool>> = instances.iter().map(|instance| mask(instance)).collect();
        let mut near_half = 0;
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let shares: Vec<f64> = instances.iter().map(|void| coverage(void, column, row)).collect();
            if shares.iter().any(|share| (share - 0.5).abs() < 0.06) {
                near_half += 1;
                continue;
            }
            let expected = shares.iter().rposition(|&share| share >= 0.5);
            let at = (row * width + column) as usize;
            let labelled: Vec<usize> = (0..masks.len()).filter(|&void| masks[void][at]).collect();
            assert_eq!(labelled, Vec::from_iter(expected), "{shape}: pixel ({column}, {row})");
        }
        assert!(near_half < 200, "{shape}: {near_half} pixels are too close to call");
    }
}

#[test]
fn one_circle_darkens_its_exact_area() {
    let voids = bare().build(flat(200, 160, 60_000)).expect("valid");
    for radius in [1.0, 2.5, 10.0, 33.3] {
        let params = set("circle", 1, radius, 0.0, 0.0);
        // The centre is the first pixel's: a quarter of the circle, two strips and a square of half a pixel.
        let sample = draw(&voids, params, 0);
        let lost: f64 =
            sample.item.to_luma16().iter().map(|&value| (60_000.0 - f64::from(value)) / 30_000.0).sum();
        let half = |at: f64| {
            0.5 * (at * (radius * radius - at * at).sqrt() + radius * radius * (at / radius).asin())
        };
        let expected = PI * radius * radius / 4.0 + 2.0 * half(0.5) + 0.25;
        assert!((lost - expected).abs() < 0.02 * radius.sqrt(), "{radius}: {lost}, not {expected}");
    }
}

#[test]
fn ellipses_cover_their_area_wherever_they_lie() {
    let params = VoidsParams { centred: true, brightness_factor: Bounds::new(0.0, 1.0), ..bare() };
    let voids = params.build(flat(160, 160, 60_000)).expect("valid");
    for (shape, ratio) in [("circle", 1.0), ("ellipse", 0.6)] {
        for index in 0..30 {
            let sample = draw(&voids, set(shape, 1, 20.0, 3.0, 0.4), index);
            let radius = number(instances(&sample)[0], "radius");
            let lost: f64 =
                sample.item.to_luma16().iter().map(|&value| (60_000.0 - f64::from(value)) / 30_000.0).sum();
            let expected = PI * radius * radius * ratio;
            // Each of about 7 r border pixels is rounded to 1/255.
            assert!((lost / expected - 1.0).abs() < 3e-4, "{shape} {radius}: {lost}, not {expected}");
        }
    }
}

#[test]
fn the_outline_moves_the_edge_and_the_blur_keeps_the_area() {
    let area = |outline: f64, edge_blur: f64| -> f64 {
        let params = VoidsParams { centred: true, outline, edge_blur, ..bare() };
        let voids = params.build(flat(160, 160, 60_000)).expect("valid");
        let sample = draw(&voids, set("circle", 1, 20.0, 0.0, 0.0), 0);
        sample.item.to_luma16().iter().map(|&value| (60_000.0 - f64::from(value)) / 30_000.0).sum()
    };
    for (outline, edge_blur) in [(0.0, 2.0), (0.62, 0.0), (0.62, 2.0), (0.0, 10.0)] {
        let expected = PI * (20.0 + outline) * (20.0 + outline);
        let got = area(outline, edge_blur);
        // The widest blur cuts the most products, each to 16 bits.
        assert!((got / expected - 1.0).abs() < 2e-3, "{outline}, {edge_blur}: {got}, not {expected}");
    }
}
