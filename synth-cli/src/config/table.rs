use std::cell::RefCell;
use std::collections::BTreeSet;

use super::node::{Entry, Node, Origin, Value};
use super::problem::{Problems, nearest};

/// Reads a map key by key. Every key asked for is thereby known; [`finish`](Self::finish) reports
/// the others.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    node: &'a Node,
    path: String,
    problems: &'a Problems,
    known: RefCell<BTreeSet<String>>,
}

impl<'a> Table<'a> {
    /// The map at the root.
    pub(crate) fn root(node: &'a Node, problems: &'a Problems) -> Self {
        Self::at(node, String::new(), problems)
    }

    /// A map that is called `path`.
    pub(super) fn at(node: &'a Node, path: String, problems: &'a Problems) -> Self {
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            let name = if path.is_empty() { "the configuration" } else { &path };
            problems.value(&node.origin, name, "a block of `key: value` lines", node);
        }
        Self { node, path, problems, known: RefCell::default() }
    }

    /// The block itself.
    pub(crate) fn node(&self) -> &'a Node {
        self.node
    }

    /// The full name of a key.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The entry under a key, unless absent or null.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.known.borrow_mut().insert(key.to_owned());
        self.node.get(key)
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// All entries, each thereby known.
    pub(crate) fn entries(&self) -> &'a [Entry] {
        let Value::Map(entries) = &self.node.value else { return &[] };
        self.known.borrow_mut().extend(entries.iter().map(|entry| entry.key.clone()));
        entries
    }

    /// The block under a key.
    pub(crate) fn table(&self, key: &str) -> Option<Self> {
        let entry = self.entry(key)?;
        Some(Self::at(&entry.node, self.path(key), self.problems))
    }

    /// Where the key was written; where the block begins, if it is absent.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.node.get(key).map_or_else(|| self.node.origin.clone(), |entry| entry.origin.clone())
    }

    /// Notes that the value of `key` is not allowed.
    pub(crate) fn refuse(&self, key: &str, expected: &str) {
        let got = self.node.get(key).map_or_else(|| "nothing".to_owned(), |entry| entry.node.to_string());
        self.problems.value(&self.origin(key), &self.path(key), expected, got);
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.read(key, "a text", |value| match value {
            Value::Text(text) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    }

    /// Yes or no.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A finite number for which `allowed` holds; `expected` says which those are.
    pub(crate) fn number(&self, key: &str, expected: &str, allowed: impl Fn(f64) -> bool) -> Option<f64> {
        self.read(key, expected, |value| number(value).filter(|&x| allowed(x)))
    }

    /// A whole number in `range`.
    pub(crate) fn whole(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let expected = if *range.end() == i64::MAX {
            format!("a whole number of at least {}", range.start())
        } else {
            format!("a whole number in [{}, {}]", range.start(), range.end())
        };
        self.read(key, &expected, |value| whole(value).filter(|n| range.contains(n)))
    }

    /// A count in `range`.
    pub(crate) fn count(&self, key: &str, range: std::ops::RangeInclusive<i64>) -> Option<usize> {
        self.whole(key, range).and_then(|n| usize::try_from(n).ok())
    }

    /// One of a few names.
    pub(crate) fn one_of<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let entry = self.entry(key)?;
        if let Value::Text(text) = &entry.node.value
            && let Some((_, choice)) = choices.iter().find(|(name, _)| name == text)
        {
            return Some(*choice);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("`{}` must be one of {}, got {}", self.path(key), names.join(", "), entry.node);
        let hint = match &entry.node.value {
            Value::Text(text) => nearest(text, names).map(did_you_mean),
            _ => None,
        };
        self.problems.note(&entry.origin, message, hint);
        None
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(&self) {
        let Value::Map(entries) = &self.node.value else { return };
        let known = self.known.borrow();
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key)) {
            let allowed = format!("allowed are {}", names.join(", "));
            let hint = nearest(&entry.key, names.iter().copied()).map(did_you_mean);
            let message = format!("unknown key `{}` with value {}", self.path(&entry.key), entry.node);
            self.problems.note(&entry.origin, format!("{message}; {allowed}"), hint);
        }
    }

    fn read<T>(&self, key: &str, expected: &str, of: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let entry = self.entry(key)?;
        let value = of(&entry.node.value);
        if value.is_none() {
            self.problems.value(&entry.origin, &self.path(key), expected, &entry.node);
        }
        value
    }
}

/// The value as a finite number.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(x) if x.is_finite() => Some(*x),
        _ => None,
    }
}

/// The value as a whole number; `8.0` counts.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Float(x) if x.trunc() == *x && x.abs() < 9e15 => Some(*x as i64),
        _ => None,
    }
}

pub(crate) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_all_problems_with_lines_and_hints() {
        let text = "count: 0\nsize: big\ncolor: red\nmode: fsat\n";
        let node: Node = serde_saphyr::from_str(text).expect("YAML");
        let problems = Problems::default();
        let table = Table::root(&node, &problems);
        assert_eq!(table.count("count", 1..=i64::MAX), None);
        assert_eq!(table.number("size", "a positive number", |x| x > 0.0), None);
        assert_eq!(table.one_of("mode", &[("fast", 1), ("slow", 2)]), None);
        assert_eq!(table.text("colour"), None);
        table.finish();
        let found = problems.into_sorted();
        let messages: Vec<&str> = found.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(messages[0], "`count` must be a whole number of at least 1, got 0");
        assert_eq!(messages[1], "`size` must be a positive number, got \"big\"");
        assert!(messages[2].starts_with("unknown key `color` with value \"red\"; allowed are colour, count"));
        assert_eq!(found[2].hint.as_deref(), Some("did you mean `colour`?"));
        assert_eq!(found[3].hint.as_deref(), Some("did you mean `fast`?"));
        assert_eq!(found[3].origin, Origin::Line(4));
    }
}
