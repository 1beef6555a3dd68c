//! Inputs and outputs in words.

use tract_onnx::pb::ValueInfoProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::Dimension;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::type_proto::{self, Tensor};

/// What the file says of a tensor; `None` for a sequence, a map, or nothing.
pub(super) fn tensor(value: &ValueInfoProto) -> Option<&Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

pub(super) fn is_float32(value: &ValueInfoProto) -> bool {
    tensor(value).is_some_and(|tensor| tensor.elem_type == DataType::Float as i32)
}

/// The axes; `None` where the file does not tell how many there are.
pub(super) fn axes(value: &ValueInfoProto) -> Option<&[Dimension]> {
    tensor(value)?.shape.as_ref().map(|shape| shape.dim.as_slice())
}

/// The length of an axis; `None` where it is free. Exporters write free ones as −1 or 0 too.
pub(super) fn length(axis: &Dimension) -> Option<usize> {
    match &axis.value {
        Some(Value::DimValue(length)) => usize::try_from(*length).ok().filter(|length| *length > 0),
        _ => None,
    }
}

/// `image` float32 [batch, 3, 224, 224].
pub(super) fn words(value: &ValueInfoProto) -> String {
    let name = &value.name;
    let Some(tensor) = tensor(value) else { return format!("`{name}`") };
    let kind = DataType::try_from(tensor.elem_type);
    let kind = kind.map_or("of unknown numbers", |kind| match kind {
        DataType::Float => "float32",
        DataType::Double => "float64",
        DataType::Float16 => "float16",
        other => other.as_str_name(),
    });
    let kind = kind.to_lowercase();
    let Some(axes) = axes(value) else { return format!("`{name}` {kind} of unknown shape") };
    let axes: Vec<String> = axes.iter().map(axis_words).collect();
    format!("`{name}` {kind} [{}]", axes.join(", "))
}

pub(super) fn list<'a>(values: impl IntoIterator<Item = &'a ValueInfoProto>) -> String {
    values.into_iter().map(words).collect::<Vec<_>>().join(", ")
}

fn axis_words(axis: &Dimension) -> String {
    match (length(axis), &axis.value) {
        (Some(length), _) => length.to_string(),
        (None, Some(Value::DimParam(name))) if !name.is_empty() => name.clone(),
        (None, _) => "?".to_owned(),
    }
}
