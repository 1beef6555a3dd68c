use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Of a cache line: a register loaded from such a place touches one line.
const ALIGNMENT: usize = 64;

/// Numbers that begin with a cache line.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// Zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let values = vec![0.0; len + ALIGNMENT / size_of::<f32>()];
        let offset = values.as_ptr().align_offset(ALIGNMENT);
        let start = if offset < ALIGNMENT / size_of::<f32>() { offset } else { 0 };
        Self { values, start, len }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..][..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..][..self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

/// Memory that goes from image to image: what is in it is what the last one left.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Aligned>>);

impl Buffers {
    /// Calls `f` with one of `len` numbers, of any value.
    pub(crate) fn with<R>(&self, len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = last.filter(|buffer| buffer.len >= len).unwrap_or_else(|| Aligned::zeros(len));
        let result = f(&mut buffer[..len]);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_and_begins_with_a_cache_line() {
        let buffers = Buffers::default();
        let first = buffers.with(100, |values| {
            values.fill(1.0);
            values.as_ptr().addr()
        });
        assert_eq!(first % ALIGNMENT, 0);
        buffers.with(50, |values| assert_eq!((values.as_ptr().addr(), values), (first, &mut [1.0; 50][..])));
        buffers.with(5000, |values| assert_eq!(values.len(), 5000));
    }
}
