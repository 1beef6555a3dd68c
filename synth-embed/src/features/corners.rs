//! How sharply edges turn: the structure tensor.

use super::filter::{blur, gradient};
use super::levels::Levels;
use super::plane::Plane;

const RATIO: Levels = Levels { first: 0.05, step: 0.05, count: 5 };

/// Cumulative histogram of √λ2 / (√λ1 + 0.001), weighted by √λ1, of the eigenvalues λ1 ≥ λ2 of the
/// structure tensor ∇v ∇vᵀ averaged by one binomial pass.
///
/// 0 along a straight edge, near 1 at corners, spots and in noise. The levels end where noise begins.
pub(super) fn corner_ratios(plane: &Plane) -> Vec<f32> {
    let gradients = gradient(plane);
    let averaged = |product: fn((f32, f32)) -> f32| {
        let products = gradients.iter().map(|&g| product(g)).collect();
        blur(&Plane::new(plane.side, products))
    };
    let xx = averaged(|(x, _)| x * x);
    let yy = averaged(|(_, y)| y * y);
    let xy = averaged(|(x, y)| x * y);
    let tensors = xx.data.iter().zip(&yy.data).zip(&xy.data);
    RATIO.weighted_soft_cdf(tensors.map(|((&xx, &yy), &xy)| {
        let (strong, weak) = eigenvalue_roots(xx, yy, xy);
        (weak / (strong + 1e-3), strong)
    }))
}

/// √λ1 and √λ2 of the symmetric matrix [xx xy; xy yy] with λ ≥ 0 but for rounding.
fn eigenvalue_roots(xx: f32, yy: f32, xy: f32) -> (f32, f32) {
    let middle = 0.5 * (xx + yy);
    let difference = 0.5 * (xx - yy);
    let root = (difference * difference + xy * xy).sqrt();
    ((middle + root).sqrt(), (middle - root).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_are_those_worked_by_hand() {
        // [2 1; 1 2] has eigenvalues 3 and 1.
        let (strong, weak) = eigenvalue_roots(2.0, 2.0, 1.0);
        assert!((strong - 3.0_f32.sqrt()).abs() < 1e-6 && (weak - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_straight_edge_has_no_corner_and_a_spot_is_one() {
        let edge = Plane::new(32, (0..1024).map(|i| if i % 32 < 16 { 0.0 } else { 1.0 }).collect());
        assert!(corner_ratios(&edge)[0] > 0.99);
        let spot = Plane::new(32, (0..1024).map(|i| if i == 16 * 32 + 16 { 1.0 } else { 0.0 }).collect());
        assert!(corner_ratios(&spot)[4] < 0.6);
        let flat = corner_ratios(&Plane::new(32, vec![0.3; 1024]));
        assert!(flat.iter().all(|&share| share == 0.0));
    }
}
