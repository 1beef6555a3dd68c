//! Image models from ONNX files, against what ONNX Runtime makes of them. Needs the feature `onnx`.

mod laws;
mod refused;
mod rows;
mod support;
