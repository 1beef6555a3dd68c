use std::fs;
use std::path::Path;

use ndarray::{Array2, ArrayView2, ShapeBuilder};
use synth_core::Result;

use super::header::{Dtype, Header};
use crate::error::{corrupt, io_error};

/// A number that a `.npy` file can hold.
trait Element: Copy {
    const DTYPE: Dtype;
    fn push(self, bytes: &mut Vec<u8>);
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
    fn push(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;
    fn push(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

/// The `.npy` file of a float32 matrix: little-endian, C order. The same matrix gives the same bytes.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use std::path::Path;
/// use synth_export::{npy_from_f32, parse_npy};
/// let bytes = npy_from_f32(array![[1.0, 2.0], [3.0, 4.5]].view());
/// assert_eq!(parse_npy(Path::new("m.npy"), &bytes)?, array![[1.0, 2.0], [3.0, 4.5]]);
/// let error = parse_npy(Path::new("m.npy"), &bytes[..140]).unwrap_err();
/// assert_eq!(error.to_string(), "`m.npy` is corrupt: truncated: 12 of 16 bytes of a 2 × 2 matrix");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[must_use]
pub fn npy_from_f32(matrix: ArrayView2<'_, f32>) -> Vec<u8> {
    to_bytes(matrix)
}

/// As [`npy_from_f32`], for float64.
#[must_use]
pub fn npy_from_f64(matrix: ArrayView2<'_, f64>) -> Vec<u8> {
    to_bytes(matrix)
}

fn to_bytes<E: Element>(matrix: ArrayView2<'_, E>) -> Vec<u8> {
    let mut bytes = header_bytes::<E>(matrix.dim());
    push_elements(matrix, &mut bytes);
    bytes
}

fn header_bytes<E: Element>(shape: (usize, usize)) -> Vec<u8> {
    Header { dtype: E::DTYPE, is_fortran: false, shape: shape.into() }.to_bytes()
}

/// Header of a float32 matrix that is written piece by piece.
pub(super) fn f32_header(rows: usize, columns: usize) -> Vec<u8> {
    header_bytes::<f32>((rows, columns))
}

/// Elements row by row.
fn push_elements<E: Element>(matrix: ArrayView2<'_, E>, bytes: &mut Vec<u8>) {
    bytes.reserve(matrix.len() * E::DTYPE.bytes());
    // `iter` runs in logical (row by row) order, whatever the memory layout.
    matrix.iter().for_each(|element| element.push(bytes));
}

/// The elements of a float32 matrix, without a header.
pub(super) fn f32_elements(matrix: ArrayView2<'_, f32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_elements(matrix, &mut bytes);
    bytes
}

/// The matrix of a `.npy` file that was read from `path`: float32 or float64, C or Fortran order.
/// Float32 becomes float64 without loss. NaN and infinity are kept; embeddings refuse them.
///
/// # Errors
/// [`Error::Corrupt`](synth_core::Error::Corrupt) naming the path and what is wrong: no `.npy`, another element type, not two
/// dimensions, too few or too many bytes.
pub fn parse_npy(path: &Path, bytes: &[u8]) -> Result<Array2<f64>> {
    let (header, elements) = split(path, bytes)?;
    match header.dtype {
        Dtype::F32 => {
            matrix(path, header, elements.as_chunks::<4>().0, |&chunk| f32::from_le_bytes(chunk).into())
        }
        Dtype::F64 => matrix(path, header, elements.as_chunks::<8>().0, |&chunk| f64::from_le_bytes(chunk)),
    }
}

/// As [`parse_npy`], with the elements as float32: float64 is rounded, and a number beyond float32 is
/// an error that names it.
pub(super) fn parse_npy_f32(path: &Path, bytes: &[u8]) -> Result<Array2<f32>> {
    let (header, elements) = split(path, bytes)?;
    match header.dtype {
        Dtype::F32 => matrix(path, header, elements.as_chunks::<4>().0, |&chunk| f32::from_le_bytes(chunk)),
        Dtype::F64 => {
            let wide = matrix(path, header, elements.as_chunks::<8>().0, |&chunk| f64::from_le_bytes(chunk))?;
            let beyond = |value: f64| value.is_finite() && !(value as f32).is_finite();
            if let Some(((row, column), value)) = wide.indexed_iter().find(|(_, value)| beyond(**value)) {
                let problem = format!(
                    "row {row}, column {column}: {value:e} is beyond float32 (±{:.1e}), in which embeddings \
                     are kept",
                    f32::MAX
                );
                return Err(corrupt(path, problem));
            }
            Ok(wide.mapv(|value| value as f32))
        }
    }
}

/// Reads the matrix at `path`, as [`parse_npy`].
///
/// # Errors
/// [`Error::Io`](synth_core::Error::Io), [`Error::Corrupt`](synth_core::Error::Corrupt).
pub fn read_npy(path: &Path) -> Result<Array2<f64>> {
    parse_npy(path, &fs::read(path).map_err(io_error("reading", path))?)
}

fn split<'a>(path: &Path, bytes: &'a [u8]) -> Result<(Header, &'a [u8])> {
    let (header, taken) = Header::parse(bytes).map_err(|problem| corrupt(path, problem))?;
    let [rows, columns] = header.shape;
    let needed = rows.checked_mul(columns).and_then(|count| count.checked_mul(header.dtype.bytes()));
    let elements = &bytes[taken..];
    match needed {
        Some(needed) if needed == elements.len() => Ok((header, elements)),
        Some(needed) if needed > elements.len() => {
            let problem =
                format!("truncated: {} of {needed} bytes of a {rows} × {columns} matrix", elements.len());
            Err(corrupt(path, problem))
        }
        Some(needed) => Err(corrupt(path, format!("{} bytes follow the matrix", elements.len() - needed))),
        None => Err(corrupt(path, format!("a matrix of {rows} × {columns} cannot exist"))),
    }
}

fn matrix<C, E: Clone>(
    path: &Path,
    header: Header,
    chunks: &[C],
    element: impl Fn(&C) -> E,
) -> Result<Array2<E>> {
    let elements = chunks.iter().map(element).collect();
    let shape = (header.shape[0], header.shape[1]).set_f(header.is_fortran);
    let matrix = Array2::from_shape_vec(shape, elements).map_err(|error| corrupt(path, error))?;
    // C order in memory, so that nobody downstream meets a surprising layout.
    Ok(if matrix.is_standard_layout() { matrix } else { matrix.as_standard_layout().into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;
    use synth_core::Error;

    proptest! {
        #[test]
        fn reads_back_to_the_bit(rows in 0..5_usize, columns in 0..5_usize, seed in any::<u32>()) {
            let value = |(row, column): (usize, usize)| {
                f32::from_bits(seed.wrapping_mul(2_654_435_761).wrapping_add((row * 7 + column) as u32))
            };
            let matrix = Array2::from_shape_fn((rows, columns), value);
            let read = parse_npy_f32(Path::new("x"), &npy_from_f32(matrix.view())).expect("its own");
            prop_assert_eq!(read.mapv(f32::to_bits), matrix.mapv(f32::to_bits));
            let turned = parse_npy_f32(Path::new("x"), &npy_from_f32(matrix.t())).expect("its own");
            prop_assert_eq!(turned.mapv(f32::to_bits), matrix.t().mapv(f32::to_bits));
        }

        #[test]
        fn any_bytes_are_an_error_or_a_matrix(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let whole = npy_from_f32(array![[1.0, 2.0]].view());
            let mixed: Vec<u8> = whole.iter().take(70).chain(&bytes).copied().collect();
            // Must not panic.
            drop((parse_npy(Path::new("x"), &bytes), parse_npy(Path::new("x"), &mixed)));
        }

        #[test]
        fn every_truncation_is_an_error(keep in 0..152_usize) {
            let whole = npy_from_f64(array![[1.0, 2.0, 3.0]].view());
            prop_assert_eq!(whole.len(), 152);
            prop_assert!(parse_npy(Path::new("x"), &whole[..keep]).is_err());
        }
    }

    #[test]
    fn fortran_order_is_read() {
        let mut bytes = Header { dtype: Dtype::F64, is_fortran: true, shape: [2, 3] }.to_bytes();
        [1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0].into_iter().for_each(|element| element.push(&mut bytes));
        let read = parse_npy(Path::new("x"), &bytes).expect("valid");
        assert_eq!(read, array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
        assert!(read.is_standard_layout());
    }

    #[test]
    fn a_float64_beyond_float32_is_named_and_a_nan_kept() {
        let bytes = npy_from_f64(array![[1.0, 2.0], [-1e300, 3.0]].view());
        let error = parse_npy_f32(Path::new("x.npy"), &bytes).expect_err("beyond").to_string();
        assert!(error.contains("row 1, column 0: -1e300 is beyond float32 (±3.4e38)"), "{error}");
        let bytes = npy_from_f64(array![[f64::NAN, 2.0]].view());
        assert!(parse_npy_f32(Path::new("x.npy"), &bytes).expect("kept")[(0, 0)].is_nan());
    }

    #[test]
    fn huge_shapes_do_not_allocate() {
        let shape = [usize::MAX / 2, 3];
        let bytes = Header { dtype: Dtype::F64, is_fortran: false, shape }.to_bytes();
        assert!(parse_npy(Path::new("x"), &bytes).is_err());
        let shape = [1 << 40, 1];
        let bytes = Header { dtype: Dtype::F64, is_fortran: false, shape }.to_bytes();
        let error = parse_npy(Path::new("x"), &bytes).expect_err("no such bytes");
        assert!(matches!(&error, Error::Corrupt { problem, .. } if problem.contains("truncated")), "{error}");
    }
}
