//! Tensors as ranges of bytes of an open file, read one at a time.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayD, ArrayView, IxDyn, ShapeBuilder};
use synth_core::Result;

use super::dtype::{ByteOrder, Dtype, append_f32};
use super::error::{corrupt, corrupt_tensor, io_error};

/// Bytes read at once; a multiple of every number's size.
const BLOCK_BYTES: usize = 1 << 20;

/// More axes than any weight has.
const MAX_AXES: usize = 16;

/// Shape and type of a tensor in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Lengths of its axes, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub dtype: Dtype,
}

/// A file that stays open, so that its tensors can be read when they are asked for.
#[derive(Debug)]
pub(super) struct WeightsFile {
    path: PathBuf,
    file: Mutex<File>,
    bytes: u64,
}

impl WeightsFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        // Before it is opened, which waits where a pipe has no writer.
        if !fs::metadata(path).map_err(io_error("reading", path))?.is_file() {
            return Err(corrupt(
                path,
                "not a regular file; give a file of weights, or a folder that holds one",
            ));
        }
        let file = File::open(path).map_err(io_error("reading", path))?;
        let metadata = file.metadata().map_err(io_error("reading", path))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), bytes: metadata.len() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length when it was opened.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` from `start` on.
    pub(super) fn read_at(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(buffer));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                corrupt(&self.path, format!("it ends before byte {}", start + buffer.len() as u64))
            }
            _ => io_error("reading", &self.path)(error),
        })
    }

    /// The `bytes` bytes from `start` on, which the caller has checked to lie in the file.
    pub(super) fn read_vec(&self, start: u64, bytes: usize) -> Result<Vec<u8>> {
        let mut buffer = vec![0; bytes];
        self.read_at(start, &mut buffer)?;
        Ok(buffer)
    }
}

/// Bytes of a file that hold numbers of one type.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    pub(super) start: u64,
    pub(super) bytes: u64,
    pub(super) order: ByteOrder,
    /// CRC-32 of all its bytes, where the file has one.
    pub(super) crc32: Option<u32>,
}

/// Which numbers of a storage a tensor shows.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) info: TensorInfo,
    /// Number of the storage that is the tensor's first.
    pub(super) offset: u64,
    /// Steps in the storage from one index of an axis to the next.
    pub(super) strides: Vec<usize>,
}

/// A tensor whose every number is known to lie in its storage, and its storage in the file.
#[derive(Clone, Debug)]
pub(super) struct StoredTensor {
    info: TensorInfo,
    strides: Vec<usize>,
    elements: usize,
    start: u64,
    order: ByteOrder,
    /// Set where the tensor is its whole storage.
    crc32: Option<u32>,
}

impl StoredTensor {
    /// Checks a view of a storage; the error says what is wrong with it.
    pub(super) fn new(view: View, storage: &Storage) -> Result<Self, String> {
        let View { info, offset, strides } = view;
        let number = info.dtype.bytes() as u64;
        let stored = storage.bytes / number;
        if info.shape.len() > MAX_AXES {
            return Err(format!("{} axes, more than the {MAX_AXES} allowed", info.shape.len()));
        }
        if strides.len() != info.shape.len() {
            return Err(format!("{} strides for shape {:?}", strides.len(), info.shape));
        }
        let elements = elements(&info.shape)
            .ok_or_else(|| format!("shape {:?} has more numbers than memory can hold", info.shape))?;
        if elements as u64 > stored {
            return Err(format!(
                "shape {:?} needs {elements} numbers of {}, its storage holds {stored}; a view that repeats \
                 numbers (`expand`) must be saved with `.contiguous()`",
                info.shape, info.dtype
            ));
        }
        let span = span(&info.shape, &strides).and_then(|span| offset.checked_add(span));
        if elements > 0 && span.is_none_or(|end| end > stored) {
            return Err(format!(
                "shape {:?} with strides {strides:?} from number {offset} on leaves its storage of {stored} \
                 numbers",
                info.shape
            ));
        }
        let is_whole = elements as u64 * number == storage.bytes && is_contiguous(&info.shape, &strides);
        let start = if elements > 0 { storage.start + offset * number } else { storage.start };
        let crc32 = storage.crc32.filter(|_| is_whole);
        Ok(Self { info, strides, elements, start, order: storage.order, crc32 })
    }

    pub(super) fn info(&self) -> &TensorInfo {
        &self.info
    }

    pub(super) fn elements(&self) -> usize {
        self.elements
    }

    /// The tensor in standard (row-major) order; `name` is for errors.
    pub(super) fn read(&self, file: &WeightsFile, name: &str) -> Result<ArrayD<f32>> {
        if !self.info.dtype.is_readable() {
            let problem = format!("its type is {}; weights are f64, f32, f16 or bf16", self.info.dtype);
            return Err(corrupt_tensor(file.path(), name, problem));
        }
        let shape = IxDyn(&self.info.shape);
        let fault = |error: ndarray::ShapeError| corrupt_tensor(file.path(), name, error);
        if self.elements == 0 || is_contiguous(&self.info.shape, &self.strides) {
            return ArrayD::from_shape_vec(shape, self.numbers(file, name, self.elements)?).map_err(fault);
        }
        let span = span(&self.info.shape, &self.strides)
            .and_then(|span| usize::try_from(span).ok())
            .expect("invariant: checked to lie in the storage");
        let numbers = self.numbers(file, name, span)?;
        let view = ArrayView::from_shape(shape.strides(IxDyn(&self.strides)), &numbers).map_err(fault)?;
        Ok(view.as_standard_layout().into_owned())
    }

    /// The `count` numbers from the tensor's first on, as they lie in the file.
    fn numbers(&self, file: &WeightsFile, name: &str, count: usize) -> Result<Vec<f32>> {
        let number = self.info.dtype.bytes();
        let mut values = Vec::with_capacity(count);
        let mut block = vec![0; BLOCK_BYTES.min(count * number)];
        let mut crc = crc32fast::Hasher::new();
        let mut start = self.start;
        while values.len() < count {
            let bytes = block.len().min((count - values.len()) * number);
            file.read_at(start, &mut block[..bytes])?;
            crc.update(&block[..bytes]);
            append_f32(self.info.dtype, self.order, &block[..bytes], &mut values);
            start += bytes as u64;
        }
        match self.crc32 {
            Some(expected) if crc.finalize() != expected => Err(corrupt_tensor(
                file.path(),
                name,
                "its bytes do not match their checksum; fetch the file anew",
            )),
            _ => Ok(values),
        }
    }
}

/// Number of elements of a shape, where it fits and its bytes could be addressed.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length.max(1)))?;
    product.checked_mul(8).filter(|&bytes| isize::try_from(bytes).is_ok())?;
    Some(if shape.contains(&0) { 0 } else { product })
}

/// Strides of a row-major tensor whose [`elements`] are known to fit.
pub(super) fn row_major_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

/// Numbers from the first to the last of a tensor without empty axes, both counted.
fn span(shape: &[usize], strides: &[usize]) -> Option<u64> {
    shape.iter().zip(strides).try_fold(1_u64, |span, (&length, &stride)| {
        (length.saturating_sub(1) as u64).checked_mul(stride as u64)?.checked_add(span)
    })
}

/// Whether the numbers lie row by row without gaps; strides of axes of length 1 do not matter.
fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let expected = row_major_strides(shape);
    (0..shape.len()).all(|axis| shape[axis] <= 1 || strides[axis] == expected[axis])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(shape: &[usize], strides: &[usize], offset: u64) -> Result<StoredTensor, String> {
        let info = TensorInfo { shape: shape.to_vec(), dtype: Dtype::F32 };
        let storage = Storage { start: 0, bytes: 24, order: ByteOrder::Little, crc32: None };
        StoredTensor::new(View { info, offset, strides: strides.to_vec() }, &storage)
    }

    #[test]
    fn views_that_fit_are_taken() {
        assert_eq!(stored(&[2, 3], &[3, 1], 0).expect("whole").elements(), 6);
        assert_eq!(stored(&[], &[], 5).expect("last number").elements(), 1);
        assert_eq!(stored(&[3, 2], &[1, 3], 0).expect("transposed").elements(), 6);
        assert_eq!(stored(&[0, 9], &[9, 1], 90).expect("empty").elements(), 0);
    }

    #[test]
    fn views_that_leave_their_storage_are_refused() {
        for (shape, strides, offset) in [
            (&[2, 3][..], &[3, 1][..], 1),
            (&[2, 3], &[4, 1], 0),
            (&[7], &[0], 0),
            (&[6], &[1], u64::MAX),
            (&[2], &[usize::MAX], 0),
            (&[usize::MAX, 2], &[2, 1], 0),
            (&[0, usize::MAX, usize::MAX], &[1, 1, 1], 0),
            (&[6], &[], 0),
        ] {
            assert!(stored(shape, strides, offset).is_err(), "{shape:?} {strides:?} {offset}");
        }
    }
}
