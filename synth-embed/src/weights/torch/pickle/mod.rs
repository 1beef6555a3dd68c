//! A reader of the pickles that `torch.save` writes, which cannot run anything.
//!
//! A pickle is a program for a stack machine that may name any Python function and call it. This machine
//! knows the opcodes that a state dict needs (protocol 2, and 4 where a user asked for it) and the few
//! names of [`Global`], whose "calls" are the reading rules of `rebuild`. Another name or opcode is an error.
//! What it keeps grows with the opcodes it reads, never with a number that it reads: strings borrow from
//! the input, containers own what was pushed one by one.
//!
//! Opcodes: Python's `Lib/pickletools.py`. Names: PyTorch's `torch/_utils.py` and
//! `torch/serialization.py`.

mod opcode;
mod rebuild;

use std::collections::BTreeMap;

use super::value::{Global, Heap, Value};

/// Opcodes in one pickle, and items copied by them; a checkpoint of a thousand tensors has about thirty
/// thousand.
const MAX_STEPS: usize = 1 << 22;

/// Why a pickle was not read.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum PickleError {
    #[error("its pickle is cut off")]
    Truncated,
    #[error("it names the Python object `{module}.{name}`")]
    Global { module: String, name: String },
    #[error("its pickle has opcode {opcode:#04x} at byte {at}, which no state dict needs")]
    Opcode { opcode: u8, at: usize },
    #[error("its pickle needs more than {MAX_STEPS} steps")]
    TooLong,
    #[error("its pickle is malformed at byte {at}: {problem}")]
    Malformed { at: usize, problem: &'static str },
}

type Result<T> = std::result::Result<T, PickleError>;

/// One pickle that was read.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) root: Value<'a>,
    pub(super) heap: Heap<'a>,
    /// Its length; what follows is not part of it.
    pub(super) bytes: usize,
}

/// Reads the pickle that `input` starts with.
pub(super) fn read(input: &[u8]) -> Result<Pickle<'_>> {
    let mut machine = Machine::new(input);
    loop {
        machine.spend(1)?;
        let opcode = machine.byte()?;
        if opcode == opcode::STOP {
            let root = machine.pop()?;
            return Ok(Pickle { root, heap: machine.heap, bytes: machine.at });
        }
        machine.step(opcode)?;
    }
}

#[derive(Debug)]
struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at which a group of items begins.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    heap: Heap<'a>,
    steps: usize,
}

impl<'a> Machine<'a> {
    fn new(input: &'a [u8]) -> Self {
        let (stack, marks, memo, heap) = Default::default();
        Self { input, at: 0, stack, marks, memo, heap, steps: 0 }
    }

    /// Bounds time and memory: whatever copies items that one opcode can name pays for each.
    fn spend(&mut self, steps: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(PickleError::TooLong) } else { Ok(()) }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            opcode::PROTO => drop(self.byte()?),
            // The frame's length is a hint for buffered readers.
            opcode::FRAME => drop(self.take(8)?),
            opcode::MARK => self.marks.push(self.stack.len()),
            opcode::POP => drop(self.pop()?),
            opcode::POP_MARK => drop(self.pop_group()?),
            opcode::NONE
            | opcode::NEWTRUE
            | opcode::NEWFALSE
            | opcode::BININT
            | opcode::BININT1
            | opcode::BININT2
            | opcode::LONG1
            | opcode::BINFLOAT => self.push_number(opcode)?,
            opcode::BINUNICODE
            | opcode::SHORT_BINUNICODE
            | opcode::BINSTRING
            | opcode::SHORT_BINSTRING
            | opcode::BINBYTES
            | opcode::SHORT_BINBYTES => self.push_text(opcode)?,
            opcode::EMPTY_TUPLE
            | opcode::EMPTY_LIST
            | opcode::TUPLE
            | opcode::TUPLE1
            | opcode::TUPLE2
            | opcode::TUPLE3 => self.push_sequence(opcode)?,
            opcode::EMPTY_DICT => {
                let dict = self.heap.dict(Vec::new());
                self.stack.push(dict);
            }
            opcode::APPEND | opcode::APPENDS => self.append(opcode)?,
            opcode::SETITEM | opcode::SETITEMS => self.set_items(opcode)?,
            opcode::BINGET | opcode::LONG_BINGET => self.recall(opcode)?,
            opcode::BINPUT | opcode::LONG_BINPUT | opcode::MEMOIZE => self.memorise(opcode)?,
            opcode::GLOBAL | opcode::STACK_GLOBAL => self.push_global(opcode)?,
            opcode::REDUCE => self.reduce()?,
            opcode::BUILD => self.build()?,
            opcode::BINPERSID => self.push_storage()?,
            opcode => return Err(PickleError::Opcode { opcode, at: self.at - 1 }),
        }
        Ok(())
    }

    fn push_number(&mut self, opcode: u8) -> Result<()> {
        let value = match opcode {
            opcode::NONE => Value::None,
            opcode::NEWTRUE => Value::Bool(true),
            opcode::NEWFALSE => Value::Bool(false),
            opcode::BININT => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            opcode::BININT1 => Value::Int(i64::from(self.byte()?)),
            opcode::BININT2 => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            opcode::BINFLOAT => Value::Float(f64::from_be_bytes(self.array()?)),
            _ => {
                let bytes = self.byte()?;
                integer(self.take(usize::from(bytes))?)
            }
        };
        self.stack.push(value);
        Ok(())
    }

    fn push_text(&mut self, opcode: u8) -> Result<()> {
        let length = match opcode {
            opcode::SHORT_BINUNICODE | opcode::SHORT_BINSTRING | opcode::SHORT_BINBYTES => {
                usize::from(self.byte()?)
            }
            _ => self.length()?,
        };
        let bytes = self.take(length)?;
        let value = match opcode {
            opcode::BINBYTES | opcode::SHORT_BINBYTES => Value::Bytes(bytes),
            _ => Value::Text(
                std::str::from_utf8(bytes).map_err(|_utf8| self.malformed("a text that is no UTF-8"))?,
            ),
        };
        self.stack.push(value);
        Ok(())
    }

    fn push_sequence(&mut self, opcode: u8) -> Result<()> {
        let items = match opcode {
            opcode::TUPLE => self.pop_group()?,
            opcode::TUPLE1 => self.pop_many(1)?,
            opcode::TUPLE2 => self.pop_many(2)?,
            opcode::TUPLE3 => self.pop_many(3)?,
            _ => Vec::new(),
        };
        let sequence = self.heap.sequence(items);
        self.stack.push(sequence);
        Ok(())
    }

    fn append(&mut self, opcode: u8) -> Result<()> {
        let items = if opcode == opcode::APPEND { self.pop_many(1)? } else { self.pop_group()? };
        match self.top()? {
            Value::Sequence(at) => self.heap.sequences[at].extend(items),
            _ => return Err(self.malformed("items for what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, opcode: u8) -> Result<()> {
        let items = if opcode == opcode::SETITEM { self.pop_many(2)? } else { self.pop_group()? };
        let (pairs, rest) = items.as_chunks::<2>();
        match self.top()? {
            Value::Dict(at) if rest.is_empty() => {
                self.heap.dicts[at].extend(pairs.iter().map(|&[key, value]| (key, value)));
            }
            Value::Dict(_) => return Err(self.malformed("a key without a value")),
            _ => return Err(self.malformed("entries for what is no dictionary")),
        }
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<()> {
        let index = self.memo_index(opcode == opcode::LONG_BINGET)?;
        let value = *self.memo.get(&index).ok_or_else(|| self.malformed("a memo that was never written"))?;
        self.stack.push(value);
        Ok(())
    }

    fn memorise(&mut self, opcode: u8) -> Result<()> {
        let index = match opcode {
            opcode::MEMOIZE => self.memo.len() as u32,
            _ => self.memo_index(opcode == opcode::LONG_BINPUT)?,
        };
        let value = self.top()?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn push_global(&mut self, opcode: u8) -> Result<()> {
        let (module, name) = if opcode == opcode::GLOBAL {
            (self.line()?, self.line()?)
        } else {
            match self.pop_many(2)?[..] {
                [Value::Text(module), Value::Text(name)] => (module, name),
                _ => return Err(self.malformed("a name that is no text")),
            }
        };
        let unknown = || PickleError::Global { module: module.to_owned(), name: name.to_owned() };
        self.stack.push(Value::Global(Global::find(module, name).ok_or_else(unknown)?));
        Ok(())
    }

    fn top(&self) -> Result<Value<'a>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.get(floor..).and_then(<[_]>::last).copied();
        top.ok_or_else(|| self.malformed("nothing on the stack"))
    }

    fn pop(&mut self) -> Result<Value<'a>> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'a>>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(start) if start >= floor => Ok(self.stack.split_off(start)),
            _ => Err(self.malformed("too little on the stack")),
        }
    }

    /// What was pushed since the last mark; the others never take from below it.
    fn pop_group(&mut self) -> Result<Vec<Value<'a>>> {
        let start = self.marks.pop().ok_or_else(|| self.malformed("a group without its mark"))?;
        Ok(self.stack.split_off(start))
    }

    fn memo_index(&mut self, long: bool) -> Result<u32> {
        if long { Ok(u32::from_le_bytes(self.array()?)) } else { Ok(u32::from(self.byte()?)) }
    }

    fn length(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.input[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or(PickleError::Truncated)?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_utf8| self.malformed("a name that is no UTF-8"))
    }

    fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.input[self.at..].first_chunk().ok_or(PickleError::Truncated)?;
        self.at += N;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let bytes = self.input[self.at..].get(..length).ok_or(PickleError::Truncated)?;
        self.at += length;
        Ok(bytes)
    }

    fn malformed(&self, problem: &'static str) -> PickleError {
        PickleError::Malformed { at: self.at, problem }
    }
}

/// A little-endian two's complement integer of any length.
fn integer(bytes: &[u8]) -> Value<'_> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = if negative { [0xff; 8] } else { [0; 8] };
    match wide.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(wide))
        }
        None => Value::Long(bytes),
    }
}

#[cfg(test)]
mod tests;
