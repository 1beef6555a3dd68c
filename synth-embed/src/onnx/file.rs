//! Reading a model with everything that it refers to.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use synth_core::{Error, Result};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto};
use tract_onnx::prelude::Framework;

use crate::weights::error::{corrupt, corrupt_tensor};
use crate::whole_file;

/// Context of the key, so that no other hash of this program can be equal by design.
const CONTEXT: &str = "synth 2026 ONNX model, version 1";

/// A model whose tensors are all in memory.
#[derive(Debug)]
pub(super) struct ModelFile {
    pub(super) proto: ModelProto,
    /// BLAKE3 with a derived key over the file and its external files, by the byte order of their names,
    /// each as its length (u64, little-endian) and its bytes. 64 hexadecimal digits.
    pub(super) hash: String,
}

impl ModelFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let reason = "it is a folder; give the `.onnx` file itself".to_owned();
            return Err(Error::Unsupported { what: format!("`{}`", path.display()), reason });
        }
        let bytes = whole_file::read(path, u64::MAX)?;
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        add(&mut hasher, &bytes);
        let proto = tract_onnx::onnx().proto_model_for_read(&mut bytes.as_slice());
        let mut proto = proto.map_err(|error| corrupt(path, format!("not an ONNX model: {error}")))?;
        let Some(graph) = proto.graph.as_mut().filter(|graph| !graph.node.is_empty()) else {
            return Err(corrupt(path, "not an ONNX model: it holds no graph"));
        };
        for location in external_files(graph)? {
            add(&mut hasher, &inline(graph, path, &location)?);
        }
        Ok(Self { proto, hash: hasher.finalize().to_hex().to_string() })
    }
}

fn add(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Names of the files that hold tensors of the graph.
fn external_files(graph: &mut GraphProto) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    each_tensor(graph, &mut |tensor| {
        found.extend(location(tensor).map(str::to_owned));
        Ok(())
    })?;
    Ok(found)
}

/// Moves the tensors of an external file into the graph; the bytes of that file.
///
/// tract would follow the names itself, but refuses links that lead out of the folder, as in the cache of the
/// Hugging Face hub.
fn inline(graph: &mut GraphProto, model: &Path, file: &str) -> Result<Vec<u8>> {
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if file.is_empty() || !Path::new(file).components().all(inside) {
        let problem = format!("its tensors are in `{file}`, which is no name of a file beside it");
        return Err(corrupt(model, problem));
    }
    let path = model.with_file_name(file);
    let bytes = whole_file::read(&path, u64::MAX).map_err(|error| match error {
        Error::Io { action, path, source } => {
            let path = format!("{path}, where `{}` has its weights", model.display());
            Error::Io { action, path, source }
        }
        other => other,
    })?;
    each_tensor(graph, &mut |tensor| {
        if location(tensor) != Some(file) {
            return Ok(());
        }
        let number = |key| external(tensor, key).map(str::parse::<usize>).transpose();
        let part = match (number("offset"), number("length")) {
            (Ok(offset), Ok(length)) => {
                let begin = offset.unwrap_or(0);
                let end = length.map_or(Some(bytes.len()), |length| begin.checked_add(length));
                end.and_then(|end| bytes.get(begin..end))
            }
            _ => None,
        };
        let Some(part) = part else {
            let problem = format!("it is to be in `{file}`, outside of its {} bytes", bytes.len());
            return Err(corrupt_tensor(model, &tensor.name, problem));
        };
        tensor.raw_data = part.to_vec();
        tensor.data_location = None;
        tensor.external_data.clear();
        Ok(())
    })?;
    Ok(bytes)
}

/// Where an external tensor is; `None` for one that the model file holds itself.
fn location(tensor: &TensorProto) -> Option<&str> {
    let is_external = tensor.data_location == Some(DataLocation::External as i32);
    is_external.then(|| external(tensor, "location").unwrap_or_default())
}

fn external<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
}

/// Calls `visit` with every tensor that the graph and its subgraphs hold.
fn each_tensor(graph: &mut GraphProto, visit: &mut dyn FnMut(&mut TensorProto) -> Result<()>) -> Result<()> {
    graph.initializer.iter_mut().try_for_each(&mut *visit)?;
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.t.iter_mut().chain(&mut attribute.tensors).try_for_each(&mut *visit)?;
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            each_tensor(graph, visit)?;
        }
    }
    Ok(())
}
