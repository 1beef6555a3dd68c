//! The file of `synth ask` that says what may be tried.

use std::path::Path;

use serde_json::Value as Json;
use synth_core::{Condition, Domain, Parameter, ParameterSpace, ParameterValue};
use synth_optimize::{Direction, Objective};

use super::choices::WrittenChoices;
use super::files::read_text;
use super::layers::parse_literally;
use super::node::{Node, Value};
use super::problem::{ConfigError, Problems};
use super::read::to_json;
use super::table::Table;
use crate::failure::Failure;

/// What may be tried and what is wanted of it.
#[derive(Clone, Debug)]
pub(crate) struct AskSpace {
    pub(crate) space: ParameterSpace,
    pub(crate) objective: Objective,
    /// How the file writes choices.
    pub(crate) written: WrittenChoices,
}

/// Values of `objective.direction`.
const DIRECTIONS: [(&str, Direction); 6] = [
    ("minimize", Direction::Minimize),
    ("maximize", Direction::Maximize),
    ("minimise", Direction::Minimize),
    ("maximise", Direction::Maximize),
    ("min", Direction::Minimize),
    ("max", Direction::Maximize),
];

/// Values of `type`.
const KINDS: [(&str, Kind); 4] =
    [("float", Kind::Float), ("int", Kind::Int), ("choice", Kind::Choice), ("simplex", Kind::Simplex)];

#[derive(Clone, Copy)]
enum Kind {
    Float,
    Int,
    Choice,
    Simplex,
}

/// A parameter space and what is wanted: `parameters` with an `objective`, or the list of parameters
/// alone. Numbers, `true` and words like `yes` are choices too, as they are written.
pub(crate) fn read_space(path: &Path) -> Result<AskSpace, Failure> {
    let file = path.display().to_string();
    let root = parse_literally(&file, &read_text(path)?)?;
    let problems = Problems::default();
    let (list, objective) = match &root.value {
        Value::List(_) => (Some(&root), Objective::default()),
        _ => read_root(&root, &problems),
    };
    let mut written = WrittenChoices::default();
    let space = list.and_then(|list| read_parameters(list, &mut written, &problems));
    match space {
        Some(space) if problems.is_empty() => Ok(AskSpace { space, objective, written }),
        _ => Err(ConfigError { file, problems: problems.into_sorted() }.into()),
    }
}

fn read_root<'a>(root: &'a Node, problems: &'a Problems) -> (Option<&'a Node>, Objective) {
    let table = Table::root(root, problems);
    let list = table.entry("parameters").map(|entry| &entry.node);
    if list.is_none() {
        table.refuse("parameters", "a list of parameters");
    }
    let mut objective = Objective::default();
    if let Some(block) = table.table("objective") {
        objective.direction = block.one_of("direction", &DIRECTIONS).unwrap_or_default();
        objective.noisy = block.flag("noisy");
        block.finish();
    }
    table.finish();
    (list, objective)
}

fn read_parameters(list: &Node, written: &mut WrittenChoices, problems: &Problems) -> Option<ParameterSpace> {
    let Value::List(items) = &list.value else {
        problems.value(&list.origin, "parameters", "a list of parameters", list);
        return None;
    };
    let mut space = ParameterSpace::new(Vec::new()).ok()?;
    for (at, item) in items.iter().enumerate() {
        let parameter = read_parameter(item, at, written, problems);
        // What a parameter says of the others can be checked only while all of them are there.
        let Some(parameter) = parameter.filter(|_| problems.is_empty()) else { continue };
        let mut parameters = space.parameters().to_vec();
        parameters.push(parameter);
        match ParameterSpace::new(parameters) {
            Ok(longer) => space = longer,
            Err(error) => problems.note(&item.origin, error.to_string(), None),
        }
    }
    Some(space)
}

fn read_parameter(
    item: &Node,
    at: usize,
    written: &mut WrittenChoices,
    problems: &Problems,
) -> Option<Parameter> {
    let name = match item.get("name").map(|entry| &entry.node.value) {
        Some(Value::Text(name)) if !name.is_empty() => name.clone(),
        _ => format!("parameters[{at}]"),
    };
    let table = Table::at(item, name.clone(), problems);
    if table.text("name").is_none() && !table.has("name") {
        table.refuse("name", "a text");
    }
    if !table.has("type") {
        table.refuse("type", "one of float, int, choice, simplex");
    }
    let domain = read_domain(&table, &name, written, table.one_of("type", &KINDS)?);
    let default = table.entry("default").map(|entry| value_of(&entry.node, &name, written));
    let when = table.table("when").map(|block| read_condition(&block, written));
    table.finish();
    let domain = domain?;
    if let Err(error) = domain.check(&name) {
        problems.note(&item.origin, error.to_string(), None);
        return None;
    }
    let default = match default {
        None => None,
        Some(value) => match value.and_then(|value| domain.accept(&name, &value).ok()) {
            Some(value) => Some(value),
            None => {
                table.refuse("default", &domain.describe());
                return None;
            }
        },
    };
    let when = match when {
        None => None,
        Some(condition) => Some(condition?),
    };
    Some(Parameter { name, domain, default, when })
}

fn read_domain(table: &Table<'_>, name: &str, written: &mut WrittenChoices, kind: Kind) -> Option<Domain> {
    match kind {
        Kind::Float => {
            let (low, high) = (given_number(table, "low"), given_number(table, "high"));
            let log = table.flag("log").unwrap_or(false);
            Some(Domain::Float { low: low?, high: high?, log })
        }
        Kind::Int => {
            let (low, high) = (given_whole(table, "low"), given_whole(table, "high"));
            let log = table.flag("log").unwrap_or(false);
            Some(Domain::Int { low: low?, high: high?, log })
        }
        Kind::Simplex => {
            given(table, "parts", "a whole number of at least 2")?;
            Some(Domain::Simplex { parts: table.count("parts", 2..=4096)? })
        }
        Kind::Choice => {
            let expected = "a list of different names, numbers or booleans";
            given(table, "choices", expected)?;
            let texts = match &table.entry("choices")?.node.value {
                Value::List(items) => {
                    let items: Vec<Json> = items.iter().map(to_json).collect();
                    written.add(name, &items)
                }
                _ => None,
            };
            if texts.is_none() {
                table.refuse("choices", expected);
            }
            Some(Domain::Choice { choices: texts? })
        }
    }
}

fn read_condition(block: &Table<'_>, written: &WrittenChoices) -> Option<Condition> {
    given(block, "parameter", "the name of an earlier parameter")?;
    let parameter = block.text("parameter")?.to_owned();
    given(block, "is", "a list of its values")?;
    let values = match &block.entry("is")?.node.value {
        Value::List(items) => items.iter().map(|item| value_of(item, &parameter, written)).collect(),
        _ => None,
    };
    if values.is_none() {
        block.refuse("is", &format!("a list of values of `{parameter}`"));
    }
    block.finish();
    Some(Condition { parameter, is: values? })
}

/// The value of a parameter, a choice by its text.
fn value_of(node: &Node, name: &str, written: &WrittenChoices) -> Option<ParameterValue> {
    let json = to_json(node);
    match written.text_of(name, &json) {
        Some(text) => Some(ParameterValue::Choice(text.to_owned())),
        None => serde_json::from_value(json).ok(),
    }
}

fn given(table: &Table<'_>, key: &str, expected: &str) -> Option<()> {
    if table.has(key) {
        return Some(());
    }
    table.refuse(key, expected);
    None
}

fn given_number(table: &Table<'_>, key: &str) -> Option<f64> {
    given(table, key, "a finite number")?;
    table.number(key, "a finite number", |_| true)
}

fn given_whole(table: &Table<'_>, key: &str) -> Option<i64> {
    given(table, key, "a whole number")?;
    table.whole(key, i64::MIN..=i64::MAX)
}
