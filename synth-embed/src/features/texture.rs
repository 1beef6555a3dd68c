//! Local binary patterns.

use super::plane::Plane;

/// Shares of the ten rotation-invariant uniform patterns (Ojala, Pietikäinen, Mäenpää 2002, riu2,
/// eight neighbours at one pixel): 0 to 8 neighbours at or above the centre in one run, or not uniform.
pub(super) fn binary_patterns(plane: &Plane) -> Vec<f32> {
    let side = plane.side;
    let mut counts = [0_u32; 10];
    for y in 1..side - 1 {
        for x in 1..side - 1 {
            let at = |dx: usize, dy: usize| plane.data[(y + dy - 1) * side + x + dx - 1];
            let centre = at(1, 1);
            let ring = [at(0, 0), at(1, 0), at(2, 0), at(2, 1), at(2, 2), at(1, 2), at(0, 2), at(0, 1)];
            let bits = ring.iter().fold(0_u8, |bits, &value| bits << 1 | u8::from(value >= centre));
            let changes = (bits ^ bits.rotate_left(1)).count_ones();
            let pattern = if changes <= 2 { bits.count_ones() as usize } else { 9 };
            counts[pattern] += 1;
        }
    }
    let total = ((side - 2) * (side - 2)) as f32;
    counts.iter().map(|&count| count as f32 / total).collect()
}
