//! What a pickled checkpoint is made of.

use super::super::dtype::Dtype;

/// A Python value. Containers lie in the [`Heap`], so that values copy, cycles do no harm and nothing
/// is dropped recursively.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, little-endian two's complement.
    Long(&'a [u8]),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Global(Global),
    /// Lists and tuples.
    Sequence(usize),
    Dict(usize),
    Storage(usize),
    Tensor(usize),
}

impl<'a> Value<'a> {
    pub(super) fn as_text(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// An integer that is not negative.
    pub(super) fn as_u64(self) -> Option<u64> {
        if let Self::Int(value) = self { u64::try_from(value).ok() } else { None }
    }
}

/// The Python objects that a checkpoint may name. None of them is ever called: each stands for a rule of
/// how its arguments are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2`
    RebuildTensor,
    /// `torch._utils._rebuild_parameter` and `_rebuild_parameter_with_state`
    RebuildParameter,
    /// `torch.Size`
    Size,
    /// `torch.FloatStorage` and the like
    Storage(Dtype),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Some(Self::RebuildParameter)
            }
            ("torch", "Size") => Some(Self::Size),
            ("torch" | "torch.storage" | "torch.cuda", name) => storage_dtype(name).map(Self::Storage),
            _ => None,
        }
    }
}

fn storage_dtype(name: &str) -> Option<Dtype> {
    Some(match name.strip_suffix("Storage")? {
        "Double" => Dtype::F64,
        "Float" => Dtype::F32,
        "Half" => Dtype::F16,
        "BFloat16" => Dtype::BF16,
        "ComplexFloat" => Dtype::C64,
        "Long" => Dtype::I64,
        "Int" => Dtype::I32,
        "Short" => Dtype::I16,
        "Char" => Dtype::I8,
        "Byte" => Dtype::U8,
        "Bool" => Dtype::Bool,
        _ => return None,
    })
}

/// The numbers that tensors share, kept outside the pickle.
#[derive(Clone, Copy, Debug)]
pub(super) struct PickledStorage<'a> {
    pub(super) dtype: Dtype,
    pub(super) key: &'a str,
    /// How many numbers it holds.
    pub(super) elements: u64,
}

/// A tensor as the pickle describes it, not yet checked against its storage.
#[derive(Clone, Debug)]
pub(super) struct PickledTensor {
    pub(super) storage: usize,
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The containers of a pickle.
#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    pub(super) sequences: Vec<Vec<Value<'a>>>,
    pub(super) dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    pub(super) storages: Vec<PickledStorage<'a>>,
    pub(super) tensors: Vec<PickledTensor>,
}

impl<'a> Heap<'a> {
    pub(super) fn sequence(&mut self, items: Vec<Value<'a>>) -> Value<'a> {
        self.sequences.push(items);
        Value::Sequence(self.sequences.len() - 1)
    }

    pub(super) fn dict(&mut self, items: Vec<(Value<'a>, Value<'a>)>) -> Value<'a> {
        self.dicts.push(items);
        Value::Dict(self.dicts.len() - 1)
    }

    pub(super) fn items(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        if let Value::Sequence(at) = value { Some(&self.sequences[at]) } else { None }
    }

    pub(super) fn entries(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        if let Value::Dict(at) = value { Some(&self.dicts[at]) } else { None }
    }

    /// A sequence of integers that are not negative: a shape, strides.
    pub(super) fn lengths(&self, value: Value<'a>) -> Option<Vec<usize>> {
        self.items(value)?.iter().map(|item| usize::try_from(item.as_u64()?).ok()).collect()
    }
}
