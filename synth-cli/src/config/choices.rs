use std::collections::BTreeMap;

use serde_json::Value;

/// The choices of a space as its file writes them: names, numbers, booleans. Inside the program a
/// choice is a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrittenChoices(BTreeMap<String, Vec<(String, Value)>>);

impl WrittenChoices {
    /// Notes the choices of a parameter and gives their texts; `None` where one is a list, a block or
    /// nothing, or where two could not be told apart.
    pub(super) fn add(&mut self, name: &str, choices: &[Value]) -> Option<Vec<String>> {
        let mut known: Vec<(String, Value)> = Vec::new();
        for value in choices {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return None,
            };
            if known.iter().any(|(other, written)| *other == text || is_same(written, value)) {
                return None;
            }
            known.push((text, value.clone()));
        }
        let texts = known.iter().map(|(text, _)| text.clone()).collect();
        self.0.insert(name.to_owned(), known);
        Some(texts)
    }

    /// The text of a choice, given as in the file or by its text; `None` for anything else.
    pub(crate) fn text_of(&self, name: &str, value: &Value) -> Option<&str> {
        let choice = self.0.get(name)?.iter().find(|(text, written)| match value {
            Value::String(given) => text == given,
            other => is_same(written, other),
        });
        choice.map(|(text, _)| text.as_str())
    }

    /// A choice as the file writes it.
    pub(crate) fn as_written(&self, name: &str, text: &str) -> Option<&Value> {
        self.0.get(name)?.iter().find(|(known, _)| known == text).map(|(_, written)| written)
    }
}

/// Whether two values are one: `1` is `1.0`.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a.total_cmp(&b).is_eq())
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn choices_come_back_as_they_were_written() {
        let mut written = WrittenChoices::default();
        let choices = [json!(1), json!(2.5), json!(true), json!("yes")];
        assert_eq!(written.add("mode", &choices).expect("texts"), ["1", "2.5", "true", "yes"]);
        for (value, text) in [(json!(1.0), "1"), (json!("2.5"), "2.5"), (json!(true), "true")] {
            assert_eq!(written.text_of("mode", &value), Some(text), "{value}");
        }
        assert_eq!(written.text_of("mode", &json!(3)), None);
        assert_eq!(written.as_written("mode", "2.5"), Some(&json!(2.5)));
    }

    #[test]
    fn choices_that_cannot_be_told_apart_are_refused() {
        for choices in [[json!(1), json!("1")], [json!(1), json!(1.0)], [json!("a"), json!(null)]] {
            assert_eq!(WrittenChoices::default().add("x", &choices), None, "{choices:?}");
        }
    }
}
