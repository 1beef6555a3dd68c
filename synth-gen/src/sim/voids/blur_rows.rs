use super::blur::Blur;
use super::blur_kernel::{BLOCK, Window, blur_run};

/// Columns kept free on each side of the mask: a mirrored border, and room to compute whole blocks.
const SIDE: usize = 48;
/// Rows kept free above and below the mask for the mirrored border.
const LID: usize = 32;

/// Coverage by the union of all voids, 0 to 255, with room for a mirrored border around it.
#[derive(Debug, Default)]
pub(super) struct UnionMask {
    /// Width and height, px.
    size: [usize; 2],
    stride: usize,
    pixels: Vec<u8>,
    /// Where the current row starts among the pixels.
    row: usize,
    /// Columns of each row that were touched, end excluded; empty where the first is not below the second.
    touched: Vec<[usize; 2]>,
}

const UNTOUCHED: [usize; 2] = [usize::MAX, 0];

impl UnionMask {
    /// Begins an image of `size` = [width, height] px.
    pub(super) fn begin(&mut self, size: [usize; 2]) {
        if self.size == size {
            return self.wipe();
        }
        self.size = size;
        self.stride = SIDE + size[0].next_multiple_of(BLOCK) + SIDE;
        self.pixels.clear();
        self.pixels.resize(self.stride * (size[1] + 2 * LID), 0);
        self.touched.clear();
        self.touched.resize(size[1], UNTOUCHED);
    }

    /// Removes what the last image left.
    fn wipe(&mut self) {
        let [width, height] = self.size;
        for y in 0..height {
            let [from, to] = std::mem::replace(&mut self.touched[y], UNTOUCHED);
            if from < to {
                let start = self.start(y);
                self.pixels[start - SIDE..start].fill(0);
                self.pixels[start + from..start + to].fill(0);
                self.pixels[start + width..start + width + SIDE].fill(0);
            }
        }
        self.pixels[..LID * self.stride].fill(0);
        self.pixels[(LID + height) * self.stride..].fill(0);
    }

    fn start(&self, y: usize) -> usize {
        (y + LID) * self.stride + SIDE
    }

    /// Row `y` begins to be covered, somewhere within `from..to`.
    pub(super) fn begin_row(&mut self, y: usize, from: usize, to: usize) {
        self.row = self.start(y);
        let touched = &mut self.touched[y];
        *touched = [touched[0].min(from), touched[1].max(to)];
    }

    /// Pixels `from..to` of the row are covered by `share`, of 255, over what already covers them.
    #[inline]
    pub(super) fn cover(&mut self, from: usize, to: usize, share: u8) {
        let over = |pixel: u8| {
            let gap = u16::from(255 - pixel) * u16::from(share) + 128;
            pixel + ((gap + (gap >> 8)) >> 8) as u8
        };
        if to - from == 1 {
            let pixel = &mut self.pixels[self.row + from];
            *pixel = over(*pixel);
            return;
        }
        let pixels = &mut self.pixels[self.row + from..self.row + to];
        if share == 255 {
            return pixels.fill(255);
        }
        pixels.iter_mut().for_each(|pixel| *pixel = over(*pixel));
    }

    /// Mirrors what lies within `reach` px of the border to beyond it, about the border pixel's centre.
    fn mirror(&mut self, reach: usize) {
        let [width, height] = self.size;
        for y in 0..height {
            let (start, [from, to]) = (self.start(y), self.touched[y]);
            let row = &mut self.pixels[start - SIDE..][..self.stride];
            if from <= reach {
                (1..=reach).for_each(|k| row[SIDE - k] = row[SIDE + k]);
            }
            if to + reach >= width {
                (1..=reach).for_each(|k| row[SIDE + width - 1 + k] = row[SIDE + width - 1 - k]);
            }
        }
        for k in 1..=reach {
            for (from, to) in [(LID + k, LID - k), (LID + height - 1 - k, LID + height - 1 + k)] {
                let from = from * self.stride;
                self.pixels.copy_within(from..from + self.stride, to * self.stride);
            }
        }
    }
}

/// Blurs a union mask where its edge is near, and hands out the result in runs of pixels.
#[derive(Debug, Default)]
pub(super) struct SoftRows {
    /// Words of a row's bit set, one bit per block.
    words: usize,
    /// Blocks of each row that hold any coverage.
    any: Vec<u64>,
    /// Blocks of each row that are not fully covered.
    gap: Vec<u64>,
    any_near: Vec<u64>,
    gap_near: Vec<u64>,
    columns: Vec<u16>,
    alpha: Vec<u16>,
    full: Vec<u16>,
}

impl SoftRows {
    /// Calls `visit(y, x, alpha)` for every run of pixels near a void: row, first column, and their
    /// coverage after the blur, 65 535 where full. All other pixels are uncovered.
    pub(super) fn visit(
        &mut self,
        mask: &mut UnionMask,
        blur: &Blur,
        mut visit: impl FnMut(usize, usize, &[u16]),
    ) {
        let Some([first, last]) = self.judge(mask, blur.radius()) else { return };
        let [width, height] = mask.size;
        let radius = blur.radius();
        self.full.resize(width.next_multiple_of(BLOCK), u16::MAX);
        for y in first.saturating_sub(radius)..(last + radius + 1).min(height) {
            self.gather(y, radius, height, width.div_ceil(BLOCK));
            let mut block = 0;
            while let Some(from) = next_bit(&self.any_near, block, false) {
                let soft = bit(&self.gap_near, from);
                let to = self.run_end(from, soft).min(width.div_ceil(BLOCK));
                let (x, end) = (from * BLOCK, (to * BLOCK).min(width));
                let alpha = if soft { self.soften(mask, blur, y, x, to * BLOCK) } else { &self.full };
                visit(y, x, &alpha[..end - x]);
                block = to;
            }
        }
    }

    /// The end of the run of blocks that begins at `from` and is soft, or full, throughout.
    fn run_end(&self, from: usize, soft: bool) -> usize {
        let none = self.any_near.len() * 64;
        let uncovered = next_bit(&self.any_near, from, true).unwrap_or(none);
        uncovered.min(next_bit(&self.gap_near, from, soft).unwrap_or(none))
    }

    /// Notes which blocks of the mask hold anything and which are full; returns the first and last
    /// row that hold anything.
    fn judge(&mut self, mask: &mut UnionMask, radius: usize) -> Option<[usize; 2]> {
        let [width, height] = mask.size;
        let first = mask.touched.iter().position(|t| t[0] < t[1])?;
        let last = mask.touched.iter().rposition(|t| t[0] < t[1])?;
        mask.mirror(radius);
        self.words = width.div_ceil(BLOCK).div_ceil(64);
        self.any.clear();
        self.any.resize(self.words * height, 0);
        self.gap.clear();
        self.gap.resize(self.words * height, !0);
        for y in first..=last {
            let [from, to] = mask.touched[y];
            let start = mask.start(y);
            for block in from / BLOCK..to.div_ceil(BLOCK) {
                let bytes = mask.pixels[start + block * BLOCK..][..BLOCK].try_into();
                let pixels = u128::from_ne_bytes(bytes.expect("invariant: a block has 16 pixels"));
                let (word, at) = (y * self.words + block / 64, block % 64);
                self.any[word] |= u64::from(pixels != 0) << at;
                self.gap[word] &= !(u64::from(pixels == u128::MAX) << at);
            }
        }
        Some([first, last])
    }

    /// Joins the judgements of all blocks that the blur of row `y` can see.
    fn gather(&mut self, y: usize, radius: usize, height: usize, blocks: usize) {
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
        for (joined, near) in [(&self.any, &mut self.any_near), (&self.gap, &mut self.gap_near)] {
            near.clear();
            near.resize(self.words, 0);
            let rows = &joined[rows.start * self.words..rows.end * self.words];
            for (at, near) in near.iter_mut().enumerate() {
                *near = rows[at..].iter().step_by(self.words).fold(0, |near, row| near | row);
            }
            cut(near, blocks);
            for _ in 0..radius.div_ceil(BLOCK) {
                widen(near);
            }
            cut(near, blocks);
        }
    }

    /// The blurred coverage of pixels `x..end` of row `y`; both are whole blocks.
    fn soften(&mut self, mask: &UnionMask, blur: &Blur, y: usize, x: usize, end: usize) -> &[u16] {
        let (radius, length) = (blur.radius(), end - x);
        let start = mask.start(y);
        self.alpha.resize(self.alpha.len().max(length), 0);
        let alpha = &mut self.alpha[..length];
        if radius == 0 {
            let pixels = &mask.pixels[start + x..start + end];
            alpha.iter_mut().zip(pixels).for_each(|(alpha, &pixel)| *alpha = u16::from(pixel) * 257);
            return alpha;
        }
        let halo = radius.next_multiple_of(BLOCK / 2);
        self.columns.resize(self.columns.len().max(length + 2 * halo), 0);
        let columns = &mut self.columns[..length + 2 * halo];
        let from = Window { pixels: &mask.pixels, stride: mask.stride, start: start + x - halo };
        blur_run(from, blur, columns, alpha);
        alpha
    }
}

fn bit(words: &[u64], at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

/// The first bit from `from` on that is set, or, with `clear`, that is not.
fn next_bit(words: &[u64], from: usize, clear: bool) -> Option<usize> {
    let flip = if clear { !0 } else { 0 };
    let mut keep = u64::MAX.checked_shl((from % 64) as u32).unwrap_or(0);
    for (at, word) in words.iter().enumerate().skip(from / 64) {
        let found = (word ^ flip) & keep;
        if found != 0 {
            return Some(at * 64 + found.trailing_zeros() as usize);
        }
        keep = !0;
    }
    None
}

/// Clears the bits from `bits` on.
fn cut(words: &mut [u64], bits: usize) {
    if !bits.is_multiple_of(64) {
        words[bits / 64] &= !(!0 << (bits % 64));
    }
}

/// Sets the neighbours of every set bit.
fn widen(words: &mut [u64]) {
    let mut from_before = 0;
    for at in 0..words.len() {
        let word = words[at];
        let from_after = words.get(at + 1).map_or(0, |next| next << 63);
        words[at] = word | word << 1 | word >> 1 | from_before | from_after;
        from_before = word >> 63;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blurs in real numbers, with the same mirrored border.
    fn blurred(coverage: &[f64], [width, height]: [usize; 2], sigma: f64, radius: usize) -> Vec<f64> {
        let radius = radius as i64;
        let weight = |i: i64| (-(i * i) as f64 / (2.0 * sigma * sigma)).exp();
        let total: f64 = (-radius..=radius).map(weight).sum();
        let mirror = |at: i64, side: usize| {
            let last = side as i64 - 1;
            (last - (last - at.abs()).abs()) as usize
        };
        let pass = |from: &[f64], step: [i64; 2]| -> Vec<f64> {
            let value = |x: i64, y: i64| {
                let term = |i: i64| {
                    let (x, y) = (mirror(x + i * step[0], width), mirror(y + i * step[1], height));
                    weight(i) / total * from[y * width + x]
                };
                (-radius..=radius).map(term).sum()
            };
            (0..width * height).map(|i| value((i % width) as i64, (i / width) as i64)).collect()
        };
        pass(&pass(coverage, [0, 1]), [1, 0])
    }

    /// A mask with full, empty and mixed blocks, touching all borders.
    fn mask(size: [usize; 2]) -> (UnionMask, Vec<f64>) {
        let mut mask = UnionMask::default();
        mask.begin(size);
        let [width, height] = size;
        for y in (0..height).filter(|y| y % 97 < 60) {
            let from = (y * 7) % (width / 2);
            mask.begin_row(y, 0, width);
            mask.cover(from, width.min(from + width / 2 + 3), 255);
            mask.cover(0, 1 + y % 5, 102);
        }
        let coverage = (0..width * height)
            .map(|i| f64::from(mask.pixels[mask.start(i / width) + i % width]) / 255.0)
            .collect();
        (mask, coverage)
    }

    #[test]
    fn agrees_with_a_blur_in_real_numbers() {
        for (size, sigma) in [([32, 32], 10.0), ([67, 210], 2.0), ([200, 50], 0.5), ([1100, 40], 3.0)] {
            let (mut mask, coverage) = mask(size);
            let blur = Blur::new(sigma).expect("valid");
            let expected = blurred(&coverage, size, sigma, blur.radius());
            let mut got = vec![0.0; size[0] * size[1]];
            SoftRows::default().visit(&mut mask, &blur, |y, x, alpha| {
                for (i, &alpha) in alpha.iter().enumerate() {
                    got[y * size[0] + x + i] = f64::from(alpha) / 65535.0;
                }
            });
            let worst = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1.0 / 1024.0, "{size:?}, {sigma}: {worst}");
        }
    }

    #[test]
    fn without_blur_hands_out_the_mask() {
        let (mut mask, coverage) = mask([70, 40]);
        let blur = Blur::new(0.0).expect("valid");
        let mut got = vec![0.0; coverage.len()];
        SoftRows::default().visit(&mut mask, &blur, |y, x, alpha| {
            for (i, &alpha) in alpha.iter().enumerate() {
                got[y * 70 + x + i] = f64::from(alpha) / 65535.0;
            }
        });
        assert_eq!(got, coverage);
    }

    #[test]
    fn a_used_mask_begins_empty_again() {
        let (mut mask, _) = mask([67, 210]);
        mask.mirror(6);
        mask.begin([67, 210]);
        assert!(mask.pixels.iter().all(|&pixel| pixel == 0));
    }

    #[test]
    fn bit_sets_search_and_widen_across_words() {
        let mut words = [1 << 63, 0, 1];
        assert_eq!(next_bit(&words, 64, false), Some(128));
        assert_eq!(next_bit(&words, 63, true), Some(64));
        widen(&mut words);
        assert_eq!(words, [0b11 << 62, 1 | 1 << 63, 0b11]);
    }
}
