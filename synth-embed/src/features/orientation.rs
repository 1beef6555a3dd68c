//! Gradients: how strong, and which way.

use super::filter::gradient;
use super::levels::Levels;
use super::plane::Plane;

const STRENGTH: Levels = Levels { first: 0.02, step: 0.02, count: 16 };

/// Cumulative histogram of |∇v|.
pub(super) fn strengths(plane: &Plane) -> Vec<f32> {
    STRENGTH.soft_cdf(gradient(plane).into_iter().map(|(x, y)| (x * x + y * y).sqrt()))
}

/// Lengths of the second, fourth and sixth harmonic of the gradients' directions, weighted by their
/// strength: |Σ |∇v| e^{ikθ}| / Σ |∇v|, k = 2, 4, 6; each 0 … 1 and the same for a turned picture.
pub(super) fn harmonics(plane: &Plane) -> [f32; 3] {
    let mut moments = [[0.0_f64; 2]; 3];
    let mut total = 0.0_f64;
    for (x, y) in gradient(plane) {
        let square = x * x + y * y;
        if square < 1e-12 {
            continue;
        }
        // cos 2θ and sin 2θ without trigonometry, then addition of angles.
        let (c2, s2) = ((x * x - y * y) / square, 2.0 * x * y / square);
        let (c4, s4) = (c2 * c2 - s2 * s2, 2.0 * c2 * s2);
        let (c6, s6) = (c4 * c2 - s4 * s2, c4 * s2 + s4 * c2);
        let strength = f64::from(square.sqrt());
        total += strength;
        for (moment, (c, s)) in moments.iter_mut().zip([(c2, s2), (c4, s4), (c6, s6)]) {
            moment[0] += strength * f64::from(c);
            moment[1] += strength * f64::from(s);
        }
    }
    let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
    moments.map(|[c, s]| ((c * c + s * s).sqrt() * scale) as f32)
}

const PLACES: usize = 7;

/// Where gradient energy lies: its share in the first 1/8, 2/8 … 7/8 of the rows, then of the columns.
pub(super) fn places(plane: &Plane) -> Vec<f32> {
    let side = plane.side;
    let mut rows = vec![0.0_f64; side];
    let mut columns = vec![0.0_f64; side];
    for (at, (x, y)) in gradient(plane).into_iter().enumerate() {
        let energy = f64::from(x * x + y * y);
        rows[at / side] += energy;
        columns[at % side] += energy;
    }
    [rows, columns].iter().flat_map(|energies| cumulated(energies)).collect()
}

fn cumulated(energies: &[f64]) -> impl Iterator<Item = f32> + '_ {
    let total = energies.iter().sum::<f64>() + 1e-9;
    let part = energies.len() / (PLACES + 1);
    energies.chunks_exact(part).take(PLACES).scan(0.0, move |sum, chunk| {
        *sum += chunk.iter().sum::<f64>();
        Some((*sum / total) as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(value: impl Fn(f32, f32) -> f32) -> Plane {
        Plane::new(64, (0..64 * 64).map(|i| value((i % 64) as f32, (i / 64) as f32)).collect())
    }

    #[test]
    fn a_ramp_points_one_way_at_any_angle() {
        for (a, b) in [(1.0, 0.0), (0.6, 0.8), (-0.8, 0.6)] {
            let ramp = plane(|x, y| 0.01 * (a * x + b * y));
            assert!(harmonics(&ramp)[0] > 0.95, "{a} {b}");
        }
        assert_eq!(harmonics(&plane(|_, _| 1.0)), [0.0; 3]);
    }

    #[test]
    fn a_cross_has_only_the_fourth_harmonic() {
        let cross = plane(|x, y| f32::from(u8::from((x - 31.5).abs() < 8.0 && (y - 31.5).abs() < 8.0)));
        let [second, fourth, _] = harmonics(&cross);
        assert!(second < 1e-6 && fourth > 0.8, "{second} {fourth}");
    }

    #[test]
    fn strengths_are_those_of_the_ramp() {
        // |∇v| = 0.1 but in the two border columns: between the fourth and fifth level.
        let shares = strengths(&plane(|x, _| 0.1 * x));
        assert!(shares[3] < 0.05 && shares[6] == 1.0, "{shares:?}");
    }

    #[test]
    fn places_are_cumulated_energy() {
        // An edge between columns 15 and 16 puts all energy into the second eighth and the third.
        let shares = places(&plane(|x, _| if x < 16.0 { 0.0 } else { 1.0 }));
        let columns = &shares[7..];
        assert_eq!((columns[0], columns[1]), (0.0, 0.5));
        assert!((columns[2] - 1.0).abs() < 1e-6);
        assert!((shares[3] - 0.5).abs() < 1e-6, "half of the energy in half of the rows");
    }
}
