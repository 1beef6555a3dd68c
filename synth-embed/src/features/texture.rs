//! Local binary patterns.

use super::plane::Plane;

/// Shares of the ten rotation-invariant uniform patterns of the eight neighbours (riu2): 0 to 8
/// neighbours at or above the centre in one run around it, or more than one run.
///
/// Neighbours are pixels, not points interpolated on a circle.
///
/// # References
/// Ojala, Pietikäinen, Mäenpää 2002, "Multiresolution gray-scale and rotation invariant texture
/// classification with local binary patterns".
pub(super) fn binary_patterns(plane: &Plane) -> [f32; 10] {
    let side = plane.side;
    let mut counts = [0_u32; 10];
    for y in 1..side - 1 {
        let above = &plane.data[(y - 1) * side..y * side];
        let here = &plane.data[y * side..(y + 1) * side];
        let below = &plane.data[(y + 1) * side..(y + 2) * side];
        for ((a, h), b) in above.windows(3).zip(here.windows(3)).zip(below.windows(3)) {
            let ring = [a[0], a[1], a[2], h[2], b[2], b[1], b[0], h[0]];
            let bits = ring.iter().fold(0_u8, |bits, &value| bits << 1 | u8::from(value >= h[1]));
            let changes = (bits ^ bits.rotate_left(1)).count_ones();
            let pattern = if changes <= 2 { bits.count_ones() as usize } else { 9 };
            counts[pattern] += 1;
        }
    }
    let total = ((side - 2) * (side - 2)) as f32;
    counts.map(|count| count as f32 / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_is_all_neighbours_and_a_ramp_is_half_of_them() {
        assert_eq!(binary_patterns(&Plane::new(8, vec![0.5; 64]))[8], 1.0);
        // f = x: the right three are above, the two in the same column equal.
        let ramp = Plane::new(8, (0..64).map(|i| (i % 8) as f32).collect());
        assert_eq!(binary_patterns(&ramp)[5], 1.0);
    }

    #[test]
    fn a_checkerboard_is_not_uniform() {
        // Above a light pixel's neighbours: only the four diagonal ones reach it. A dark pixel has
        // all eight at or above it.
        let board = Plane::new(8, (0..64).map(|i| ((i % 8 + i / 8) % 2) as f32).collect());
        let shares = binary_patterns(&board);
        assert_eq!((shares[8], shares[9]), (0.5, 0.5));
    }
}
