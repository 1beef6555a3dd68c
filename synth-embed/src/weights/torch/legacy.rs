//! The format of PyTorch before 1.6: five pickles, then the storages one after another.
//!
//! The pickles are a magic number, the protocol, facts about the machine, the saved object and the keys of
//! the storages in their order. A storage is its number of elements (eight bytes) and the elements, both
//! little-endian on every machine. `torch/serialization.py`, `_legacy_save`.

use std::collections::BTreeMap;

use synth_core::{Error, Result};

use super::super::dtype::ByteOrder;
use super::super::error::corrupt;
use super::super::storage::{Storage, StoredTensor, WeightsFile};
use super::pickle::{self, Pickle, PickleError};
use super::value::{PickledStorage, Value};
use super::{MAX_PICKLE_BYTES, pickle_error, stored_tensors};

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const PROTOCOL: i64 = 1001;

const PROTO_OPCODE: u8 = 0x80;

/// First part of the file that is searched for the end of the pickles; doubled where it is too short.
const FIRST_BYTES: u64 = 1 << 20;

/// Whether these first bytes of a file are those of a pickle.
pub(in super::super) fn is_pickle(start: &[u8]) -> bool {
    matches!(start, [PROTO_OPCODE, 2..=5, ..])
}

/// The tensors of a legacy checkpoint by name.
pub(in super::super) fn tensors(file: &WeightsFile) -> Result<BTreeMap<String, StoredTensor>> {
    let limit = file.bytes().min(MAX_PICKLE_BYTES);
    let mut bytes = limit.min(FIRST_BYTES);
    loop {
        let start = file.read_vec(0, bytes as usize)?;
        match Pickles::read(&start) {
            Err(Fault::Pickle(PickleError::Truncated)) if bytes < limit => bytes = (2 * bytes).min(limit),
            Err(fault) => return Err(fault.of(file)),
            Ok(pickles) => {
                let storages = pickles.storages(file)?;
                return stored_tensors(file, &pickles.object, |storage| {
                    let found = storages.get(storage.key).cloned();
                    found.ok_or_else(|| corrupt(file.path(), format!("no storage `{}`", storage.key)))
                });
            }
        }
    }
}

enum Fault {
    Pickle(PickleError),
    NotTorch,
    Keys,
}

impl From<PickleError> for Fault {
    fn from(error: PickleError) -> Self {
        Self::Pickle(error)
    }
}

impl Fault {
    fn of(self, file: &WeightsFile) -> Error {
        match self {
            Self::Pickle(error) => pickle_error(file.path(), error),
            Self::NotTorch => corrupt(file.path(), "a pickle, but not one that `torch.save` wrote"),
            Self::Keys => corrupt(file.path(), "its list of storages is malformed"),
        }
    }
}

struct Pickles<'a> {
    object: Pickle<'a>,
    keys: Vec<&'a str>,
    /// Where the storages begin.
    end: usize,
}

impl<'a> Pickles<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut end = 0;
        let mut next = || {
            let pickle = pickle::read(&bytes[end..])?;
            end += pickle.bytes;
            Ok::<_, PickleError>(pickle)
        };
        if next()?.root != Value::Long(&MAGIC) || next()?.root != Value::Int(PROTOCOL) {
            return Err(Fault::NotTorch);
        }
        next()?;
        let object = next()?;
        let listed = next()?;
        let keys = listed.heap.items(listed.root).ok_or(Fault::Keys)?;
        let keys = keys.iter().map(|key| key.as_text()).collect::<Option<Vec<_>>>().ok_or(Fault::Keys)?;
        Ok(Self { object, keys, end })
    }

    /// Finds the storages, whose sizes in bytes follow from the types that the object gives them.
    fn storages(&self, file: &WeightsFile) -> Result<BTreeMap<&'a str, Storage>> {
        let described: BTreeMap<&str, &PickledStorage<'_>> =
            self.object.heap.storages.iter().map(|storage| (storage.key, storage)).collect();
        let mut storages = BTreeMap::new();
        let mut at = self.end as u64;
        for &key in &self.keys {
            let fault = |problem: String| corrupt(file.path(), format!("storage `{key}`: {problem}"));
            let described = described.get(key).ok_or_else(|| fault("no tensor says its type".into()))?;
            let mut elements = [0; 8];
            file.read_at(at, &mut elements)?;
            let start = at + elements.len() as u64;
            let elements = u64::from_le_bytes(elements);
            let bytes = elements.checked_mul(described.dtype.bytes() as u64);
            let end = bytes.and_then(|bytes| start.checked_add(bytes));
            let (Some(bytes), Some(end)) = (bytes, end.filter(|&end| end <= file.bytes())) else {
                return Err(fault(format!(
                    "its {elements} numbers are more than the file holds; fetch it anew"
                )));
            };
            storages.insert(key, Storage { start, bytes, order: ByteOrder::Little, crc32: None });
            at = end;
        }
        Ok(storages)
    }
}
