//! The one place where a file is mapped into memory.

use std::fs::File;
use std::sync::Arc;

use memmap2::Mmap;

/// Maps a whole file for reading.
#[expect(unsafe_code, reason = "the system maps a file without a promise that it stays as it is")]
pub(super) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map must not change while it is read. Our own writers never touch a file that has
    // its name: they write another one and rename it over, and the map keeps the old file. What
    // remains is a foreign program that writes into the very file. Everything taken from the map that
    // is used as an index or a length is copied out before it is checked, so such a change cannot
    // reach memory outside the map; the rows stay in the map, are only read as plain floats, for
    // which every bit pattern is a value, and may then give wrong distances or an error. If the file
    // is cut short, reading behind its end ends the process (SIGBUS), as with any mapped file.
    // `Hnsw::open` passes this on to its caller in its documentation.
    unsafe { Mmap::map(file) }
}

/// The rows of a mapped file.
#[derive(Clone, Debug)]
pub(super) struct MappedRows {
    map: Arc<Mmap>,
    /// Where the rows begin, in bytes.
    start: usize,
    /// Number of float32 values.
    len: usize,
}

impl MappedRows {
    /// `len` little-endian float32 from byte `start` on; `None` if they do not lie in the map, the start
    /// is not a multiple of 4, or this machine is big-endian.
    pub(super) fn new(map: Mmap, (start, len): (usize, usize)) -> Option<Self> {
        let end = len.checked_mul(4)?.checked_add(start)?;
        let values = bytemuck::try_cast_slice::<u8, f32>(map.get(start..end)?);
        let usable = values.is_ok() && cfg!(target_endian = "little");
        usable.then(|| Self { map: Arc::new(map), start, len })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// `len` values from `at` on.
    pub(super) fn values(&self, at: usize, len: usize) -> &[f32] {
        let start = self.start + 4 * at;
        bytemuck::cast_slice(&self.map[start..start + 4 * len])
    }
}
