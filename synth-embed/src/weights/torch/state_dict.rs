//! Which tensors of a pickled checkpoint are the weights, and their names.

use std::collections::{BTreeMap, BTreeSet};

use super::pickle::Pickle;
use super::value::{PickledTensor, Value};

/// Names under which training programs keep the weights beside other things, best first.
const PREFERRED: [&str; 7] =
    ["state_dict", "model_state_dict", "model", "teacher", "module", "net", "backbone"];

/// Levels of dictionaries that are looked into.
const MAX_DEPTH: usize = 8;

/// Entries looked at; every one of an honest file is looked at a few times.
const MAX_VISITS: usize = 1 << 22;

/// Longest name of a tensor; one text can be the name of many.
const MAX_NAME_BYTES: usize = 1024;

/// Candidates that an error names.
const LISTED: usize = 8;

/// Why a pickle has no weights.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum StateDictError {
    #[error("it holds no dictionary of tensors")]
    NoTensors,
    #[error("it holds several dictionaries of tensors ({}); save one of them alone", .candidates.join(", "))]
    Ambiguous { candidates: Vec<String> },
    #[error("tensor `{name}` comes twice")]
    Duplicate { name: String },
    #[error("a tensor has a name of more than {MAX_NAME_BYTES} bytes")]
    LongName,
    #[error("its dictionaries are nested deeper than {MAX_DEPTH} levels, or refer to each other too often")]
    Nesting,
}

/// The state dict of a pickle: tensors by name.
///
/// It is the outermost dictionary with a tensor among its values. Where the root has none, the one value
/// that is a dictionary with tensors somewhere inside is looked into; of several the first of
/// [`PREFERRED`]. Dictionaries inside the state dict join their names with a dot.
pub(super) fn tensors<'p>(
    pickle: &'p Pickle<'_>,
) -> Result<BTreeMap<String, &'p PickledTensor>, StateDictError> {
    let mut search = Search { pickle, visits: 0 };
    let mut at = pickle.root;
    for _ in 0..MAX_DEPTH {
        if search.has_own_tensor(at)? {
            let mut tensors = BTreeMap::new();
            search.flatten(at, "", MAX_DEPTH, &mut tensors)?;
            return Ok(tensors);
        }
        at = search.descend(at)?;
    }
    Err(StateDictError::Nesting)
}

struct Search<'p, 'a> {
    pickle: &'p Pickle<'a>,
    visits: usize,
}

impl<'p, 'a> Search<'p, 'a> {
    /// The entries of a dictionary, none of anything else.
    fn entries(&mut self, value: Value<'a>) -> Result<&'p [(Value<'a>, Value<'a>)], StateDictError> {
        let entries = self.pickle.heap.entries(value).unwrap_or_default();
        self.visits += entries.len() + 1;
        if self.visits > MAX_VISITS { Err(StateDictError::Nesting) } else { Ok(entries) }
    }

    fn has_own_tensor(&mut self, value: Value<'a>) -> Result<bool, StateDictError> {
        let is_named_tensor = |(key, value): &(Value<'_>, Value<'_>)| {
            matches!((key, value), (Value::Text(_), Value::Tensor(_)))
        };
        Ok(self.entries(value)?.iter().any(is_named_tensor))
    }

    fn has_tensor(&mut self, value: Value<'a>, depth: usize) -> Result<bool, StateDictError> {
        if self.has_own_tensor(value)? {
            return Ok(true);
        }
        if depth > 0 {
            for &(_, inner) in self.entries(value)? {
                if self.has_tensor(inner, depth - 1)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// The value of a dictionary without tensors of its own that leads to them.
    fn descend(&mut self, value: Value<'a>) -> Result<Value<'a>, StateDictError> {
        let mut candidates = BTreeMap::new();
        for &(key, inner) in self.entries(value)? {
            if let Value::Text(key) = key
                && self.has_tensor(inner, MAX_DEPTH)?
            {
                candidates.insert(key, inner);
            }
        }
        let preferred = || PREFERRED.iter().find_map(|name| candidates.get(name)).copied();
        match candidates.len() {
            0 => Err(StateDictError::NoTensors),
            1 => candidates.into_values().next().ok_or(StateDictError::NoTensors),
            _ => preferred().ok_or_else(|| {
                let names: BTreeSet<&str> = candidates.keys().copied().collect();
                let candidates = names.into_iter().take(LISTED).map(|name| format!("`{name}`")).collect();
                StateDictError::Ambiguous { candidates }
            }),
        }
    }

    fn flatten(
        &mut self,
        value: Value<'a>,
        prefix: &str,
        depth: usize,
        tensors: &mut BTreeMap<String, &'p PickledTensor>,
    ) -> Result<(), StateDictError> {
        for &(key, inner) in self.entries(value)? {
            let Value::Text(key) = key else { continue };
            if prefix.len() + key.len() > MAX_NAME_BYTES {
                return Err(StateDictError::LongName);
            }
            match inner {
                Value::Tensor(at) => {
                    let name = format!("{prefix}{key}");
                    let tensor = &self.pickle.heap.tensors[at];
                    if tensors.insert(name.clone(), tensor).is_some() {
                        return Err(StateDictError::Duplicate { name });
                    }
                }
                Value::Dict(_) if depth == 0 => return Err(StateDictError::Nesting),
                Value::Dict(_) => self.flatten(inner, &format!("{prefix}{key}."), depth - 1, tensors)?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pickle::read;
    use super::*;

    const TENSOR: &[u8] =
        b"ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x010NK\x01tQK\x00))tR";

    /// `{name: value}` for each pair.
    fn dict(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let pairs =
            entries.iter().map(|(name, value)| [&[b'U', name.len() as u8], name.as_bytes(), value].concat());
        [&b"}("[..], &pairs.collect::<Vec<_>>().concat(), b"u"].concat()
    }

    fn names(object: &[u8]) -> Result<Vec<String>, StateDictError> {
        let program = [object, b"."].concat();
        let pickle = read(&program).expect("well formed");
        tensors(&pickle).map(|tensors| tensors.into_keys().collect())
    }

    #[test]
    fn finds_the_weights_by_the_documented_rule() {
        let weights = dict(&[("w", TENSOR), ("epoch", b"K\x01")]);
        assert_eq!(names(&weights).expect("flat"), ["w"]);
        assert_eq!(
            names(&dict(&[("anything", &weights), ("epoch", b"K\x01")])).expect("the only one"),
            ["w"]
        );
        let other = dict(&[("o", TENSOR)]);
        let both = dict(&[("optimizer", &other), ("model", &weights)]);
        assert_eq!(names(&both).expect("preferred"), ["w"]);
        assert_eq!(names(&dict(&[("model", &other), ("state_dict", &weights)])).expect("better"), ["w"]);
        let deep =
            dict(&[("teacher", &dict(&[("backbone", &weights), ("head", &other)])), ("student", &other)]);
        assert_eq!(names(&deep).expect("two levels"), ["w"]);
        let mixed = dict(&[("w", TENSOR), ("block", &dict(&[("0", &other)]))]);
        assert_eq!(names(&mixed).expect("joined"), ["block.0.o", "w"]);
    }

    #[test]
    fn tells_why_there_are_no_weights() {
        let weights = dict(&[("w", TENSOR)]);
        assert_eq!(names(b"]"), Err(StateDictError::NoTensors));
        assert_eq!(names(TENSOR), Err(StateDictError::NoTensors));
        let candidates = vec!["`a`".to_owned(), "`b`".to_owned()];
        let ambiguous = names(&dict(&[("b", &weights), ("a", &weights)]));
        assert_eq!(ambiguous, Err(StateDictError::Ambiguous { candidates }));
        let twice = names(&dict(&[("a.w", TENSOR), ("a", &weights)]));
        assert_eq!(twice, Err(StateDictError::Duplicate { name: "a.w".into() }));
        let long =
            dict(&[("a", &(0..9).fold(weights.clone(), |inner, _| dict(&[(&"b".repeat(200), &inner)])))]);
        assert_eq!(names(&[&long[..], b"U\x01w", TENSOR, b"s"].concat()), Err(StateDictError::LongName));
        let deep = (0..9).fold(weights, |inner, _| dict(&[("d", &inner)]));
        assert_eq!(names(&deep), Err(StateDictError::Nesting));
    }

    /// Twenty levels of twenty references to the level below: 20²⁰ paths.
    #[test]
    fn references_without_end_are_refused() {
        let mut program = b"}q\x00".to_vec();
        for level in 1..=20_u8 {
            program.extend(b"}(");
            for key in b'a'..b'u' {
                program.extend([b'U', 1, key, b'h', level - 1]);
            }
            program.extend([b'u', b'q', level]);
        }
        assert_eq!(names(&program), Err(StateDictError::Nesting));
        let cycle = [&b"}q\x00"[..], b"U\x01w", TENSOR, b"sU\x01ah\x00s"].concat();
        assert_eq!(names(&cycle), Err(StateDictError::Nesting));
    }
}
