use synth_core::{Domain, Parameter, ParameterSpace, ParameterValue};

use super::node::{Node, Value};
use super::read::to_json;
use super::table::{Table, number, whole};

/// The generator's space with the bounds that `param_bounds` gives: `[low, high]`, a list of
/// choices, or a block `{low, high, default}` or `{choices, default}`. A parameter left out
/// keeps the generator's own bounds.
pub(crate) fn read_bounds(table: &Table<'_>, space: &ParameterSpace) -> Option<ParameterSpace> {
    let parameters: Vec<Option<Parameter>> = space
        .parameters()
        .iter()
        .map(|parameter| read_parameter(table, parameter, &parameter.name))
        .collect();
    table.finish();
    ParameterSpace::new(parameters.into_iter().collect::<Option<_>>()?).ok()
}

fn read_parameter(table: &Table<'_>, parameter: &Parameter, name: &str) -> Option<Parameter> {
    let Some(entry) = table.entry(name) else { return Some(parameter.clone()) };
    let bounds = Bounds::of(&entry.node);
    let domain = match (&parameter.domain, bounds.as_ref()) {
        (Domain::Float { .. }, Some(bounds)) => bounds.float(),
        (Domain::Int { .. }, Some(bounds)) => bounds.int(),
        (Domain::Choice { choices }, Some(bounds)) => bounds.choices(choices),
        _ => None,
    };
    let Some(domain) = domain.filter(|domain| domain.check(name).is_ok()) else {
        table.refuse(name, &expected(&parameter.domain));
        return None;
    };
    let default = match bounds.and_then(|bounds| bounds.default) {
        Some(value) => match domain.accept(name, &value) {
            Ok(value) => Some(value),
            Err(_outside) => {
                table.refuse(name, &format!("bounds with a default inside ({})", domain.describe()));
                return None;
            }
        },
        None => parameter.default.as_ref().map(|value| nearest_inside(&domain, name, value)),
    };
    Some(Parameter { domain, default, ..parameter.clone() })
}

fn expected(domain: &Domain) -> String {
    match domain {
        Domain::Int { .. } => "two whole numbers [low, high] with low <= high".into(),
        Domain::Choice { choices } => format!("a list of one or more of {}", choices.join(", ")),
        _ => "two finite numbers [low, high] with low <= high".into(),
    }
}

/// What was written for one parameter.
struct Bounds<'a> {
    items: Vec<&'a Node>,
    default: Option<ParameterValue>,
}

impl<'a> Bounds<'a> {
    fn of(node: &'a Node) -> Option<Self> {
        match &node.value {
            Value::List(items) => Some(Self { items: items.iter().collect(), default: None }),
            Value::Map(entries) => {
                let known = ["low", "high", "default", "choices"];
                if entries.iter().any(|entry| !known.contains(&entry.key.as_str())) {
                    return None;
                }
                let items = match (node.get("choices"), node.get("low"), node.get("high")) {
                    (Some(choices), None, None) => match &choices.node.value {
                        Value::List(items) => items.iter().collect(),
                        _ => return None,
                    },
                    (None, Some(low), Some(high)) => vec![&low.node, &high.node],
                    _ => return None,
                };
                let default = match node.get("default") {
                    None => None,
                    Some(entry) => Some(serde_json::from_value(to_json(&entry.node)).ok()?),
                };
                Some(Self { items, default })
            }
            _ => None,
        }
    }

    fn float(&self) -> Option<Domain> {
        let [low, high] = self.items.as_slice() else { return None };
        let (low, high) = (number(&low.value)?, number(&high.value)?);
        Some(Domain::float(low, high))
    }

    fn int(&self) -> Option<Domain> {
        let [low, high] = self.items.as_slice() else { return None };
        let (low, high) = (whole(&low.value)?, whole(&high.value)?);
        Some(Domain::int(low, high))
    }

    fn choices(&self, allowed: &[String]) -> Option<Domain> {
        let name = |node: &&Node| match &node.value {
            Value::Text(text) if allowed.contains(text) => Some(text.clone()),
            _ => None,
        };
        Some(Domain::Choice { choices: self.items.iter().map(name).collect::<Option<_>>()? })
    }
}

/// The default itself where the new bounds hold it, else the value inside them that is nearest.
fn nearest_inside(domain: &Domain, name: &str, default: &ParameterValue) -> ParameterValue {
    if let Ok(value) = domain.accept(name, default) {
        return value;
    }
    match (domain, default) {
        (Domain::Float { low, high, .. }, ParameterValue::Float(x)) => x.clamp(*low, *high).into(),
        (Domain::Int { low, high, .. }, ParameterValue::Int(n)) => (*n).clamp(*low, *high).into(),
        (Domain::Choice { choices }, _) => ParameterValue::Choice(choices[0].clone()),
        _ => default.clone(),
    }
}
