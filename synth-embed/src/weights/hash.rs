use std::collections::BTreeMap;
use std::fmt;

use ndarray::ArrayD;

/// Context of the key, so that no other hash of this program can be equal by design.
const CONTEXT: &str = "synth 2026 weights, version 1";

/// Numbers hashed at once.
const BLOCK: usize = 1 << 12;

/// Identity of a model's weights: BLAKE3 of the names, shapes and numbers that the model read.
///
/// It follows the content, not the file: the same weights in `.pth` and `.safetensors`, in one file or
/// in several, in another family's layout that the model reads through [`Source`](super::Source), have
/// one hash, and tensors that the model does not read do not matter. The numbers are hashed as the f32
/// that the model computes with, so a file of f16 has the hash of its exact expansion to f32, which is
/// another one than that of the f32 weights it was rounded from.
///
/// ```text
/// hash   = BLAKE3 with derived key "synth 2026 weights, version 1" over all tensors, by the byte order of
///          their names: length of the name (u64), name (UTF-8), tensor
/// tensor = BLAKE3 of: number of axes (u64), their lengths (u64 each), numbers (f32, row by row)
/// ```
/// All little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WeightsHash([u8; 32]);

impl WeightsHash {
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hexadecimal digits; with a precision (`{:.16}`) so many of them.
impl fmt::Display for WeightsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for WeightsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeightsHash({self})")
    }
}

/// Collects the tensors of a model in any order.
#[derive(Debug, Default)]
pub(super) struct WeightsHasher {
    tensors: BTreeMap<String, [u8; 32]>,
}

impl WeightsHasher {
    pub(super) fn add(&mut self, name: &str, tensor: &ArrayD<f32>) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(tensor.ndim() as u64).to_le_bytes());
        for &length in tensor.shape() {
            hasher.update(&(length as u64).to_le_bytes());
        }
        let mut block = Vec::with_capacity(4 * BLOCK);
        let standard = tensor.as_standard_layout();
        let numbers = standard.as_slice().expect("invariant: in standard layout");
        for part in numbers.chunks(BLOCK) {
            block.clear();
            block.extend(part.iter().flat_map(|value| value.to_le_bytes()));
            hasher.update(&block);
        }
        self.tensors.insert(name.to_owned(), *hasher.finalize().as_bytes());
    }

    pub(super) fn finish(&self) -> WeightsHash {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        for (name, tensor) in &self.tensors {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(tensor);
        }
        WeightsHash(*hasher.finalize().as_bytes())
    }
}
