use std::ops::Range;

use rayon::prelude::*;

use super::super::super::Threads;

/// How the channels of an image lie in memory: band after band of rows; in a band panel after panel of
/// `lanes` channels, the last filled up; in a panel place after place, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) channels: usize,
    pub(crate) lanes: usize,
    /// Rows of a band; the last may have fewer.
    pub(crate) band: usize,
}

/// Some panels of a band: they lie together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) rows: Range<usize>,
    pub(crate) panels: Range<usize>,
}

impl Layout {
    /// Panels of a place.
    pub(crate) fn panels(&self) -> usize {
        self.channels.div_ceil(self.lanes)
    }

    /// Numbers in all.
    pub(crate) fn len(&self) -> usize {
        self.rows * self.columns * self.panels() * self.lanes
    }

    /// The rows of the band that `row` is in.
    pub(crate) fn band_of(&self, row: usize) -> Range<usize> {
        let start = row / self.band * self.band;
        start..self.rows.min(start + self.band)
    }

    /// From one panel of this band to the next.
    pub(crate) fn panel_step(&self, band: &Range<usize>) -> usize {
        band.len() * self.columns * self.lanes
    }

    /// Where a row begins in the first panel of its band.
    pub(crate) fn row_start(&self, row: usize) -> usize {
        let band = self.band_of(row);
        (band.start * self.panels() + row - band.start) * self.columns * self.lanes
    }

    /// The rows in pieces that lie together.
    pub(crate) fn pieces(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let mut at = rows.start;
        std::iter::from_fn(move || {
            let piece = (at < rows.end).then(|| at..self.band_of(at).end.min(rows.end))?;
            at = piece.end;
            Some(piece)
        })
    }

    /// Where a part begins.
    pub(crate) fn part_start(&self, part: &Part) -> usize {
        self.row_start(part.rows.start) + part.panels.start * self.panel_step(&part.rows)
    }

    /// Calls `f` with every part of at most `panels` panels and its place in `values`: side by side with
    /// all threads, else in order.
    pub(crate) fn for_each_part(
        &self,
        panels: usize,
        values: &mut [f32],
        threads: Threads,
        f: impl Fn(&Part, &mut [f32]) + Sync,
    ) {
        let mut rest = &mut values[..self.len()];
        let mut parts = Vec::new();
        for start in (0..self.rows).step_by(self.band) {
            let rows = self.band_of(start);
            for first in (0..self.panels()).step_by(panels) {
                let part = Part { rows: rows.clone(), panels: first..self.panels().min(first + panels) };
                let (of_part, others) = rest.split_at_mut(self.panel_step(&rows) * part.panels.len());
                parts.push((part, of_part));
                rest = others;
            }
        }
        match threads {
            Threads::One => parts.iter_mut().for_each(|(part, values)| f(part, values)),
            Threads::All => parts.par_iter_mut().for_each(|(part, values)| f(part, values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_everything_in_order() {
        let layout = Layout { rows: 7, columns: 5, channels: 40, lanes: 16, band: 3 };
        assert_eq!((layout.panels(), layout.len()), (3, 7 * 5 * 48));
        assert_eq!((layout.band_of(4), layout.band_of(6)), (3..6, 6..7));
        assert_eq!(layout.row_start(4), (3 * 3 + 1) * 5 * 16);
        assert_eq!(layout.pieces(2..7).collect::<Vec<_>>(), [2..3, 3..6, 6..7]);
        for threads in [Threads::One, Threads::All] {
            let mut values = vec![0.0; layout.len()];
            let start = values.as_ptr().addr();
            layout.for_each_part(2, &mut values, threads, |part, values| {
                assert_eq!(values.as_ptr().addr() - start, layout.part_start(part) * size_of::<f32>());
                assert_eq!(values.len(), part.rows.len() * part.panels.len() * 5 * 16);
                values.fill((part.rows.start * 10 + part.panels.start) as f32);
            });
            let changes: Vec<f32> = values.chunk_by(|a, b| a == b).map(|run| run[0]).collect();
            assert_eq!(changes, [0.0, 2.0, 30.0, 32.0, 60.0, 62.0]);
        }
    }
}
