use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::dtype::Dtype;

/// Names of one kind that the message lists.
const LISTED: usize = 8;

/// How a checkpoint differs from what a model asks for.
#[derive(Debug, Default)]
pub(super) struct Mismatch {
    /// Names that the model asked for, with where the checkpoint would have them.
    pub(super) missing: BTreeSet<String>,
    /// Names of the checkpoint that the model did not ask for.
    pub(super) extra: BTreeSet<String>,
    /// Expected shape, and what is there.
    pub(super) misshapen: BTreeMap<String, (Vec<usize>, Vec<Vec<usize>>)>,
    /// Types that hold no weights.
    pub(super) unreadable: BTreeMap<String, Dtype>,
}

impl Mismatch {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.missing.len() + self.extra.len() + self.misshapen.len() + self.unreadable.len()
    }
}

/// `2 missing (a, b); 1 of another shape (c: expected [2], found [3])`.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let misshapen = self.misshapen.iter().map(|(name, (expected, found))| {
            let mut text = format!("{name}: expected {expected:?}, found ");
            for (at, shape) in found.iter().enumerate() {
                let separator = if at == 0 { "" } else { " and " };
                write!(text, "{separator}{shape:?}").expect("invariant: a string takes all text");
            }
            text
        });
        let unreadable = self.unreadable.iter().map(|(name, dtype)| format!("{name}: {dtype}"));
        let parts = [
            part("missing", self.missing.len(), self.missing.iter().cloned()),
            part("of another shape", self.misshapen.len(), misshapen),
            part("not of floats", self.unreadable.len(), unreadable),
            part("that the model does not have", self.extra.len(), self.extra.iter().cloned()),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
    }
}

fn part(what: &str, count: usize, items: impl Iterator<Item = String>) -> Option<String> {
    if count == 0 {
        return None;
    }
    let listed = items.take(LISTED).collect::<Vec<_>>().join(", ");
    let more = if count > LISTED { format!(" and {} more", count - LISTED) } else { String::new() };
    Some(format!("{count} {what} ({listed}{more})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_kind_sorted_and_cut() {
        let mut mismatch = Mismatch::default();
        mismatch.missing.extend((0..10).rev().map(|i| format!("m{i}")));
        mismatch.extra.insert("x".into());
        mismatch.misshapen.insert("s".into(), (vec![2], vec![vec![3], vec![1, 1]]));
        mismatch.unreadable.insert("u".into(), Dtype::I64);
        assert_eq!(
            mismatch.to_string(),
            "10 missing (m0, m1, m2, m3, m4, m5, m6, m7 and 2 more); 1 of another shape (s: expected [2], \
             found [3] and [1, 1]); 1 not of floats (u: i64); 1 that the model does not have (x)"
        );
        assert_eq!(mismatch.len(), 13);
    }
}
