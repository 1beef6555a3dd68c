use super::outline::Point;

/// Units per pixel of the corners' coordinates.
const UNIT: i32 = 256;
const UNIT_BITS: u32 = UNIT.trailing_zeros();
/// A fully covered pixel.
pub(super) const FULL: i32 = 2 * UNIT * UNIT;
/// Coordinates are moved by this many pixels before they are cut to units, so that cutting is flooring.
const ABOVE_ZERO: f64 = 65_536.0;

/// What a polygon's rows are drawn into.
pub(super) trait RowSink {
    /// Row `y` begins; its pixels `from..to` may be covered.
    fn begin_row(&mut self, y: usize, from: usize, to: usize);
    /// Pixels `from..to` of the row are covered by `coverage`, of 1 to [`FULL`]; `from < to`.
    fn cover(&mut self, from: usize, to: usize, coverage: i32);
    /// The row is complete; called for every row of the polygon's box, downwards.
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
    fn around(corners: &[[i32; 2]], size: [usize; 2]) -> Option<Self> {
        let start = ([i32::MAX; 2], [i32::MIN; 2]);
        let (low, high) = corners.iter().fold(start, |(low, high), p| {
            ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
        });
        let span = |axis: usize| {
            let from = (low[axis] >> UNIT_BITS).max(0) as usize;
            let to = ((high[axis] + UNIT - 1) >> UNIT_BITS).max(0) as usize;
            (from < to.min(size[axis])).then_some([from, to.min(size[axis])])
        };
        Some(Self { x: span(0)?, y: span(1)? })
    }
}

/// Computes the share of each pixel that a polygon covers: exactly, for corners on a grid of 1/256 px.
///
/// Each edge adds, to the cells that it crosses, the change of coverage from there to the right;
/// a running sum along the row gives the coverage. Cells are found again through a bit set, so the
/// cost follows the length of the outline. All of it is whole numbers: what an edge adds to a row
/// sums up to its height there, without rest.
///
/// # References
/// The signed-area accumulation of font-rs, <https://github.com/raphlinus/font-rs>, in the fixed
/// point of FreeType's smooth rasteriser.
#[derive(Debug, Default)]
pub(super) struct Rasterizer {
    corners: Vec<[i32; 2]>,
    /// Changes of coverage, row by row; zero between calls.
    cells: Vec<i32>,
    /// Which cells were written; zero between calls.
    written: Vec<u64>,
    /// Columns of the box, in units.
    width: i32,
    /// Rows of the box, in units.
    height: i32,
    /// Cells of a row: one per pixel, and two beyond for what an edge in the last pixel adds.
    stride: usize,
    /// Words of a row's bit set.
    words: usize,
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
        let units = |value: f64| {
            let moved = (value + ABOVE_ZERO) * f64::from(UNIT) + 0.5;
            (moved as i64 - (ABOVE_ZERO as i64) * i64::from(UNIT)) as i32
        };
        self.corners.clear();
        self.corners.extend(polygon.iter().map(|point| point.map(units)));
        let at = PixelBox::around(&self.corners, size)?;
        self.prepare(at);
        let corners = std::mem::take(&mut self.corners);
        let origin = [at.x[0], at.y[0]].map(|pixel| pixel as i32 * UNIT);
        let moved = |corner: &[i32; 2]| [corner[0] - origin[0], corner[1] - origin[1]];
        let mut from = corners.last().map_or([0; 2], moved);
        for to in corners.iter().map(moved) {
            self.edge(from, to);
            from = to;
        }
        self.corners = corners;
        self.emit(at, sink);
        Some(at)
    }

    fn prepare(&mut self, at: PixelBox) {
        let [columns, rows] = [at.x[1] - at.x[0], at.y[1] - at.y[0]];
        (self.width, self.height) = (columns as i32 * UNIT, rows as i32 * UNIT);
        self.stride = columns + 2;
        self.words = self.stride.div_ceil(64);
        if self.cells.len() < self.stride * rows {
            self.cells.resize(self.stride * rows, 0);
        }
        if self.written.len() < self.words * rows {
            self.written.resize(self.words * rows, 0);
        }
    }

    fn edge(&mut self, from: [i32; 2], to: [i32; 2]) {
        let (top, bottom, sign) = if to[1] < from[1] { (to, from, 1) } else { (from, to, -1) };
        let (first, last) = (top[1].max(0), bottom[1].min(self.height));
        if first >= last {
            return;
        }
        let inside = top[0].min(bottom[0]) >= 0 && top[0].max(bottom[0]) <= self.width;
        let row = top[1] >> UNIT_BITS;
        if inside && first == top[1] && bottom[1] <= (row + 1) << UNIT_BITS {
            let (left, right) = (top[0].min(bottom[0]), top[0].max(bottom[0]));
            return self.piece(row as usize, left, right, sign * (bottom[1] - top[1]));
        }
        // 2⁻³² of a unit; the quotient of two whole numbers is rounded alike everywhere.
        let slope = (f64::from(bottom[0] - top[0]) / f64::from(bottom[1] - top[1]) * 4_294_967_296.0) as i64;
        let x_at = |y: i32| top[0] + ((slope * i64::from(y - top[1]) + (1 << 31)) >> 32) as i32;
        let (mut y, mut x) = (first, x_at(first));
        while y < last {
            let row = y >> UNIT_BITS;
            let below = ((row + 1) << UNIT_BITS).min(last);
            let x_below = if below == bottom[1] { bottom[0] } else { x_at(below) };
            let (left, right) = (x.min(x_below), x.max(x_below));
            if inside {
                self.piece(row as usize, left, right, sign * (below - y));
            } else {
                self.cut_piece(row as usize, left, right, sign * (below - y));
            }
            (y, x) = (below, x_below);
        }
    }

    /// A piece of an edge within one row that may leave the box sideways: what lies left of it acts
    /// on its first column, what lies right of it on none.
    fn cut_piece(&mut self, row: usize, left: i32, right: i32, height: i32) {
        if right <= 0 {
            return self.piece(row, 0, 0, height);
        }
        if left >= self.width {
            return;
        }
        let share = |part: i32| (i64::from(height) * i64::from(part) / i64::from(right - left)) as i32;
        let outside = if left < 0 { share(-left) } else { 0 };
        let beyond = if right > self.width { share(right - self.width) } else { 0 };
        if outside != 0 {
            self.piece(row, 0, 0, outside);
        }
        self.piece(row, left.max(0), right.min(self.width), height - outside - beyond);
    }

    /// A piece of an edge within one row and within the box, from column `left` to `right`.
    #[inline]
    fn piece(&mut self, row: usize, left: i32, right: i32, height: i32) {
        let first = (left >> UNIT_BITS) as usize;
        let (offset, end) = (left & (UNIT - 1), right - (left & !(UNIT - 1)));
        if end <= UNIT {
            let right_of = height * (offset + end);
            self.add(row, first, height * (2 * UNIT) - right_of, right_of);
        } else {
            self.flat_piece(row, first, [offset, end], height);
        }
    }

    /// A piece across several cells, from `offset` in the first one to `end`, counted from its start.
    fn flat_piece(&mut self, row: usize, first: usize, [offset, end]: [i32; 2], height: i32) {
        // What of cell k the piece covers, in full cells, grows with k; a cell gets the difference to
        // the one before it. `rise` is the height per unit of width, in 2⁻²⁴.
        let rise = (i64::from(height) << 24) / i64::from(end - offset);
        let inner = |width: i32| ((rise * i64::from(width) * i64::from(UNIT)) >> 23) as i32;
        let corner = |width: i32| ((rise * i64::from(width) * i64::from(width)) >> 24) as i32;
        let mut before = corner(UNIT - offset);
        let mut cell = 1;
        self.add(row, first, before, 0);
        while (cell + 1) * UNIT < end {
            let share = inner(cell * UNIT + UNIT / 2 - offset);
            self.add(row, first + cell as usize, share - before, 0);
            before = share;
            cell += 1;
        }
        let total = height * (2 * UNIT);
        let share = total - corner(end - cell * UNIT);
        self.add(row, first + cell as usize, share - before, total - share);
    }

    /// Changes the coverage from `cell` and from the next one on.
    #[inline]
    fn add(&mut self, row: usize, cell: usize, change: i32, change_next: i32) {
        let cells = &mut self.cells[row * self.stride + cell..][..2];
        cells[0] += change;
        cells[1] += change_next;
        let at = row * self.words + cell / 64;
        self.written[at] |= 0b11 << (cell % 64);
        if cell % 64 == 63 {
            self.written[at + 1] |= 1;
        }
    }

    fn emit(&mut self, at: PixelBox, sink: &mut impl RowSink) {
        let columns = at.x[1] - at.x[0];
        let rows = self.cells.chunks_exact_mut(self.stride).zip(self.written.chunks_exact_mut(self.words));
        for (y, (cells, written)) in (at.y[0]..at.y[1]).zip(rows) {
            emit_row(cells, written, columns, [at.x[0], y], sink);
            sink.end_row(y);
        }
    }
}

/// Hands out one row and clears it.
#[inline]
fn emit_row(
    cells: &mut [i32],
    written: &mut [u64],
    columns: usize,
    [x, y]: [usize; 2],
    sink: &mut impl RowSink,
) {
    let Some(first) = written.iter().position(|&bits| bits != 0) else { return };
    let first_cell = first * 64 + written[first].trailing_zeros() as usize;
    sink.begin_row(y, x + first_cell.min(columns), x + columns);
    let (mut coverage, mut done) = (0, 0);
    let mut cover = |from: usize, to: usize, coverage: i32| {
        if from < to && coverage > 0 {
            sink.cover(x + from, x + to, coverage.min(FULL));
        }
    };
    for (word, bits) in written.iter_mut().enumerate().skip(first) {
        let mut left = std::mem::take(bits);
        while left != 0 {
            let cell = word * 64 + left.trailing_zeros() as usize;
            left &= left - 1;
            cover(done, cell.min(columns), coverage);
            coverage += std::mem::take(&mut cells[cell]);
            done = cell.min(columns);
        }
    }
    cover(done, columns, coverage);
}

#[cfg(test)]
mod tests {
    use super::super::outline::area;
    use super::*;

    /// A plain image of the coverage.
    struct Canvas {
        width: usize,
        row: usize,
        pixels: Vec<f32>,
    }

    impl RowSink for Canvas {
        fn begin_row(&mut self, y: usize, _from: usize, _to: usize) {
            self.row = y;
        }

        fn cover(&mut self, from: usize, to: usize, coverage: i32) {
            let start = self.row * self.width;
            self.pixels[start + from..start + to].fill(coverage as f32 / FULL as f32);
        }

        fn end_row(&mut self, _y: usize) {}
    }

    fn filled(polygon: &[Point], size: [usize; 2]) -> Vec<f32> {
        let mut canvas = Canvas { width: size[0], row: 0, pixels: vec![0.0; size[0] * size[1]] };
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
            assert!((got - want).abs() < 1e-4, "pixel {k}: {got} is not {want}");
        }
    }

    #[test]
    fn long_flat_edges_keep_their_slope() {
        // The hypotenuse falls 1 px over 4096: pixel k has (k + ½)/4096 above it.
        let polygon = [[0.0, 0.0], [4096.0, 1.0], [0.0, 1.0]];
        for (k, got) in filled(&polygon, [4096, 1]).iter().enumerate() {
            let want = 1.0 - (k as f32 + 0.5) / 4096.0;
            assert!((got - want).abs() < 1e-3, "pixel {k}: {got} is not {want}");
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
                assert!((a - b).abs() < 0.01, "({x}, {y}): {a} is not {b}");
            }
        }
        let total: f64 = whole.iter().map(|&c| f64::from(c)).sum();
        assert!((total - area(&polygon)).abs() < 0.05, "{total}");
    }

    #[test]
    fn outside_is_nothing() {
        let polygon = [[-9.0, -9.0], [-1.0, -9.0], [-1.0, -1.0]];
        let mut canvas = Canvas { width: 4, row: 0, pixels: vec![0.0; 16] };
        assert_eq!(Rasterizer::default().fill(&polygon, [4, 4], &mut canvas), None);
    }
}
