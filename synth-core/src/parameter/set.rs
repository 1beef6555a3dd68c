use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// A whole number.
    Int(i64),
    /// A real number.
    Float(f64),
    /// One of a few names.
    Choice(String),
    /// Non-negative shares that sum to 1.
    Simplex(Vec<f64>),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Choice(value) => f.write_str(value),
            Self::Simplex(shares) => write!(f, "{shares:?}"),
        }
    }
}

impl From<i64> for ParameterValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for ParameterValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for ParameterValue {
    fn from(value: &str) -> Self {
        Self::Choice(value.to_owned())
    }
}

/// One value for each parameter of a space, in the order of the names.
///
/// # Examples
/// ```
/// use synth_core::ParameterSet;
/// let set = ParameterSet::new().with("void_count", 8).with("base_size", 20.0);
/// assert_eq!(set.int("void_count")?, 8);
/// assert!(set.float("brightness").is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterSet(BTreeMap<String, ParameterValue>);

impl ParameterSet {
    /// A set without any value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same set with one value added or replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<ParameterValue>) -> Self {
        self.insert(name, value);
        self
    }

    /// Adds or replaces one value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<ParameterValue>) {
        self.0.insert(name.into(), value.into());
    }

    /// The value of one parameter, if the set has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ParameterValue> {
        self.0.get(name)
    }

    /// All values, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParameterValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a real parameter; a whole number counts as real.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the parameter is missing or not a number.
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.get(name) {
            Some(ParameterValue::Float(value)) => Ok(*value),
            Some(ParameterValue::Int(value)) => Ok(*value as f64),
            other => Err(mismatch(name, "a number", other)),
        }
    }

    /// The value of a whole-number parameter.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the parameter is missing or not a whole number.
    pub fn int(&self, name: &str) -> Result<i64> {
        match self.get(name) {
            Some(ParameterValue::Int(value)) => Ok(*value),
            other => Err(mismatch(name, "a whole number", other)),
        }
    }

    /// The value of a parameter with named choices.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the parameter is missing or not a choice.
    pub fn choice(&self, name: &str) -> Result<&str> {
        match self.get(name) {
            Some(ParameterValue::Choice(value)) => Ok(value),
            other => Err(mismatch(name, "one of its choices", other)),
        }
    }

    /// A short name for this very set: 16 hexadecimal digits of the BLAKE3 of its names and values.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, value) in self.iter() {
            hasher.update(name.as_bytes());
            hasher.update(&[0]);
            match value {
                ParameterValue::Int(value) => hasher.update(&value.to_le_bytes()),
                ParameterValue::Float(value) => hasher.update(&value.to_bits().to_le_bytes()),
                ParameterValue::Choice(value) => hasher.update(value.as_bytes()),
                ParameterValue::Simplex(shares) => {
                    for share in shares {
                        hasher.update(&share.to_bits().to_le_bytes());
                    }
                    &mut hasher
                }
            };
            hasher.update(&[1]);
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

impl<N: Into<String>, V: Into<ParameterValue>> FromIterator<(N, V)> for ParameterSet {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

fn mismatch(name: &str, expected: &str, got: Option<&ParameterValue>) -> Error {
    let got = got.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    Error::invalid(name, expected, got)
}
