use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Domain, Error, Marginal, Parameter, ParameterSet, ParameterSpace, Result, Stream, normal};

/// A distribution over parameter sets: what a calibration finds and a generator draws from.
///
/// Call [`check`](Self::check) against the space once, then [`draw`](Self::draw). A conditional
/// parameter is drawn only where it exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ParameterDistribution {
    /// Every parameter on its own.
    Independent {
        /// The distribution of each parameter; one left out is uniform over its domain.
        marginals: BTreeMap<String, Marginal>,
    },
    /// Marginals joined by a Gaussian copula: u = Φ(L z), z standard normal, L Lᵀ the correlation.
    Copula {
        /// The distribution of each parameter; one left out is uniform over its domain.
        marginals: BTreeMap<String, Marginal>,
        /// The correlated parameters, in the order of the matrix.
        order: Vec<String>,
        /// Correlation matrix of the underlying normals: symmetric, positive definite, unit diagonal.
        correlation: Vec<Vec<f64>>,
    },
    /// One of several distributions, drawn by weight.
    Mixture {
        /// The parts; their weights are positive and need not sum to 1.
        components: Vec<MixtureComponent>,
    },
    /// One of several parameter sets, drawn by weight.
    Finite {
        /// The sets; their weights are positive and need not sum to 1.
        atoms: Vec<Atom>,
    },
}

/// One part of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureComponent {
    /// Relative weight, > 0.
    pub weight: f64,
    /// The part's distribution.
    pub distribution: ParameterDistribution,
}

/// One parameter set of a finite distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Atom {
    /// Relative weight, > 0.
    pub weight: f64,
    /// The set.
    pub params: ParameterSet,
}

impl ParameterDistribution {
    /// The uniform distribution over any space.
    #[must_use]
    pub fn uniform() -> Self {
        Self::Independent { marginals: BTreeMap::new() }
    }

    /// Always the same set.
    #[must_use]
    pub fn point(params: ParameterSet) -> Self {
        Self::Finite { atoms: vec![Atom { weight: 1.0, params }] }
    }

    /// Checks that this is a distribution over `space`.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the parameter and what is wrong with its distribution.
    pub fn check(&self, space: &ParameterSpace) -> Result<()> {
        match self {
            Self::Independent { marginals } => check_marginals(marginals, space),
            Self::Copula { marginals, order, correlation } => {
                check_marginals(marginals, space)?;
                check_order(order, space)?;
                cholesky(correlation, order.len()).map(|_| ())
            }
            Self::Mixture { components } => {
                check_weights("components", components.iter().map(|part| part.weight))?;
                components.iter().try_for_each(|part| part.distribution.check(space))
            }
            Self::Finite { atoms } => {
                check_weights("atoms", atoms.iter().map(|atom| atom.weight))?;
                atoms.iter().try_for_each(|atom| space.resolve(&atom.params).map(|_| ()))
            }
        }
    }

    /// One parameter set.
    ///
    /// # Errors
    /// As [`check`](Self::check): the distribution does not fit the space.
    pub fn draw(&self, space: &ParameterSpace, stream: &mut Stream) -> Result<ParameterSet> {
        match self {
            Self::Independent { marginals } => {
                let units: BTreeMap<&str, f64> = BTreeMap::new();
                draw_marginals(marginals, &units, space, stream)
            }
            Self::Copula { marginals, order, correlation } => {
                let factor = cholesky(correlation, order.len())?;
                let z: Vec<f64> = order.iter().map(|_| stream.normal()).collect();
                let unit = |row: &Vec<f64>| normal::cdf(row.iter().zip(&z).map(|(l, z)| l * z).sum());
                let units = order.iter().map(String::as_str).zip(factor.iter().map(unit)).collect();
                draw_marginals(marginals, &units, space, stream)
            }
            Self::Mixture { components } => {
                check_weights("components", components.iter().map(|part| part.weight))?;
                let at = weighted(components.iter().map(|part| part.weight), stream.unit());
                components[at].distribution.draw(space, stream)
            }
            Self::Finite { atoms } => {
                check_weights("atoms", atoms.iter().map(|atom| atom.weight))?;
                let at = weighted(atoms.iter().map(|atom| atom.weight), stream.unit());
                space.resolve(&atoms[at].params)
            }
        }
    }
}

fn known<'a>(name: &str, space: &'a ParameterSpace) -> Result<&'a Parameter> {
    space.get(name).ok_or_else(|| {
        let names: Vec<&str> = space.parameters().iter().map(|p| p.name.as_str()).collect();
        Error::invalid("distribution", format!("over the parameters {}", names.join(", ")), name)
    })
}

fn check_order(order: &[String], space: &ParameterSpace) -> Result<()> {
    for (at, name) in order.iter().enumerate() {
        let parameter = known(name, space)?;
        if order[..at].contains(name) {
            return Err(Error::invalid("order", "every parameter once", name));
        }
        if matches!(parameter.domain, Domain::Simplex { .. }) {
            return Err(Error::invalid("order", "parameters with quantiles, so no simplex", name));
        }
    }
    Ok(())
}

fn check_marginals(marginals: &BTreeMap<String, Marginal>, space: &ParameterSpace) -> Result<()> {
    marginals.iter().try_for_each(|(name, marginal)| marginal.check(name, &known(name, space)?.domain))
}

fn draw_marginals(
    marginals: &BTreeMap<String, Marginal>,
    units: &BTreeMap<&str, f64>,
    space: &ParameterSpace,
    stream: &mut Stream,
) -> Result<ParameterSet> {
    let mut set = ParameterSet::new();
    for parameter in space.parameters() {
        let Some(marginal) = marginals.get(&parameter.name) else {
            let joined = units.get(parameter.name.as_str()).and_then(|&unit| parameter.domain.value_at(unit));
            let value = joined.unwrap_or_else(|| parameter.domain.draw(stream));
            if ParameterSpace::is_active(parameter, &set) {
                set.insert(&parameter.name, value);
            }
            continue;
        };
        marginal.check(&parameter.name, &parameter.domain)?;
        let unit = units.get(parameter.name.as_str()).copied().unwrap_or_else(|| stream.unit());
        if ParameterSpace::is_active(parameter, &set) {
            let value = marginal.value_at(&parameter.domain, unit);
            set.insert(&parameter.name, parameter.domain.accept(&parameter.name, &value)?);
        }
    }
    Ok(set)
}

fn check_weights(what: &str, weights: impl ExactSizeIterator<Item = f64>) -> Result<()> {
    if weights.len() == 0 {
        return Err(Error::invalid(what, "at least one", "none"));
    }
    for weight in weights {
        if !(weight.is_finite() && weight > 0.0) {
            return Err(Error::invalid(format!("{what}.weight"), "a positive number", weight));
        }
    }
    Ok(())
}

/// The index at quantile `unit` of a list of positive weights.
fn weighted(weights: impl Iterator<Item = f64> + Clone, unit: f64) -> usize {
    let mut left = unit * weights.clone().sum::<f64>();
    let mut last = 0;
    for (at, weight) in weights.enumerate() {
        last = at;
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// Lower Cholesky factor of a correlation matrix.
fn cholesky(matrix: &[Vec<f64>], size: usize) -> Result<Vec<Vec<f64>>> {
    let invalid = |problem: &str| {
        Error::invalid("correlation", "a correlation matrix of the parameters in `order`", problem)
    };
    if matrix.len() != size || matrix.iter().any(|row| row.len() != size) {
        return Err(invalid("another size"));
    }
    let mut factor = vec![vec![0.0; size]; size];
    for i in 0..size {
        if (matrix[i][i] - 1.0).abs() > 1e-9 {
            return Err(invalid("a diagonal other than 1"));
        }
        for j in 0..=i {
            if (matrix[i][j] - matrix[j][i]).abs() > 1e-9 {
                return Err(invalid("an asymmetric matrix"));
            }
            let sum: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let rest = matrix[i][j] - sum;
            if i == j {
                if rest.is_nan() || rest <= 1e-12 {
                    return Err(invalid("a matrix that is not positive definite"));
                }
                factor[i][i] = libm::sqrt(rest);
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    Ok(factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn space() -> ParameterSpace {
        ParameterSpace::new(vec![
            Parameter::new("shape", Domain::choice(["disc", "star"])),
            Parameter::new("size", Domain::float(0.0, 10.0)),
            Parameter::new("depth", Domain::float(0.0, 10.0)),
            Parameter::new("spikes", Domain::int(3, 12)).when("shape", ["star"]),
        ])
        .expect("valid")
    }

    fn normal(mean: f64, std: f64) -> Marginal {
        Marginal::Normal { mean, std }
    }

    #[test]
    fn a_copula_correlates_its_parameters() {
        let marginals =
            [("size".to_owned(), normal(5.0, 1.0)), ("depth".to_owned(), normal(5.0, 1.0))].into();
        let order = vec!["size".to_owned(), "depth".to_owned()];
        let correlation = vec![vec![1.0, 0.8], vec![0.8, 1.0]];
        let copula = ParameterDistribution::Copula { marginals, order, correlation };
        copula.check(&space()).expect("valid");
        let n = 4000;
        let covariance = (0..n)
            .map(|i| {
                let set = copula.draw(&space(), &mut Seed::from_u64(1).stream(i)).expect("drawn");
                (set.float("size").expect("size") - 5.0) * (set.float("depth").expect("depth") - 5.0)
            })
            .sum::<f64>()
            / n as f64;
        assert!((covariance - 0.8).abs() < 0.06, "{covariance}");
    }

    #[test]
    fn a_copula_correlates_parameters_that_are_left_uniform() {
        let order = vec!["size".to_owned(), "depth".to_owned()];
        let correlation = vec![vec![1.0, 0.9], vec![0.9, 1.0]];
        let copula = ParameterDistribution::Copula { marginals: BTreeMap::new(), order, correlation };
        let n = 2000;
        let covariance = (0..n)
            .map(|i| {
                let set = copula.draw(&space(), &mut Seed::from_u64(1).stream(i)).expect("drawn");
                (set.float("size").expect("size") - 5.0) * (set.float("depth").expect("depth") - 5.0)
            })
            .sum::<f64>()
            / n as f64;
        // 6/π asin(ρ/2) is the correlation of the uniforms (Kruskal 1958); their variance is 100/12.
        let expected = 6.0 / std::f64::consts::PI * (0.45_f64).asin() * 100.0 / 12.0;
        assert!((covariance - expected).abs() < 0.6, "{covariance} for {expected}");
    }

    #[test]
    fn rejects_a_copula_that_names_a_parameter_twice() {
        let order = vec!["size".to_owned(), "size".to_owned()];
        let correlation = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
        let copula = ParameterDistribution::Copula { marginals: BTreeMap::new(), order, correlation };
        assert!(copula.check(&space()).is_err());
    }

    #[test]
    fn rejects_matrices_that_are_no_correlation() {
        for bad in
            [vec![vec![1.0, 2.0], vec![2.0, 1.0]], vec![vec![1.0, 0.5], vec![0.4, 1.0]], vec![vec![1.0]]]
        {
            assert!(cholesky(&bad, 2).is_err());
        }
    }

    #[test]
    fn finite_distributions_draw_by_weight() {
        let set = |size: f64| ParameterSet::new().with("shape", "disc").with("size", size).with("depth", 1.0);
        let atoms = vec![Atom { weight: 1.0, params: set(1.0) }, Atom { weight: 3.0, params: set(2.0) }];
        let finite = ParameterDistribution::Finite { atoms };
        let twos = (0..4000)
            .filter(|i| finite.draw(&space(), &mut Seed::from_u64(1).stream(*i)).expect("drawn") == set(2.0))
            .count();
        assert!((2850..3150).contains(&twos), "{twos}");
    }

    #[test]
    fn conditional_parameters_appear_only_where_they_exist() {
        for i in 0..100 {
            let set = ParameterDistribution::uniform()
                .draw(&space(), &mut Seed::from_u64(1).stream(i))
                .expect("drawn");
            assert_eq!(set.get("spikes").is_some(), set.choice("shape").expect("shape") == "star");
        }
    }

    #[test]
    fn reads_back_what_it_writes() {
        let components =
            vec![MixtureComponent { weight: 1.0, distribution: ParameterDistribution::uniform() }];
        let mixture = ParameterDistribution::Mixture { components };
        let text = serde_json::to_string(&mixture).expect("serialises");
        assert_eq!(serde_json::from_str::<ParameterDistribution>(&text).expect("reads"), mixture);
    }
}
