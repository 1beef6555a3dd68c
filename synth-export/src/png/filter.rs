/// The predictions that rows choose from: their number in the file, and the residual of a byte whose
/// left, upper and upper left neighbours are given.
const SUB: u8 = 1;
const UP: u8 = 2;
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;

/// Predicts every byte of an image of rows of `row_bytes` bytes, `pixel_bytes` per pixel. Each row of
/// the result is the number of its filter, then the residuals: the filter with the smallest sum of
/// absolute residuals, the first of equals.
///
/// # References
/// PNG, third edition, clause 9 (filters) and 12.7 (the choice).
pub(super) fn filter_rows(bytes: &[u8], row_bytes: usize, pixel_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / row_bytes.max(1) + 1);
    let first_above = vec![0; row_bytes];
    let mut candidate = vec![0; row_bytes];
    let mut best = vec![0; row_bytes];
    let mut above: &[u8] = &first_above;
    for row in bytes.chunks_exact(row_bytes.max(1)) {
        let around = Neighbours { row, above, pixel_bytes };
        let mut choice = UP;
        let mut smallest = around.residuals(UP, &mut best);
        for filter in [PAETH, SUB, AVERAGE] {
            let cost = around.residuals(filter, &mut candidate);
            if cost < smallest {
                (smallest, choice) = (cost, filter);
                std::mem::swap(&mut best, &mut candidate);
            }
            if smallest == 0 {
                break;
            }
        }
        out.push(choice);
        out.extend_from_slice(&best);
        above = row;
    }
    out
}

/// A row with what its bytes are predicted from.
#[derive(Clone, Copy)]
struct Neighbours<'a> {
    row: &'a [u8],
    above: &'a [u8],
    pixel_bytes: usize,
}

impl Neighbours<'_> {
    /// Writes the residuals of a filter; returns the sum of their absolute values as signed bytes.
    fn residuals(self, filter: u8, out: &mut [u8]) -> u64 {
        match filter {
            SUB => self.each(out, |byte, left, _, _| byte.wrapping_sub(left)),
            UP => self.each(out, |byte, _, up, _| byte.wrapping_sub(up)),
            AVERAGE => self.each(out, |byte, left, up, _| {
                byte.wrapping_sub(((u16::from(left) + u16::from(up)) >> 1) as u8)
            }),
            _ => self.each(out, |byte, left, up, corner| byte.wrapping_sub(paeth(left, up, corner))),
        }
        cost(out)
    }

    #[inline(always)]
    fn each(self, out: &mut [u8], residual: impl Fn(u8, u8, u8, u8) -> u8) {
        let (at, length) = (self.pixel_bytes, self.row.len());
        let (head, tail) = out[..length].split_at_mut(at);
        for (i, out) in head.iter_mut().enumerate() {
            *out = residual(self.row[i], 0, self.above[i], 0);
        }
        let (row, left) = (&self.row[at..length], &self.row[..length - at]);
        let (up, corner) = (&self.above[at..length], &self.above[..length - at]);
        for ((((out, &byte), &left), &up), &corner) in tail.iter_mut().zip(row).zip(left).zip(up).zip(corner)
        {
            *out = residual(byte, left, up, corner);
        }
    }
}

/// The neighbour nearest to left + up − corner; of equals the left, then the upper one.
#[inline(always)]
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    // The distances of left + up − corner: to the left b − c, to the upper a − c, to the corner both.
    let (to_left, to_up) = ((b - c).abs(), (a - c).abs());
    let to_corner = (a + b - 2 * c).abs();
    let nearest = if to_up <= to_corner { up } else { corner };
    if to_left <= to_up && to_left <= to_corner { left } else { nearest }
}

fn cost(residuals: &[u8]) -> u64 {
    // A chunk's sum stays below 2¹⁶.
    let chunk = |chunk: &[u8]| chunk.iter().map(|&r| u16::from((r as i8).unsigned_abs())).sum::<u16>();
    residuals.chunks(256).map(|part| u64::from(chunk(part))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paeth_takes_the_nearest_as_the_standard_defines() {
        for left in (0..=255).step_by(5) {
            for up in (0..=255).step_by(3) {
                for corner in (0..=255).step_by(7) {
                    let [a, b, c] = [left, up, corner].map(i32::from);
                    let p = a + b - c;
                    let (pa, pb, pc) = ((p - a).abs(), (p - b).abs(), (p - c).abs());
                    let want = if pa <= pb && pa <= pc {
                        left
                    } else if pb <= pc {
                        up
                    } else {
                        corner
                    };
                    assert_eq!(paeth(left, up, corner), want);
                }
            }
        }
    }

    #[test]
    fn rows_take_the_filter_that_leaves_least() {
        // Columns repeat: Up. Then a slope along the row: Sub.
        let bytes = [10, 90, 30, 10, 90, 30, 40, 41, 42];
        let rows = filter_rows(&bytes, 3, 1);
        assert_eq!(rows[4..8], [UP, 0, 0, 0]);
        assert_eq!(rows[8..], [SUB, 40, 1, 1]);
    }
}
