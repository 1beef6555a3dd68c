use std::collections::BTreeMap;
use std::fmt;

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which function made an embedding. Rows of two identities must never be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EmbedderId {
    /// Name and version: `features-2`, `dinov2_vitb14`.
    pub name: String,
    /// Hash of the weights; `None` for an embedder without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// The preprocessing, as a short versioned name.
    pub preprocessing: String,
}

impl fmt::Display for EmbedderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(weights) = &self.weights {
            write!(f, "@{}", weights.get(..12).unwrap_or(weights))?;
        }
        write!(f, "/{}", self.preprocessing)
    }
}

/// A matrix of embeddings with the names, groups and origin of its rows.
///
/// A *group* is what is independent: a parameter set, a wafer, a patient. Every permutation,
/// bootstrap and split acts on groups.
///
/// # Shapes
/// - matrix: `[n, dim]`, float32, finite
/// - ids, groups: `n` names; ids are unique
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    ids: Vec<String>,
    groups: Vec<String>,
    matrix: Array2<f32>,
    identity: EmbedderId,
}

impl Embeddings {
    /// Checks the parts and joins them.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths differ, [`Error::NonFinite`] naming row and column of the
    /// first NaN or infinity, [`Error::AlreadyExists`] for a repeated id.
    pub fn new(
        ids: Vec<String>,
        groups: Vec<String>,
        matrix: Array2<f32>,
        identity: EmbedderId,
    ) -> Result<Self> {
        let n = matrix.nrows();
        for (what, got) in [("ids", ids.len()), ("groups", groups.len())] {
            if got != n {
                return Err(Error::Shape { what, expected: vec![n], got: vec![got] });
            }
        }
        if let Some(((row, column), _)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let at = format!("row {row}, column {column}");
            return Err(Error::NonFinite { what: "the embedding matrix".into(), at });
        }
        let mut sorted: Vec<&String> = ids.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::AlreadyExists { what: "row", name: pair[0].clone() });
        }
        Ok(Self { ids, groups, matrix, identity })
    }

    /// Every row its own group, named by its number: for matrices without further knowledge.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn ungrouped(matrix: Array2<f32>, identity: EmbedderId) -> Result<Self> {
        let ids: Vec<String> = (0..matrix.nrows()).map(|row| format!("row_{row:06}")).collect();
        Self::new(ids.clone(), ids, matrix, identity)
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Length of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.matrix.ncols()
    }

    /// Unique name of each row.
    #[must_use]
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Group of each row.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The rows.
    #[must_use]
    pub fn matrix(&self) -> ArrayView2<'_, f32> {
        self.matrix.view()
    }

    /// Which embedder made them.
    #[must_use]
    pub fn identity(&self) -> &EmbedderId {
        &self.identity
    }

    /// The number of each row's group, groups numbered by their first appearance.
    #[must_use]
    pub fn group_numbers(&self) -> Vec<usize> {
        let mut numbers = BTreeMap::new();
        self.groups
            .iter()
            .map(|group| {
                let next = numbers.len();
                *numbers.entry(group.as_str()).or_insert(next)
            })
            .collect()
    }

    /// How many different groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.group_numbers().into_iter().max().map_or(0, |last| last + 1)
    }

    /// Some of the rows, in the order of `rows`, which must be distinct and below [`len`](Self::len).
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a row out of range, [`Error::AlreadyExists`] for a repeated one.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(Error::invalid("row", format!("below {}", self.len()), row));
        }
        let pick = |names: &[String]| rows.iter().map(|&row| names[row].clone()).collect();
        Self::new(
            pick(&self.ids),
            pick(&self.groups),
            self.matrix.select(Axis(0), rows),
            self.identity.clone(),
        )
    }

    /// Both sets of rows, these first.
    ///
    /// # Errors
    /// [`Error::EmbedderMismatch`], [`Error::Shape`] for another dimension, or a repeated id.
    pub fn concat(&self, other: &Self) -> Result<Self> {
        self.check_comparable(other)?;
        let mut matrix = self.matrix.clone();
        matrix
            .append(Axis(0), other.matrix.view())
            .map_err(|source| Error::component("joining rows", source))?;
        let join = |a: &[String], b: &[String]| a.iter().chain(b).cloned().collect();
        Self::new(
            join(&self.ids, &other.ids),
            join(&self.groups, &other.groups),
            matrix,
            self.identity.clone(),
        )
    }

    /// Whether distances between the two sets mean anything.
    ///
    /// # Errors
    /// [`Error::EmbedderMismatch`] for two identities, [`Error::Shape`] for two dimensions.
    pub fn check_comparable(&self, other: &Self) -> Result<()> {
        if self.identity != other.identity {
            let (left, right) = (self.identity.to_string(), other.identity.to_string());
            return Err(Error::EmbedderMismatch { left, right });
        }
        if self.dim() != other.dim() {
            let (expected, got) = (vec![self.dim()], vec![other.dim()]);
            return Err(Error::Shape { what: "embedding row", expected, got });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn id() -> EmbedderId {
        EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() }
    }

    #[test]
    fn rejects_nan_with_its_place() {
        let error = Embeddings::ungrouped(array![[1.0, 2.0], [3.0, f32::NAN]], id()).expect_err("NaN");
        assert!(error.to_string().contains("row 1, column 1"), "{error}");
    }

    #[test]
    fn numbers_groups_by_first_appearance() {
        let names = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let rows = Array2::zeros((4, 1));
        let embeddings = Embeddings::new(names("abcd"), names("yxyx"), rows, id()).expect("valid");
        assert_eq!(embeddings.group_numbers(), [0, 1, 0, 1]);
        assert_eq!(embeddings.group_count(), 2);
    }

    #[test]
    fn rows_of_two_embedders_do_not_meet() {
        let a = Embeddings::ungrouped(array![[1.0]], id()).expect("valid");
        let other = EmbedderId { name: "toy-2".into(), ..id() };
        let b = Embeddings::ungrouped(array![[1.0]], other).expect("valid");
        assert!(matches!(a.concat(&b), Err(Error::EmbedderMismatch { .. })));
    }
}
