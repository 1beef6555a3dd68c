//! A fitted projection as a safetensors file.

use std::collections::HashMap;

use ndarray::{Array1, Array2};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use synth_core::{Error, Result};

use super::pca::FittedPca;

const FORMAT_KEY: &str = "format";
const FORMAT: &str = "synth-pca-1";

pub(super) fn save(pca: &FittedPca) -> Result<Vec<u8>> {
    let (keep, dim) = pca.components.dim();
    let parts = [
        ("components", vec![keep, dim], bytes(pca.components.iter())),
        ("explained_variance", vec![keep], bytes(pca.explained_variance.iter())),
        ("explained_variance_ratio", vec![keep], bytes(pca.explained_variance_ratio.iter())),
        ("mean", vec![dim], bytes(pca.mean.iter())),
    ];
    let views = parts
        .iter()
        .map(|(name, shape, data)| Ok((*name, TensorView::new(Dtype::F64, shape.clone(), data)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|source| Error::component("saving a projection", source))?;
    // One key only: the order of several would differ from run to run.
    let format = HashMap::from([(FORMAT_KEY.to_owned(), FORMAT.to_owned())]);
    serialize(views, Some(format)).map_err(|source| Error::component("saving a projection", source))
}

fn bytes<'a>(values: impl Iterator<Item = &'a f64>) -> Vec<u8> {
    values.flat_map(|value| value.to_le_bytes()).collect()
}

pub(super) fn load(bytes: &[u8]) -> Result<FittedPca> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| corrupt(error.to_string()))?;
    let format = header.metadata().as_ref().and_then(|entries| entries.get(FORMAT_KEY));
    if format.is_none_or(|format| format != FORMAT) {
        return Err(corrupt(format!("its format is {format:?}, not `{FORMAT}`")));
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| corrupt(error.to_string()))?;
    let (shape, components) = values(&file, "components")?;
    let &[keep, dim] = shape.as_slice() else {
        return Err(corrupt(format!("`components` has shape {shape:?}, not two axes")));
    };
    let components =
        Array2::from_shape_vec((keep, dim), components).map_err(|error| corrupt(error.to_string()))?;
    Ok(FittedPca {
        mean: vector(&file, "mean", dim)?,
        components,
        explained_variance: vector(&file, "explained_variance", keep)?,
        explained_variance_ratio: vector(&file, "explained_variance_ratio", keep)?,
    })
}

fn vector(file: &SafeTensors<'_>, name: &str, length: usize) -> Result<Array1<f64>> {
    let (shape, data) = values(file, name)?;
    if shape != [length] {
        return Err(corrupt(format!("`{name}` has shape {shape:?}, expected [{length}]")));
    }
    Ok(data.into())
}

fn values(file: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
    let view = file.tensor(name).map_err(|error| corrupt(error.to_string()))?;
    if view.dtype() != Dtype::F64 {
        return Err(corrupt(format!("`{name}` is {:?}, not F64", view.dtype())));
    }
    let (chunks, _) = view.data().as_chunks::<8>();
    let data: Vec<f64> = chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect();
    if let Some(at) = data.iter().position(|value| !value.is_finite()) {
        return Err(corrupt(format!("`{name}` holds a value that is not finite at {at}")));
    }
    Ok((view.shape().to_vec(), data))
}

fn corrupt(problem: String) -> Error {
    Error::Corrupt { path: "projection.safetensors".into(), problem }
}
