use synth_core::Rle;

use super::raster::PixelBox;

/// Which pixels of each void are seen, as voids are laid down from the topmost to the lowest.
///
/// Everything is a bit set: a row of the current void across, the columns of toggles (where a void
/// begins or ends, going down) and of what is already hidden by voids above.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Width and height, px.
    size: [usize; 2],
    row: Vec<u64>,
    row_above: Vec<u64>,
    toggles: Vec<u64>,
    hidden: Vec<u64>,
}

/// The visible part of one void.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Visible {
    pub(super) rle: Rle,
    /// x, y, width, height in px; zeros where nothing shows.
    pub(super) bbox: [f64; 4],
    pub(super) area: u64,
}

impl Labels {
    /// Begins an image of `size` = [width, height] px.
    pub(super) fn begin(&mut self, size: [usize; 2]) {
        self.size = size;
        let row_words = size[0].div_ceil(64);
        self.row.resize(row_words, 0);
        self.row_above.resize(row_words, 0);
        let column_words = self.column_words() * size[0];
        self.toggles.resize(column_words, 0);
        self.hidden.clear();
        self.hidden.resize(column_words, 0);
    }

    /// Words of a column; one bit beyond the last row holds the end of what reaches it.
    fn column_words(&self) -> usize {
        self.size[1] / 64 + 1
    }

    /// Pixels `from..to` of the current row belong to the void.
    pub(super) fn cover(&mut self, from: usize, to: usize) {
        let (first, last) = (from / 64, (to - 1) / 64);
        let head = !0 << (from % 64);
        let tail = !0 >> (63 - (to - 1) % 64);
        if first == last {
            self.row[first] |= head & tail;
            return;
        }
        self.row[first] |= head;
        self.row[first + 1..last].fill(!0);
        self.row[last] |= tail;
    }

    /// Row `y` is complete: notes the columns in which the void begins or ends.
    pub(super) fn end_row(&mut self, y: usize) {
        let column_words = self.column_words();
        let (word, bit) = (y / 64, 1 << (y % 64));
        for (at, (row, above)) in self.row.iter_mut().zip(&mut self.row_above).enumerate() {
            let mut changed = *row ^ *above;
            while changed != 0 {
                let column = at * 64 + changed.trailing_zeros() as usize;
                changed &= changed - 1;
                self.toggles[column * column_words + word] ^= bit;
            }
            *above = std::mem::take(row);
        }
    }

    /// The void within `visited` is complete: what of it shows, and hides what lies below.
    pub(super) fn finish(&mut self, visited: Option<PixelBox>) -> Visible {
        let mut runs = Runs::new(self.size[1]);
        if let Some(visited) = visited {
            self.end_row(visited.y[1]);
            for column in visited.x[0]..visited.x[1] {
                self.finish_column(column, visited, &mut runs);
            }
        }
        runs.finish(self.size)
    }

    fn finish_column(&mut self, column: usize, visited: PixelBox, runs: &mut Runs) {
        let from = column * self.column_words();
        let mut inside = 0_u64;
        for word in visited.y[0] / 64..=visited.y[1] / 64 {
            let toggles = std::mem::take(&mut self.toggles[from + word]);
            let void = parity_below(toggles) ^ inside;
            inside = 0_u64.wrapping_sub(void >> 63);
            let hidden = &mut self.hidden[from + word];
            let mut visible = void & !*hidden;
            *hidden |= void;
            while visible != 0 {
                let start = visible.trailing_zeros();
                let length = (!(visible >> start)).trailing_zeros();
                runs.push(column, word * 64 + start as usize, length as usize);
                visible &= u64::MAX.checked_shl(start + length).unwrap_or(0);
            }
        }
    }
}

/// Bit k of the result is the parity of bits 0 to k.
fn parity_below(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Gathers runs in column order.
struct Runs {
    height: usize,
    counts: Vec<u32>,
    end: usize,
    area: u64,
    columns: [usize; 2],
    rows: [usize; 2],
}

impl Runs {
    fn new(height: usize) -> Self {
        let none = [usize::MAX, 0];
        Self { height, counts: Vec::new(), end: 0, area: 0, columns: none, rows: none }
    }

    fn push(&mut self, column: usize, row: usize, length: usize) {
        let start = column * self.height + row;
        match self.counts.last_mut() {
            Some(last) if start == self.end => *last += length as u32,
            _ => self.counts.extend([(start - self.end) as u32, length as u32]),
        }
        self.end = start + length;
        self.area += length as u64;
        self.columns = [self.columns[0].min(column), column + 1];
        self.rows = [self.rows[0].min(row), self.rows[1].max(row + length)];
    }

    fn finish(mut self, [width, height]: [usize; 2]) -> Visible {
        let rest = width * height - self.end;
        if rest > 0 {
            self.counts.push(rest as u32);
        }
        let rle =
            Rle::new([height as u32, width as u32], self.counts).expect("invariant: the runs fill the image");
        let bbox = if self.area == 0 {
            [0.0; 4]
        } else {
            let [[x0, x1], [y0, y1]] = [self.columns, self.rows];
            [x0, y0, x1 - x0, y1 - y0].map(|value| value as f64)
        };
        Visible { rle, bbox, area: self.area }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays down a mask given row by row.
    fn lay(labels: &mut Labels, mask: &[bool]) -> Visible {
        let [width, height] = labels.size;
        for y in 0..height {
            for x in (0..width).filter(|x| mask[y * width + x]) {
                labels.cover(x, x + 1);
            }
            labels.end_row(y);
        }
        labels.finish(Some(PixelBox { x: [0, width], y: [0, height] }))
    }

    fn pattern(size: [usize; 2], modulus: usize) -> Vec<bool> {
        (0..size[0] * size[1]).map(|i| (i * i + i / 7) % modulus < modulus / 2).collect()
    }

    #[test]
    fn what_lies_above_hides_what_lies_below() {
        for size in [[3, 2], [70, 64], [40, 129]] {
            let mut labels = Labels::default();
            labels.begin(size);
            let (upper, lower) = (pattern(size, 5), pattern(size, 7));
            assert_eq!(lay(&mut labels, &upper).rle.to_mask(), upper);
            let seen = lay(&mut labels, &lower);
            let expected: Vec<bool> = lower.iter().zip(&upper).map(|(l, u)| *l && !u).collect();
            assert_eq!(seen.rle.to_mask(), expected);
            assert_eq!(seen.area, expected.iter().filter(|&&set| set).count() as u64);
            assert!(!lay(&mut labels, &lower).rle.to_mask().contains(&true), "hidden by itself");
        }
    }

    #[test]
    fn a_full_mask_is_one_run() {
        let mut labels = Labels::default();
        labels.begin([5, 128]);
        let full = lay(&mut labels, &[true; 5 * 128]);
        assert_eq!(full.rle.counts(), [0, 5 * 128]);
        assert_eq!(full.bbox, [0.0, 0.0, 5.0, 128.0]);
    }

    #[test]
    fn nothing_is_an_empty_record() {
        let mut labels = Labels::default();
        labels.begin([5, 4]);
        let none = labels.finish(None);
        assert_eq!((none.rle.counts(), none.bbox, none.area), ([20].as_slice(), [0.0; 4], 0));
    }
}
