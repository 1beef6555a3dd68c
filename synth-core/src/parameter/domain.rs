use serde::{Deserialize, Serialize};

use crate::{Error, ParameterValue, Result, Stream};

/// The values that a parameter may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Domain {
    /// A real number in [low, high]; with `log`, uniform in its logarithm (then low > 0).
    Float {
        /// Lower bound, included.
        low: f64,
        /// Upper bound, included.
        high: f64,
        /// Whether the parameter acts on a logarithmic scale.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        log: bool,
    },
    /// A whole number in [low, high].
    Int {
        /// Lower bound, included.
        low: i64,
        /// Upper bound, included.
        high: i64,
        /// Whether the parameter acts on a logarithmic scale.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        log: bool,
    },
    /// One of a few names, without an order.
    Choice {
        /// The names, at least one, all different.
        choices: Vec<String>,
    },
    /// Non-negative shares that sum to 1.
    Simplex {
        /// How many shares, at least 2.
        parts: usize,
    },
}

/// Simplex shares may miss 1 by this much, for rounding.
const SIMPLEX_TOLERANCE: f64 = 1e-9;

impl Domain {
    /// A real parameter on a linear scale.
    #[must_use]
    pub fn float(low: f64, high: f64) -> Self {
        Self::Float { low, high, log: false }
    }

    /// A whole-number parameter on a linear scale.
    #[must_use]
    pub fn int(low: i64, high: i64) -> Self {
        Self::Int { low, high, log: false }
    }

    /// A parameter with named choices.
    #[must_use]
    pub fn choice<S: Into<String>>(choices: impl IntoIterator<Item = S>) -> Self {
        Self::Choice { choices: choices.into_iter().map(Into::into).collect() }
    }

    /// Checks the domain itself; `name` is the parameter it belongs to.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for crossed or infinite bounds, a logarithmic scale that reaches 0,
    /// no or repeated choices, a simplex of fewer than two parts.
    pub fn check(&self, name: &str) -> Result<()> {
        match self {
            Self::Float { low, high, log } => {
                if !(low.is_finite() && high.is_finite() && low <= high) {
                    let expected = "finite bounds with low <= high";
                    return Err(Error::invalid(name, expected, format!("[{low}, {high}]")));
                }
                if !(high - low).is_finite() {
                    let expected = "bounds less than 1.8e308 apart";
                    return Err(Error::invalid(name, expected, format!("[{low:e}, {high:e}]")));
                }
                check_log(name, *log, *low > 0.0)
            }
            Self::Int { low, high, log } => {
                let span = high.checked_sub(*low).filter(|&span| (0..=1 << 52).contains(&span));
                if span.is_none() {
                    return Err(Error::invalid(
                        name,
                        "bounds with low <= high, at most 2⁵² apart",
                        format!("[{low}, {high}]"),
                    ));
                }
                check_log(name, *log, *low > 0)
            }
            Self::Choice { choices } => {
                let mut sorted: Vec<&String> = choices.iter().collect();
                sorted.sort();
                sorted.dedup();
                if choices.is_empty() || sorted.len() != choices.len() {
                    return Err(Error::invalid(
                        name,
                        "at least one choice, all different",
                        format!("{choices:?}"),
                    ));
                }
                Ok(())
            }
            Self::Simplex { parts } if *parts < 2 => {
                Err(Error::invalid(name, "a simplex of at least 2 parts", parts))
            }
            Self::Simplex { .. } => Ok(()),
        }
    }

    /// The same value in this domain's own type, if it lies inside: a whole number given for a real
    /// parameter becomes real, and a real number without a fraction becomes whole.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the value is of another kind or outside the bounds.
    pub fn accept(&self, name: &str, value: &ParameterValue) -> Result<ParameterValue> {
        let accepted = match (self, value) {
            (Self::Float { low, high, .. }, ParameterValue::Float(x)) if (low..=high).contains(&x) => {
                Some(value.clone())
            }
            (Self::Float { low, high, .. }, ParameterValue::Int(n))
                if (*low..=*high).contains(&(*n as f64)) =>
            {
                Some(ParameterValue::Float(*n as f64))
            }
            (Self::Int { low, high, .. }, ParameterValue::Int(n)) if (low..=high).contains(&n) => {
                Some(value.clone())
            }
            (Self::Int { low, high, .. }, ParameterValue::Float(x))
                if x.trunc() == *x && (*low as f64..=*high as f64).contains(x) =>
            {
                Some(ParameterValue::Int(*x as i64))
            }
            (Self::Choice { choices }, ParameterValue::Choice(choice)) if choices.contains(choice) => {
                Some(value.clone())
            }
            (Self::Simplex { parts }, ParameterValue::Simplex(shares)) => {
                let inside = shares.len() == *parts
                    && shares.iter().all(|share| (0.0..=1.0).contains(share))
                    && (shares.iter().sum::<f64>() - 1.0).abs() <= SIMPLEX_TOLERANCE;
                inside.then(|| value.clone())
            }
            _ => None,
        };
        accepted.ok_or_else(|| Error::invalid(name, self.describe(), value))
    }

    /// What lies inside, in words: for error messages and help.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Float { low, high, .. } => format!("a number in [{low}, {high}]"),
            Self::Int { low, high, .. } => format!("a whole number in [{low}, {high}]"),
            Self::Choice { choices } => format!("one of {}", choices.join(", ")),
            Self::Simplex { parts } => format!("{parts} non-negative shares that sum to 1"),
        }
    }

    /// How many different values there are; `None` where they are a continuum.
    #[must_use]
    pub fn cardinality(&self) -> Option<u64> {
        match self {
            Self::Float { low, high, .. } => (low == high).then_some(1),
            Self::Int { low, high, .. } => Some(high.abs_diff(*low) + 1),
            Self::Choice { choices } => Some(choices.len() as u64),
            Self::Simplex { .. } => None,
        }
    }

    /// The value at quantile `unit` of the uniform distribution over this domain (log-uniform where
    /// the scale is logarithmic). Every whole number and every choice has the same mass; `unit` is
    /// clamped to [0, 1]. A simplex has no quantiles: `None`.
    #[must_use]
    pub fn value_at(&self, unit: f64) -> Option<ParameterValue> {
        let unit = unit.clamp(0.0, 1.0);
        Some(match self {
            Self::Float { low, high, log: false } => {
                ParameterValue::Float((low + (high - low) * unit).clamp(*low, *high))
            }
            Self::Float { low, high, log: true } => {
                let (a, b) = (libm::log(*low), libm::log(*high));
                ParameterValue::Float(libm::exp(a + (b - a) * unit).clamp(*low, *high))
            }
            Self::Int { low, high, log: false } => {
                ParameterValue::Int(low + slot(unit, high.abs_diff(*low) + 1) as i64)
            }
            Self::Int { low, high, log: true } => {
                let (a, b) = (libm::log(*low as f64 - 0.5), libm::log(*high as f64 + 0.5));
                let nearest = libm::round(libm::exp(a + (b - a) * unit)) as i64;
                ParameterValue::Int(nearest.clamp(*low, *high))
            }
            Self::Choice { choices } => {
                ParameterValue::Choice(choices[slot(unit, choices.len() as u64) as usize].clone())
            }
            Self::Simplex { .. } => return None,
        })
    }

    /// A uniform draw (log-uniform on a logarithmic scale; Dirichlet(1, …, 1) on a simplex).
    pub fn draw(&self, stream: &mut Stream) -> ParameterValue {
        if let Self::Simplex { parts } = self {
            let exponentials: Vec<f64> = (0..*parts).map(|_| -libm::log(1.0 - stream.unit())).collect();
            let total: f64 = exponentials.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            return ParameterValue::Simplex(exponentials.into_iter().map(|e| e / total).collect());
        }
        let unit = stream.unit();
        self.value_at(unit).expect("invariant: every domain but the simplex has quantiles")
    }
}

fn slot(unit: f64, count: u64) -> u64 {
    ((unit * count as f64) as u64).min(count - 1)
}

fn check_log(name: &str, log: bool, positive: bool) -> Result<()> {
    if log && !positive {
        return Err(Error::invalid(
            name,
            "a positive lower bound on a logarithmic scale",
            "a bound of 0 or less",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_crossed_bounds_and_repeated_choices() {
        assert!(Domain::float(2.0, 1.0).check("x").is_err());
        assert!(Domain::float(f64::NAN, 1.0).check("x").is_err());
        let far = Domain::float(-1e308, 1e308).check("x").expect_err("an infinite span").to_string();
        assert_eq!(far, "`x` must be bounds less than 1.8e308 apart, got [-1e308, 1e308]");
        assert!(Domain::int(3, 2).check("x").is_err());
        assert!(Domain::choice(["a", "a"]).check("x").is_err());
        assert!(Domain::choice(Vec::<String>::new()).check("x").is_err());
        assert!(Domain::Float { low: 0.0, high: 1.0, log: true }.check("x").is_err());
        assert!(Domain::Simplex { parts: 1 }.check("x").is_err());
    }

    #[test]
    fn accepts_whole_numbers_for_real_parameters_and_back() {
        let float = Domain::float(5.0, 40.0);
        assert_eq!(float.accept("x", &20.into()).ok(), Some(ParameterValue::Float(20.0)));
        let int = Domain::int(3, 20);
        assert_eq!(int.accept("x", &8.0.into()).ok(), Some(ParameterValue::Int(8)));
        assert!(int.accept("x", &8.5.into()).is_err());
        assert!(int.accept("x", &21.into()).is_err());
    }

    #[test]
    fn whole_numbers_and_choices_share_the_unit_interval_evenly() {
        let int = Domain::int(3, 5);
        let counts = (0..300).fold([0; 3], |mut counts, i| {
            if let Some(ParameterValue::Int(n)) = int.value_at((f64::from(i) + 0.5) / 300.0) {
                counts[(n - 3) as usize] += 1;
            }
            counts
        });
        assert_eq!(counts, [100, 100, 100]);
        assert_eq!(int.value_at(1.0), Some(ParameterValue::Int(5)));
    }
}
