use serde::{Deserialize, Serialize};

use crate::{Domain, Error, ParameterSet, ParameterValue, Result, Stream};

/// One knob of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, unique within the space.
    pub name: String,
    /// The values it may take.
    #[serde(flatten)]
    pub domain: Domain,
    /// The value used where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<ParameterValue>,
    /// The parameter exists only under this condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Parameter {
    /// A parameter that always exists and has no default.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self { name: name.into(), domain, default: None, when: None }
    }

    /// The same parameter with a default.
    #[must_use]
    pub fn with_default(mut self, default: impl Into<ParameterValue>) -> Self {
        self.default = Some(default.into());
        self
    }

    /// The same parameter, existing only where `parameter` has one of `values`.
    #[must_use]
    pub fn when<V: Into<ParameterValue>>(
        mut self,
        parameter: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let is = values.into_iter().map(Into::into).collect();
        self.when = Some(Condition { parameter: parameter.into(), is });
        self
    }
}

/// A parameter exists only when its parent has one of these values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Name of the parent, which stands earlier in the space.
    pub parameter: String,
    /// The parent's values under which the parameter exists.
    pub is: Vec<ParameterValue>,
}

/// The parameters of a generator. It exists only checked.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Parameter, ParameterSet, ParameterSpace};
/// let space = ParameterSpace::new(vec![
///     Parameter::new("shape", Domain::choice(["disc", "star"])),
///     Parameter::new("spikes", Domain::int(3, 12)).when("shape", ["star"]),
/// ])?;
/// let disc = ParameterSet::new().with("shape", "disc");
/// assert!(space.resolve(&disc).is_ok());
/// assert!(space.resolve(&disc.with("spikes", 5)).is_err(), "a disc has no spikes");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Parameter>", into = "Vec<Parameter>")]
pub struct ParameterSpace {
    parameters: Vec<Parameter>,
}

impl ParameterSpace {
    /// Checks the parameters and makes a space of them.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a repeated name, a bad domain, a default outside its domain, or
    /// a condition on a parameter that does not stand earlier or never has that value.
    pub fn new(mut parameters: Vec<Parameter>) -> Result<Self> {
        for at in 0..parameters.len() {
            let (earlier, rest) = parameters.split_at_mut(at);
            let parameter = &mut rest[0];
            if earlier.iter().any(|other| other.name == parameter.name) {
                return Err(Error::invalid(
                    &parameter.name,
                    "a name used once",
                    "a second parameter of that name",
                ));
            }
            parameter.domain.check(&parameter.name)?;
            if let Some(default) = &parameter.default {
                parameter.default = Some(parameter.domain.accept(&parameter.name, default)?);
            }
            if let Some(condition) = &mut parameter.when {
                check_condition(&parameter.name, condition, earlier)?;
            }
        }
        Ok(Self { parameters })
    }

    /// The parameters, in the order given.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many parameters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// Whether there is no parameter at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// The parameter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// Whether `parameter` exists, given the values of those before it.
    #[must_use]
    pub fn is_active(parameter: &Parameter, set: &ParameterSet) -> bool {
        parameter
            .when
            .as_ref()
            .is_none_or(|when| set.get(&when.parameter).is_some_and(|value| when.is.contains(value)))
    }

    /// The set in the space's own types, defaults filled in.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if a value is missing without a default, outside its domain, of an
    /// unknown parameter, or of one that does not exist under the others' values.
    pub fn resolve(&self, set: &ParameterSet) -> Result<ParameterSet> {
        let mut resolved = ParameterSet::new();
        for parameter in &self.parameters {
            let given = set.get(&parameter.name);
            if !Self::is_active(parameter, &resolved) {
                if let Some(value) = given {
                    let expected = "absent under the other parameters' values";
                    return Err(Error::invalid(&parameter.name, expected, value));
                }
                continue;
            }
            let value = given
                .or(parameter.default.as_ref())
                .ok_or_else(|| Error::invalid(&parameter.name, parameter.domain.describe(), "nothing"))?;
            resolved.insert(&parameter.name, parameter.domain.accept(&parameter.name, value)?);
        }
        if let Some((name, value)) = set.iter().find(|(name, _)| self.get(name).is_none()) {
            let known: Vec<&str> = self.parameters.iter().map(|p| p.name.as_str()).collect();
            return Err(Error::invalid(name, format!("one of the parameters {}", known.join(", ")), value));
        }
        Ok(resolved)
    }

    /// A uniform draw from the space: each existing parameter by [`Domain::draw`].
    pub fn draw(&self, stream: &mut Stream) -> ParameterSet {
        let mut set = ParameterSet::new();
        for parameter in &self.parameters {
            if Self::is_active(parameter, &set) {
                set.insert(&parameter.name, parameter.domain.draw(stream));
            }
        }
        set
    }
}

impl TryFrom<Vec<Parameter>> for ParameterSpace {
    type Error = Error;

    fn try_from(parameters: Vec<Parameter>) -> Result<Self> {
        Self::new(parameters)
    }
}

impl From<ParameterSpace> for Vec<Parameter> {
    fn from(space: ParameterSpace) -> Self {
        space.parameters
    }
}

fn check_condition(name: &str, condition: &mut Condition, earlier: &[Parameter]) -> Result<()> {
    let Some(parent) = earlier.iter().find(|other| other.name == condition.parameter) else {
        return Err(Error::invalid(
            name,
            "conditional on a parameter that stands earlier",
            &condition.parameter,
        ));
    };
    for value in &mut condition.is {
        *value = parent.domain.accept(&parent.name, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn space() -> ParameterSpace {
        ParameterSpace::new(vec![
            Parameter::new("shape", Domain::choice(["disc", "star"])),
            Parameter::new("size", Domain::float(1.0, 9.0)).with_default(4),
            Parameter::new("spikes", Domain::int(3, 12)).when("shape", ["star"]),
        ])
        .expect("valid")
    }

    #[test]
    fn fills_defaults_and_drops_nothing() {
        let set = ParameterSet::new().with("shape", "star").with("spikes", 5);
        let resolved = space().resolve(&set).expect("inside");
        assert_eq!(resolved, set.with("size", 4.0));
    }

    #[test]
    fn rejects_what_is_unknown_missing_or_inactive() {
        let star = ParameterSet::new().with("shape", "star");
        assert!(space().resolve(&star).is_err(), "spikes missing");
        assert!(space().resolve(&star.clone().with("spikes", 5).with("colour", 1)).is_err());
        assert!(space().resolve(&ParameterSet::new().with("shape", "disc").with("spikes", 5)).is_err());
    }

    #[test]
    fn draws_lie_inside_and_respect_conditions() {
        for index in 0..200 {
            let set = space().draw(&mut Seed::from_u64(5).stream(index));
            assert_eq!(space().resolve(&set).expect("inside"), set);
        }
    }

    #[test]
    fn a_file_cannot_skip_the_check() {
        let bad = r#"[{"name": "x", "type": "float", "low": 2, "high": 1}]"#;
        assert!(serde_json::from_str::<ParameterSpace>(bad).is_err());
        let text = serde_json::to_string(&space()).expect("serialises");
        assert_eq!(serde_json::from_str::<ParameterSpace>(&text).expect("reads back"), space());
    }
}
