//! What the known names make of their arguments.

use super::super::value::{Global, PickledStorage, PickledTensor, Value};
use super::{Machine, Result};

/// More arguments than any of the known names takes.
const MAX_ARGUMENTS: usize = 8;

impl<'a> Machine<'a> {
    pub(super) fn reduce(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let global = self.pop()?;
        let items =
            self.heap.items(arguments).ok_or_else(|| self.malformed("arguments that are no tuple"))?;
        let arguments = items[..items.len().min(MAX_ARGUMENTS)].to_vec();
        let value = match (global, &arguments[..]) {
            (Value::Global(Global::OrderedDict), []) => self.heap.dict(Vec::new()),
            (Value::Global(Global::OrderedDict), [pairs]) => self.dict_of_pairs(*pairs)?,
            (Value::Global(Global::Size), [lengths @ Value::Sequence(_)]) => *lengths,
            (Value::Global(Global::RebuildParameter), [tensor @ Value::Tensor(_), ..]) => *tensor,
            (Value::Global(Global::RebuildTensor), [Value::Storage(storage), offset, shape, strides, ..]) => {
                self.tensor(*storage, [*offset, *shape, *strides])?
            }
            _ => return Err(self.malformed("arguments that do not fit the name they follow")),
        };
        self.stack.push(value);
        Ok(())
    }

    /// Python 2 pickled an ordered dictionary with its list of pairs.
    fn dict_of_pairs(&mut self, pairs: Value<'a>) -> Result<Value<'a>> {
        self.spend(self.heap.items(pairs).map_or(0, <[_]>::len))?;
        let pair = |item: &Value<'a>| match self.heap.items(*item)? {
            &[key, value] => Some((key, value)),
            _ => None,
        };
        let entries =
            self.heap.items(pairs).and_then(|pairs| pairs.iter().map(pair).collect::<Option<Vec<_>>>());
        let entries = entries.ok_or_else(|| self.malformed("a dictionary of what are no pairs"))?;
        Ok(self.heap.dict(entries))
    }

    fn tensor(&mut self, storage: usize, [offset, shape, strides]: [Value<'a>; 3]) -> Result<Value<'a>> {
        for lengths in [shape, strides] {
            self.spend(self.heap.items(lengths).map_or(0, <[_]>::len))?;
        }
        let lengths = (offset.as_u64(), self.heap.lengths(shape), self.heap.lengths(strides));
        let (Some(offset), Some(shape), Some(strides)) = lengths else {
            return Err(self.malformed("a tensor whose offset, shape or strides are no lengths"));
        };
        self.heap.tensors.push(PickledTensor { storage, offset, shape, strides });
        Ok(Value::Tensor(self.heap.tensors.len() - 1))
    }

    /// Takes the attributes of an object off the stack: a state dict carries the versions of its modules.
    pub(super) fn build(&mut self) -> Result<()> {
        self.pop()?;
        match self.top()? {
            Value::Dict(_) => Ok(()),
            _ => Err(self.malformed("attributes for what has none")),
        }
    }

    /// A storage is named by ("storage", type, key, device, numbers), and in the legacy format by the
    /// part of it that a view shows, or `None`.
    pub(super) fn push_storage(&mut self) -> Result<()> {
        let id = self.pop()?;
        let storage = match self.heap.items(id) {
            Some(
                &[
                    Value::Text("storage"),
                    Value::Global(Global::Storage(dtype)),
                    Value::Text(key),
                    _,
                    elements,
                ]
                | &[
                    Value::Text("storage"),
                    Value::Global(Global::Storage(dtype)),
                    Value::Text(key),
                    _,
                    elements,
                    Value::None,
                ],
            ) => elements.as_u64().map(|elements| PickledStorage { dtype, key, elements }),
            _ => None,
        };
        self.heap.storages.push(storage.ok_or_else(|| self.malformed("a storage of another form"))?);
        self.stack.push(Value::Storage(self.heap.storages.len() - 1));
        Ok(())
    }
}
