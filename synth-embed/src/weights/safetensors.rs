//! The header of a safetensors file, checked before any number is read.
//!
//! Format: eight bytes with the header's length (little-endian), the header as JSON, the numbers. The
//! crate `safetensors` checks a whole buffer; this reads the header alone, so that a file is never held,
//! and its errors name the tensor. <https://huggingface.co/docs/safetensors>

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use synth_core::Result;

use super::dtype::{ByteOrder, Dtype};
use super::error::{corrupt, corrupt_tensor};
use super::storage::{Storage, StoredTensor, TensorInfo, View, WeightsFile, row_major_strides};

const LENGTH_BYTES: u64 = 8;

/// Far above any model's header: a hundred thousand tensors need about 16 MB.
const MAX_HEADER_BYTES: u64 = 32 << 20;

const METADATA_KEY: &str = "__metadata__";

/// Whether these first bytes of a file can be the start of a safetensors file.
pub(super) fn is_safetensors(start: &[u8]) -> bool {
    start.len() > LENGTH_BYTES as usize && start[LENGTH_BYTES as usize] == b'{'
}

/// The tensors of a safetensors file by name.
pub(super) fn tensors(file: &WeightsFile) -> Result<BTreeMap<String, StoredTensor>> {
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    let available = file.bytes() - LENGTH_BYTES;
    if length > available {
        let problem = format!("its header says {length} bytes, {available} follow; fetch the file anew");
        return Err(corrupt(file.path(), problem));
    }
    if length > MAX_HEADER_BYTES {
        let problem = format!("its header has {length} bytes, more than the {MAX_HEADER_BYTES} allowed");
        return Err(corrupt(file.path(), problem));
    }
    let header = file.read_vec(LENGTH_BYTES, length as usize)?;
    let Header(entries) = serde_json::from_slice(&header)
        .map_err(|error| corrupt(file.path(), format!("its header: {error}")))?;
    let data = LENGTH_BYTES + length;
    check_offsets(file, &entries, file.bytes() - data)?;
    entries
        .into_iter()
        .map(|(name, entry)| {
            let tensor =
                stored(&entry, data).map_err(|problem| corrupt_tensor(file.path(), &name, problem))?;
            Ok((name, tensor))
        })
        .collect()
}

/// The tensors must fill the data without holes and overlaps, as the format demands.
fn check_offsets(file: &WeightsFile, entries: &BTreeMap<String, Entry>, data: u64) -> Result<()> {
    let mut sorted: Vec<(&String, &Entry)> = entries.iter().collect();
    sorted.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut filled = 0;
    for (name, Entry { data_offsets: (start, end), .. }) in sorted {
        if *start != filled || end < start {
            let problem = format!("it lies at {start}..{end}, but the one before it ends at {filled}");
            return Err(corrupt_tensor(file.path(), name, problem));
        }
        if *end > data {
            let problem = format!("it ends at byte {end} of the data, which has {data}; fetch the file anew");
            return Err(corrupt_tensor(file.path(), name, problem));
        }
        filled = *end;
    }
    if filled != data {
        return Err(corrupt(file.path(), format!("its tensors fill {filled} of {data} bytes of data")));
    }
    Ok(())
}

fn stored(entry: &Entry, data: u64) -> Result<StoredTensor, String> {
    let dtype = dtype_of(&entry.dtype).ok_or_else(|| format!("its type `{}` is not known", entry.dtype))?;
    let (start, end) = entry.data_offsets;
    let storage = Storage { start: data + start, bytes: end - start, order: ByteOrder::Little, crc32: None };
    let strides = row_major_strides(&entry.shape);
    let info = TensorInfo { shape: entry.shape.clone(), dtype };
    let tensor = StoredTensor::new(View { info, offset: 0, strides }, &storage)?;
    let needed = tensor.elements() as u64 * dtype.bytes() as u64;
    if needed != storage.bytes {
        let bytes = storage.bytes;
        return Err(format!("shape {:?} of {dtype} needs {needed} bytes, it has {bytes}", entry.shape));
    }
    Ok(tensor)
}

fn dtype_of(name: &str) -> Option<Dtype> {
    Some(match name {
        "F64" => Dtype::F64,
        "F32" => Dtype::F32,
        "F16" => Dtype::F16,
        "BF16" => Dtype::BF16,
        "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => Dtype::F8,
        "C64" => Dtype::C64,
        "I64" => Dtype::I64,
        "I32" => Dtype::I32,
        "I16" => Dtype::I16,
        "I8" => Dtype::I8,
        "U64" => Dtype::U64,
        "U32" => Dtype::U32,
        "U16" => Dtype::U16,
        "U8" => Dtype::U8,
        "BOOL" => Dtype::Bool,
        _ => return None,
    })
}

#[derive(Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

#[derive(Debug)]
struct Header(BTreeMap<String, Entry>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA_KEY {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry = map
                .next_value::<Entry>()
                .map_err(|error| de::Error::custom(format_args!("tensor `{name}`: {error}")))?;
            if entries.contains_key(&name) {
                return Err(de::Error::custom(format_args!("tensor `{name}` comes twice")));
            }
            entries.insert(name, entry);
        }
        Ok(Header(entries))
    }
}
