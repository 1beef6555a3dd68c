use super::outline::Point;

/// What a row of pixels is covered by.
pub(super) trait RowSink {
    /// Pixels `from..to` of row `y` are covered by `coverage`, a share in (0, 1].
    fn cover(&mut self, y: usize, from: usize, to: usize, coverage: f32);
    /// Row `y` is complete; called for every row of the polygon's box, downwards.
    fn end_row(&mut self, y: usize);
}

/// The part of the image that a polygon can touch: columns and rows, ends excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PixelBox {
    pub(super) x: [usize; 2],
    pub(super) y: [usize; 2],
}

impl PixelBox {
    /// The polygon's box within the image; `None` if it lies outside.
    fn around(polygon: &[Point], size: [usize; 2]) -> Option<Self> {
        let span = |axis: usize| {
            let values = polygon.iter().map(|p| p[axis]);
            let low = values.clone().fold(f64::INFINITY, f64::min).max(0.0);
            let high = values.fold(f64::NEG_INFINITY, f64::max).min(size[axis] as f64);
            (low < high).then(|| [low as usize, (high as usize + 1).min(size[axis])])
        };
        Some(Self { x: span(0)?, y: span(1)? })
    }
}

/// Computes the exact share of each pixel that a polygon covers.
///
/// Each edge adds, to the cells that it crosses, the change of coverage from there to the right;
/// a running sum along the row gives the coverage. Cells are found again through a bit set, so the
/// cost follows the length of the outline.
///
/// # References
/// The signed-area accumulation of font-rs, <https://github.com/raphlinus/font-rs>.
#[derive(Debug, Default)]
pub(super) struct Rasterizer {
    /// Changes of coverage, row by row; zero between calls.
    cells: Vec<f32>,
    /// Which cells were written; zero between calls.
    written: Vec<u64>,
    origin: [f64; 2],
    /// Columns and rows of the box.
    extent: [usize; 2],
}

impl Rasterizer {
    /// Fills the closed polygon, whose corners follow each other from the x towards the y axis,
    /// within an image of `size` = [width, height]; returns the box that was visited.
    pub(super) fn fill(
        &mut self,
        polygon: &[Point],
        size: [usize; 2],
        sink: &mut impl RowSink,
    ) -> Option<PixelBox> {
        let at = PixelBox::around(polygon, size)?;
        self.prepare(at);
        let next = polygon.iter().cycle().skip(1);
        for (&from, &to) in polygon.iter().zip(next) {
            self.edge(from, to);
        }
        self.emit(at, sink);
        Some(at)
    }

    fn prepare(&mut self, at: PixelBox) {
        self.extent = [at.x[1] - at.x[0], at.y[1] - at.y[0]];
        self.origin = [at.x[0] as f64, at.y[0] as f64];
        let (cells, words) = (self.stride() * self.extent[1], self.words() * self.extent[1]);
        if self.cells.len() < cells {
            self.cells.resize(cells, 0.0);
        }
        if self.written.len() < words {
            self.written.resize(words, 0);
        }
    }

    /// Cells of a row: one per pixel, and two beyond for what an edge in the last pixel adds.
    fn stride(&self) -> usize {
        self.extent[0] + 2
    }

    /// Words of a row's bit set.
    fn words(&self) -> usize {
        self.stride().div_ceil(64)
    }

    fn edge(&mut self, from: Point, to: Point) {
        let from = [from[0] - self.origin[0], from[1] - self.origin[1]];
        let to = [to[0] - self.origin[0], to[1] - self.origin[1]];
        let upwards = to[1] < from[1];
        let (top, bottom) = if upwards { (to, from) } else { (from, to) };
        let (first, last) = (top[1].max(0.0), bottom[1].min(self.extent[1] as f64));
        if last <= first {
            return;
        }
        let slope = (bottom[0] - top[0]) / (bottom[1] - top[1]);
        let sign = if upwards { 1.0 } else { -1.0 };
        let x_at = |y: f64| top[0] + (y - top[1]) * slope;
        let (mut y, mut x) = (first, x_at(first));
        for row in first as usize..self.extent[1] {
            let below = ((row + 1) as f64).min(last);
            let x_below = if below >= bottom[1] { bottom[0] } else { x_at(below) };
            self.piece(row, x, x_below, sign * (below - y));
            (y, x) = (below, x_below);
            if y >= last {
                break;
            }
        }
    }

    /// A piece of an edge within one row, between columns `a` and `b`, whose height is `|height|`.
    fn piece(&mut self, row: usize, a: f64, b: f64, height: f64) {
        let (mut left, mut right) = if a < b { (a, b) } else { (b, a) };
        let mut height = height;
        let width = self.extent[0] as f64;
        if right <= 0.0 {
            return self.add(row, 0, height);
        }
        if left >= width {
            return;
        }
        if left < 0.0 {
            let outside = height * (-left / (right - left));
            self.add(row, 0, outside);
            (height, left) = (height - outside, 0.0);
        }
        if right > width {
            height *= (width - left) / (right - left);
            right = width;
        }
        self.inner_piece(row, left, right, height);
    }

    /// A piece that lies within the box.
    fn inner_piece(&mut self, row: usize, left: f64, right: f64, height: f64) {
        let first = left as usize;
        let (offset, end) = (left - first as f64, right - first as f64);
        if end <= 1.0 {
            let right_of = height * (0.5 * (offset + end));
            self.add(row, first, height - right_of);
            return self.add(row, first + 1, right_of);
        }
        // The share of pixel k that lies right of the piece grows from cell to cell; each cell takes
        // the difference to the one before it.
        let rise = height / (right - left);
        let mut before = 0.5 * rise * (1.0 - offset) * (1.0 - offset);
        self.add(row, first, before);
        let mut cell = 1;
        while (cell as f64) + 1.0 < end {
            let share = rise * (cell as f64 + 0.5 - offset);
            self.add(row, first + cell, share - before);
            before = share;
            cell += 1;
        }
        let rest = end - cell as f64;
        let share = height - 0.5 * rise * rest * rest;
        self.add(row, first + cell, share - before);
        self.add(row, first + cell + 1, height - share);
    }

    fn add(&mut self, row: usize, cell: usize, change: f64) {
        let (stride, words) = (self.stride(), self.words());
        self.cells[row * stride + cell] += change as f32;
        self.written[row * words + cell / 64] |= 1 << (cell % 64);
    }

    fn emit(&mut self, at: PixelBox, sink: &mut impl RowSink) {
        for row in 0..self.extent[1] {
            self.emit_row(row, at, sink);
            sink.end_row(at.y[0] + row);
        }
    }

    fn emit_row(&mut self, row: usize, at: PixelBox, sink: &mut impl RowSink) {
        let (stride, words, width) = (self.stride(), self.words(), self.extent[0]);
        let cells = &mut self.cells[row * stride..][..stride];
        let (y, x) = (at.y[0] + row, at.x[0]);
        let (mut coverage, mut done) = (0.0_f32, 0);
        let mut cover = |from: usize, to: usize, coverage: f32| {
            if from < to && coverage > NEGLIGIBLE {
                sink.cover(y, x + from, x + to, coverage.min(1.0));
            }
        };
        for (word, bits) in self.written[row * words..][..words].iter_mut().enumerate() {
            let mut left = std::mem::take(bits);
            while left != 0 {
                let cell = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                cover(done, cell.min(width), coverage);
                coverage += std::mem::take(&mut cells[cell]);
                done = cell.min(width);
            }
        }
        cover(done, width, coverage);
    }
}

/// Rounding leaves about this much where the coverage is none.
const NEGLIGIBLE: f32 = 1e-5;

#[cfg(test)]
mod tests {
    use super::super::outline::area;
    use super::*;

    /// A plain image of the coverage.
    struct Canvas {
        width: usize,
        pixels: Vec<f32>,
    }

    impl RowSink for Canvas {
        fn cover(&mut self, y: usize, from: usize, to: usize, coverage: f32) {
            self.pixels[y * self.width + from..y * self.width + to].fill(coverage);
        }
        fn end_row(&mut self, _y: usize) {}
    }

    fn filled(polygon: &[Point], size: [usize; 2]) -> Vec<f32> {
        let mut canvas = Canvas { width: size[0], pixels: vec![0.0; size[0] * size[1]] };
        Rasterizer::default().fill(polygon, size, &mut canvas);
        canvas.pixels
    }

    #[test]
    fn a_rectangle_covers_its_share_of_every_pixel() {
        let polygon = [[1.25, 0.5], [3.5, 0.5], [3.5, 2.75], [1.25, 2.75]];
        let row = [0.0, 0.75, 1.0, 0.5, 0.0];
        let expected: Vec<f32> = [0.5, 1.0, 0.75, 0.0].iter().flat_map(|h| row.map(|w| w * h)).collect();
        for (got, want) in filled(&polygon, [5, 4]).iter().zip(&expected) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
    }

    #[test]
    fn a_flat_triangle_covers_by_hand() {
        // The hypotenuse falls from (0, 0) to (4, 1): pixel k has (k + ½)/4 above it.
        let polygon = [[0.0, 0.0], [4.0, 1.0], [0.0, 1.0]];
        for (k, got) in filled(&polygon, [4, 1]).iter().enumerate() {
            let want = 1.0 - (k as f32 + 0.5) / 4.0;
            assert!((got - want).abs() < 1e-6, "pixel {k}: {got} is not {want}");
        }
    }

    #[test]
    fn clipping_equals_cutting_a_larger_canvas() {
        let polygon = [[-3.3, 4.1], [5.2, -6.7], [14.9, 3.3], [9.4, 13.8], [2.2, 11.7]];
        let shifted: Vec<Point> = polygon.iter().map(|p| [p[0] + 20.0, p[1] + 20.0]).collect();
        let (cut, whole) = (filled(&polygon, [10, 8]), filled(&shifted, [50, 50]));
        for y in 0..8 {
            for x in 0..10 {
                let (a, b) = (cut[y * 10 + x], whole[(y + 20) * 50 + x + 20]);
                assert!((a - b).abs() < 1e-6, "({x}, {y}): {a} is not {b}");
            }
        }
        let total: f64 = whole.iter().map(|&c| f64::from(c)).sum();
        assert!((total - area(&polygon)).abs() < 1e-4);
    }

    #[test]
    fn outside_is_nothing() {
        let polygon = [[-9.0, -9.0], [-1.0, -9.0], [-1.0, -1.0]];
        let mut canvas = Canvas { width: 4, pixels: vec![0.0; 16] };
        assert_eq!(Rasterizer::default().fill(&polygon, [4, 4], &mut canvas), None);
    }
}
