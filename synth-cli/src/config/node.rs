use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// In the file, at this line (from 1).
    Line(u64),
    /// On the command line, as this `--set` argument.
    Set(String),
    /// Nowhere: the key is absent.
    Absent,
}

/// A YAML value that knows where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key itself was written.
    pub(crate) origin: Origin,
    pub(crate) node: Node,
}

impl Node {
    /// An empty map from nowhere.
    pub(crate) fn empty() -> Self {
        Self { value: Value::Map(Vec::new()), origin: Origin::Absent }
    }

    /// The value under `key`, if this is a map that has it and it is not null.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key && entry.node.value != Value::Null)
    }

    /// Where the value at a dotted path was written; of the deepest part that is there.
    pub(crate) fn locate(&self, path: &str) -> Origin {
        let mut at = self;
        let mut origin = Origin::Absent;
        for key in path.split('.') {
            let Some(entry) = at.get(key) else { break };
            (at, origin) = (&entry.node, entry.origin.clone());
        }
        origin
    }

    /// Puts `value` at a dotted path, making the maps on the way.
    pub(crate) fn put(&mut self, path: &[&str], value: Self) {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        if !matches!(self.value, Value::Map(_)) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return };
        let at = entries.iter().position(|entry| entry.key == *first).unwrap_or_else(|| {
            let node = Self { value: Value::Null, origin: value.origin.clone() };
            entries.push(Entry { key: (*first).to_owned(), origin: value.origin.clone(), node });
            entries.len() - 1
        });
        entries[at].origin = value.origin.clone();
        entries[at].node.put(rest, value);
    }

    /// The same tree, every part of it written at `origin`.
    pub(crate) fn written_at(mut self, origin: &Origin) -> Self {
        self.origin = origin.clone();
        self.value = match self.value {
            Value::List(items) => {
                Value::List(items.into_iter().map(|item| item.written_at(origin)).collect())
            }
            Value::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|entry| Entry {
                        origin: origin.clone(),
                        node: entry.node.written_at(origin),
                        key: entry.key,
                    })
                    .collect(),
            ),
            scalar => scalar,
        };
        self
    }
}

impl fmt::Display for Node {
    /// As flow-style YAML, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(value) => write!(f, "\"{value}\""),
            Value::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                f.write_str("{")?;
                for (i, entry) in entries.iter().enumerate() {
                    write!(f, "{}{}: {}", if i == 0 { "" } else { ", " }, entry.key, entry.node)?;
                }
                f.write_str("}")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, origin: Origin::Line(spanned.referenced.line()) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Int).map_err(|_overflow| E::custom("a whole number above 2^63 - 1"))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Node>()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let origin = Origin::Line(key.referenced.line());
            entries.push(Entry { key: key.value, origin, node: map.next_value::<Node>()? });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_line_of_every_key_and_value() {
        let text = "a: 1\nb:\n  c: [1.5, x]\n  d:\n    true\n";
        let node: Node = serde_saphyr::from_str(text).expect("YAML");
        assert_eq!(node.locate("a"), Origin::Line(1));
        assert_eq!(node.locate("b.c"), Origin::Line(3));
        let d = node.get("b").and_then(|b| b.node.get("d")).expect("d");
        assert_eq!((&d.origin, &d.node.origin), (&Origin::Line(4), &Origin::Line(5)));
        assert_eq!(node.to_string(), "{a: 1, b: {c: [1.5, \"x\"], d: true}}");
    }

    #[test]
    fn puts_values_at_dotted_paths() {
        let mut node: Node = serde_saphyr::from_str("real: {n: 1}\n").expect("YAML");
        let origin = Origin::Set("real.n=2".into());
        let value = |n| Node { value: Value::Int(n), origin: origin.clone() };
        node.put(&["real", "n"], value(2));
        node.put(&["far", "n"], value(3));
        assert_eq!(node.to_string(), "{real: {n: 2}, far: {n: 3}}");
        assert_eq!(node.locate("real.n"), origin);
    }
}
