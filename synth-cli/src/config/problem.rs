use std::cell::RefCell;
use std::fmt;

use super::node::Origin;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it was written.
    pub(crate) origin: Origin,
    /// What is wrong: key, what is allowed, what was given.
    pub(crate) message: String,
    /// What would help.
    pub(crate) hint: Option<String>,
}

/// Collects problems, so that one look shows them all.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a value that is not allowed.
    pub(crate) fn value(&self, origin: &Origin, key: &str, expected: &str, got: impl fmt::Display) {
        self.note(origin, format!("`{key}` must be {expected}, got {got}"), None);
    }

    /// Notes any problem.
    pub(crate) fn note(&self, origin: &Origin, message: String, hint: Option<String>) {
        let problem = Problem { origin: origin.clone(), message, hint };
        let mut problems = self.0.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All problems, in the order of the file; those of the command line come after.
    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| match problem.origin {
            Origin::Line(line) => (0, line),
            Origin::Absent => (1, 0),
            Origin::Set(_) => (2, 0),
        });
        problems
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Debug)]
pub(crate) struct ConfigError {
    /// Name of the file, as given.
    pub(crate) file: String,
    /// At least one problem.
    pub(crate) problems: Vec<Problem>,
}

impl ConfigError {
    /// The message of one problem, beginning with its place.
    pub(crate) fn describe(&self, problem: &Problem) -> String {
        match &problem.origin {
            Origin::Line(line) => format!("{}:{line}: {}", self.file, problem.message),
            Origin::Set(argument) => format!("--set {argument}: {}", problem.message),
            Origin::Absent => format!("{}: {}", self.file, problem.message),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, self.describe(problem))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// The known name that `given` most likely stands for: at most a third of its letters differ.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = given.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|name| (edit_distance(given, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (the optimal
/// string alignment distance; letter case does not count).
fn edit_distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitute = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitute.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_worked_by_hand() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("voids", "viods"), 1, "one swap");
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("Seed", "seed"), 0);
    }

    #[test]
    fn hints_only_at_what_is_near() {
        let known = ["void_shape", "void_count", "base_size"];
        assert_eq!(nearest("void_cuont", known), Some("void_count"));
        assert_eq!(nearest("basesize", known), Some("base_size"));
        assert_eq!(nearest("learning_rate", known), None);
    }
}
