//! Parameters of generators: values, domains, spaces and distributions over them.

mod distribution;
mod domain;
mod marginal;
mod set;
mod space;

pub use distribution::{Atom, MixtureComponent, ParameterDistribution};
pub use domain::Domain;
pub use marginal::Marginal;
pub use set::{ParameterSet, ParameterValue};
pub use space::{Condition, Parameter, ParameterSpace};
