//! Checkpoints that `torch.save` wrote.

mod legacy;
mod pickle;
mod state_dict;
mod value;
mod zip;

use std::collections::BTreeMap;
use std::path::Path;

use synth_core::{Error, Result};

use super::dtype::ByteOrder;
use super::error::{corrupt, corrupt_tensor};
use super::storage::{Storage, StoredTensor, TensorInfo, View, WeightsFile};
use pickle::{Pickle, PickleError};
use value::{PickledStorage, PickledTensor};
use zip::Directory;

pub(super) use legacy::{is_pickle, tensors as legacy_tensors};
pub(super) use zip::is_zip;

/// Longest pickle that is read; a checkpoint of a thousand tensors has about 100 kB.
const MAX_PICKLE_BYTES: u64 = 64 << 20;

/// The tensors of a checkpoint in the zip format (PyTorch 1.6 and later) by name.
pub(super) fn zip_tensors(file: &WeightsFile) -> Result<BTreeMap<String, StoredTensor>> {
    let directory = Directory::read(file)?;
    let root = root_of(file, &directory)?;
    let pickle = directory.find(file, &format!("{root}data.pkl"))?;
    let pickle = pickle.ok_or_else(|| corrupt(file.path(), "no zip entry `data.pkl`"))?;
    if pickle.bytes > MAX_PICKLE_BYTES {
        let problem =
            format!("its pickle has {} bytes, more than the {MAX_PICKLE_BYTES} allowed", pickle.bytes);
        return Err(corrupt(file.path(), problem));
    }
    let bytes = file.read_vec(pickle.start, pickle.bytes as usize)?;
    if pickle.crc32 != 0 && crc32fast::hash(&bytes) != pickle.crc32 {
        return Err(corrupt(file.path(), "its pickle does not match its checksum; fetch the file anew"));
    }
    let pickle = pickle::read(&bytes).map_err(|error| pickle_error(file.path(), error))?;
    let order = byte_order(file, &directory, &root)?;
    stored_tensors(file, &pickle, |storage| {
        let entry = directory.find(file, &format!("{root}data/{}", storage.key))?;
        let entry = entry
            .ok_or_else(|| corrupt(file.path(), format!("no zip entry `{root}data/{}`", storage.key)))?;
        let crc32 = Some(entry.crc32).filter(|&crc32| crc32 != 0);
        Ok(Storage { start: entry.start, bytes: entry.bytes, order, crc32 })
    })
}

/// The folder inside the zip file that everything lies in, with its slash.
fn root_of(file: &WeightsFile, directory: &Directory) -> Result<String> {
    let roots = directory.names().filter_map(|name| name.strip_suffix("data.pkl"));
    let root = roots.filter(|root| root.is_empty() || root.ends_with('/')).min_by_key(|root| root.len());
    let root = root.ok_or_else(|| {
        let problem = "a zip file, but not one that `torch.save` wrote: it has no entry `data.pkl`";
        corrupt(file.path(), problem)
    })?;
    if directory.names().any(|name| name.strip_prefix(root) == Some("constants.pkl")) {
        let path = file.path();
        let reason = format!(
            "it holds a program beside its weights; keep its tensors alone: python -c \"import torch; \
             torch.save(torch.jit.load('{}', map_location='cpu').state_dict(), '{}')\"",
            path.display(),
            converted(path).display()
        );
        return Err(Error::Unsupported {
            what: format!("the TorchScript archive `{}`", path.display()),
            reason,
        });
    }
    Ok(root.to_owned())
}

fn byte_order(file: &WeightsFile, directory: &Directory, root: &str) -> Result<ByteOrder> {
    const LONGEST: u64 = 6;
    let Some(entry) = directory.find(file, &format!("{root}byteorder"))? else {
        return Ok(ByteOrder::Little);
    };
    match file.read_vec(entry.start, entry.bytes.min(LONGEST) as usize)?.as_slice() {
        b"little" => Ok(ByteOrder::Little),
        b"big" => Ok(ByteOrder::Big),
        other => {
            let problem = format!("its byte order is `{}`, not little or big", other.escape_ascii());
            Err(corrupt(file.path(), problem))
        }
    }
}

/// The state dict of a pickle, each tensor checked against its storage, which `find` locates.
fn stored_tensors(
    file: &WeightsFile,
    pickle: &Pickle<'_>,
    find: impl Fn(&PickledStorage<'_>) -> Result<Storage>,
) -> Result<BTreeMap<String, StoredTensor>> {
    let tensors = state_dict::tensors(pickle).map_err(|error| corrupt(file.path(), error))?;
    tensors
        .into_iter()
        .map(|(name, PickledTensor { storage, offset, shape, strides })| {
            let pickled = &pickle.heap.storages[*storage];
            let storage = find(pickled)?;
            let fault = |problem: String| corrupt_tensor(file.path(), &name, problem);
            let bytes = pickled.elements.checked_mul(pickled.dtype.bytes() as u64);
            if bytes != Some(storage.bytes) {
                return Err(fault(format!(
                    "its storage has {} bytes, not the {} numbers of {} it says",
                    storage.bytes, pickled.elements, pickled.dtype
                )));
            }
            let info = TensorInfo { shape: shape.clone(), dtype: pickled.dtype };
            let view = View { info, offset: *offset, strides: strides.clone() };
            let tensor = StoredTensor::new(view, &storage).map_err(fault)?;
            Ok((name, tensor))
        })
        .collect()
}

fn pickle_error(path: &Path, error: PickleError) -> Error {
    match error {
        PickleError::Global { .. } | PickleError::Opcode { .. } => Error::Unsupported {
            what: format!("`{}`", path.display()),
            reason: format!(
                "{error}; weights need no Python code, and none was run. If you trust the file, keep its tensors \
                 alone: {}",
                conversion(path)
            ),
        },
        error => corrupt(path, error),
    }
}

/// A command that rewrites a checkpoint that only Python can read.
fn conversion(path: &Path) -> String {
    format!(
        "python -c \"import torch; c = torch.load('{}', map_location='cpu', weights_only=False); \
         c = c.state_dict() if hasattr(c, 'state_dict') else c.get('state_dict', c.get('model', c)); \
         torch.save({{k: v for k, v in c.items() if torch.is_tensor(v)}}, '{}')\"",
        path.display(),
        converted(path).display()
    )
}

fn converted(path: &Path) -> std::path::PathBuf {
    path.with_extension("weights.pth")
}
