//! The trials that `synth ask` is given, one JSON object a line.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use synth_core::{Error, ParameterSet, ParameterValue, Result, Trial, TrialStatus};
use synth_export::json_problem;
use synth_optimize::TrialRecord;

use crate::config::AskSpace;
use crate::talk::Talk;

/// The trials so far, each inside the space; none, and a word about it, where the file does not exist
/// yet. Empty lines are left out. A value that is not finite is that of a failed trial, a standard error
/// that is not finite is unknown: `NaN` and `Infinity` may be written as Python writes them.
///
/// # Errors
/// [`Error::Corrupt`] naming the file and the line, [`Error::Io`].
pub(super) fn read_trials(path: &Path, space: &AskSpace, talk: &Talk) -> Result<Vec<Trial>> {
    let name = || path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            talk.say(format!("0 trials: {} does not exist", path.display()));
            return Ok(Vec::new());
        }
        Err(source) => return Err(Error::Io { action: "reading", path: name(), source }),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = |(at, line): (usize, &str)| {
        read_trial(at + 1, line, space).map_err(|problem| Error::Corrupt { path: name(), problem })
    };
    lines.map(read).collect()
}

fn read_trial(number: usize, line: &str, space: &AskSpace) -> Result<Trial, String> {
    let text = with_quoted_numbers(line);
    let line: Line = serde_json::from_str(&text).map_err(|error| match &text {
        Cow::Borrowed(_) => json_problem(number, &error),
        // The columns of the text are not those of the file.
        Cow::Owned(_) => {
            json_problem(number, &error).replacen(&format!(", column {}", error.column()), "", 1)
        }
    })?;
    let place = |error: Error| format!("line {number}: {error}");
    let record = line.into_record(space).map_err(place)?;
    record.check().map_err(place)?;
    space.space.resolve(&record.params).map_err(place)?;
    Ok(space.objective.trial(record))
}

/// A line as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    params: Params,
    #[serde(default)]
    value: Option<Number>,
    #[serde(default)]
    std_error: Option<Number>,
    #[serde(default)]
    status: Option<TrialStatus>,
}

impl Line {
    fn into_record(self, space: &AskSpace) -> Result<TrialRecord> {
        let value = self.value.map(|Number(value)| value);
        let is_finite = value.is_none_or(f64::is_finite);
        let mut params = ParameterSet::new();
        for (name, value) in self.params.0 {
            let value = match space.written.text_of(&name, &value) {
                Some(text) => ParameterValue::Choice(text.to_owned()),
                None => serde_json::from_value(value.clone()).map_err(|_other_kind| {
                    Error::invalid(&name, "a number, a name or a list of shares", value)
                })?,
            };
            params.insert(name, value);
        }
        Ok(TrialRecord {
            params,
            value: value.filter(|value| value.is_finite()),
            std_error: self
                .std_error
                .map(|Number(error)| error)
                .filter(|error| error.is_finite() && is_finite),
            status: match self.status {
                None | Some(TrialStatus::Ok) if !is_finite => Some(TrialStatus::Failed),
                status => status,
            },
        })
    }
}

/// Parameters by name, each once.
struct Params(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("parameters by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut pairs: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if pairs.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(format!("the parameter `{name}` is given twice")));
                    }
                    pairs.push((name, value));
                }
                Ok(Params(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

/// A number that need not be finite.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if NON_FINITE.contains(&text.as_str()) => text.parse().ok(),
            _ => None,
        };
        number.map(Self).ok_or_else(|| D::Error::custom(format!("expected a number, got {value}")))
    }
}

/// What Python's `json` writes for numbers that JSON does not have.
const NON_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The line with the words of [`NON_FINITE`] in quotes, where they stand outside of a text.
fn with_quoted_numbers(line: &str) -> Cow<'_, str> {
    if !NON_FINITE.iter().any(|word| line.contains(word)) {
        return Cow::Borrowed(line);
    }
    let (mut quoted, mut rest, mut in_text) = (String::with_capacity(line.len() + 4), line, false);
    while let Some(character) = rest.chars().next() {
        let word = NON_FINITE.into_iter().find(|word| !in_text && rest.starts_with(word));
        let taken = match word {
            Some(word) => {
                quoted.extend(["\"", word, "\""]);
                word.len()
            }
            None => {
                in_text ^= character == '"';
                // The character after a backslash never ends a text.
                let escaped = if in_text && character == '\\' { rest[1..].chars().next() } else { None };
                let taken = character.len_utf8() + escaped.map_or(0, char::len_utf8);
                quoted.push_str(&rest[..taken]);
                taken
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_words_are_quoted() {
        let line = r#"{"a": NaN, "b\"NaN": [-Infinity, Infinity], "c": "NaN \\"}"#;
        let expected = r#"{"a": "NaN", "b\"NaN": ["-Infinity", "Infinity"], "c": "NaN \\"}"#;
        assert_eq!(with_quoted_numbers(line), expected);
        assert!(matches!(with_quoted_numbers("{}"), Cow::Borrowed("{}")));
    }
}
