use std::ops::Range;

/// The `k` smallest values seen by each row of a block, with the indices they came from.
///
/// Equal values are ordered by index, so what is kept does not depend on the order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct Smallest {
    start: usize,
    k: usize,
    values: Vec<f64>,
    indices: Vec<usize>,
    /// The last of each row's values, side by side: the one number that most arrivals are held against.
    largest: Vec<f64>,
}

impl Smallest {
    /// Nothing seen yet by the rows in `range`; each will keep up to `k` values.
    #[must_use]
    pub fn new(range: Range<usize>, k: usize) -> Self {
        let len = range.len() * k;
        Self {
            start: range.start,
            k,
            values: vec![f64::INFINITY; len],
            indices: vec![usize::MAX; len],
            largest: vec![f64::INFINITY; range.len()],
        }
    }

    /// Row `row` sees `values` that come from `first`, `first + 1`, …
    ///
    /// # Panics
    /// If `row` lies outside the range.
    pub fn see_row(&mut self, row: usize, first: usize, values: &[f64]) {
        self.see_except(row, first, values, usize::MAX);
    }

    /// As [`see_row`](Self::see_row), passing over what comes from `row` itself.
    ///
    /// # Panics
    /// If `row` lies outside the range.
    pub fn see_others(&mut self, row: usize, first: usize, values: &[f64]) {
        self.see_except(row, first, values, row);
    }

    /// The row of each value, `first_row`, `first_row + 1`, … sees it come from `index`.
    ///
    /// # Panics
    /// If a row lies outside the range.
    pub fn see_column(&mut self, first_row: usize, index: usize, values: &[f64]) {
        if self.k == 0 {
            return;
        }
        let first = first_row - self.start;
        for (slot, &value) in (first..).zip(values) {
            if value <= self.largest[slot] {
                self.insert(slot, value, index);
            }
        }
    }

    /// The values kept for `row`, ascending; infinite where fewer than `k` were seen.
    ///
    /// # Panics
    /// If `row` lies outside the range.
    #[must_use]
    pub fn values(&self, row: usize) -> &[f64] {
        let at = (row - self.start) * self.k;
        &self.values[at..at + self.k]
    }

    /// Where the values of `row` came from; `usize::MAX` where fewer than `k` were seen.
    ///
    /// # Panics
    /// If `row` lies outside the range.
    #[must_use]
    pub fn indices(&self, row: usize) -> &[usize] {
        let at = (row - self.start) * self.k;
        &self.indices[at..at + self.k]
    }

    /// The rows this state belongs to.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.largest.len()
    }

    fn see_except(&mut self, row: usize, first: usize, values: &[f64], except: usize) {
        if self.k == 0 {
            return;
        }
        let slot = row - self.start;
        for (index, &value) in (first..).zip(values) {
            if value <= self.largest[slot] && index != except {
                self.insert(slot, value, index);
            }
        }
    }

    fn insert(&mut self, slot: usize, value: f64, index: usize) {
        let at = slot * self.k;
        let values = &mut self.values[at..at + self.k];
        let indices = &mut self.indices[at..at + self.k];
        let after = |i: usize| (values[i], indices[i]) > (value, index);
        let Some(place) = (0..self.k).find(|&i| after(i)) else { return };
        values[place..].rotate_right(1);
        indices[place..].rotate_right(1);
        values[place] = value;
        indices[place] = index;
        self.largest[slot] = values[self.k - 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_smallest_in_order_whatever_the_arrival() {
        let mut one = Smallest::new(4..6, 3);
        one.see_row(5, 0, &[5.0, 1.0, 4.0, 1.0]);
        one.see_row(5, 9, &[2.0]);
        let mut other = Smallest::new(4..6, 3);
        other.see_row(5, 9, &[2.0]);
        for (index, value) in [(3, 1.0), (2, 4.0), (1, 1.0), (0, 5.0)] {
            other.see_column(5, index, &[value]);
        }
        assert_eq!(one, other);
        assert_eq!((one.values(5), one.indices(5)), (&[1.0, 1.0, 2.0][..], &[1, 3, 9][..]));
        assert_eq!(one.values(4), [f64::INFINITY; 3]);
        assert_eq!(one.range(), 4..6);
    }

    #[test]
    fn passes_over_itself() {
        let mut state = Smallest::new(0..2, 1);
        state.see_others(1, 0, &[7.0, 0.0, 9.0]);
        assert_eq!((state.values(1)[0], state.indices(1)[0]), (7.0, 0));
    }
}
