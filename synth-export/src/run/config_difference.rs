//! Says in which keys two configurations differ.

use std::collections::BTreeMap;

use serde_json::Value;
use synth_core::Error;

/// The name under which a manifest's facts hold the hash of the configuration.
pub(crate) const CONFIG_HASH: &str = "config_blake3";

/// BLAKE3 of a configuration's text, hexadecimal.
pub(crate) fn config_hash(config: &str) -> String {
    blake3::hash(config.as_bytes()).to_hex().to_string()
}

/// How two configuration texts relate.
#[derive(Debug, PartialEq)]
pub(super) enum Difference {
    /// They say the same in another form.
    None,
    /// The first key that differs with both values, and how many more differ.
    Key { key: String, stored: String, given: String, more: usize },
    /// One of them is no YAML mapping.
    Unreadable,
}

/// Compares two YAML texts key by key, keys in byte order; nested keys are joined by dots.
pub(super) fn difference(stored: &str, given: &str) -> Difference {
    let (Some(stored), Some(given)) = (leaves(stored), leaves(given)) else { return Difference::Unreadable };
    let absent = || "nothing".to_owned();
    let mut keys: Vec<&String> = stored.keys().chain(given.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut differing = keys.into_iter().filter(|key| stored.get(*key) != given.get(*key));
    match differing.next() {
        None => Difference::None,
        Some(key) => Difference::Key {
            key: key.clone(),
            stored: stored.get(key).map_or_else(absent, Value::to_string),
            given: given.get(key).map_or_else(absent, Value::to_string),
            more: differing.count(),
        },
    }
}

/// The error for something at `place` that was made with the configuration `stored`.
pub(crate) fn other_config(place: &str, stored: Option<&str>, given: &str) -> Option<Error> {
    let difference = stored.map_or(Difference::Unreadable, |stored| difference(stored, given));
    match difference {
        Difference::None => None,
        Difference::Key { key, stored, given, more } => {
            let others = match more {
                0 => String::new(),
                1 => " (1 more key differs)".to_owned(),
                more => format!(" (and {more} more keys differ)"),
            };
            Some(Error::invalid(key, format!("{stored}, with which `{place}` was made"), given + &others))
        }
        Difference::Unreadable => {
            let expected = format!("the configuration with which `{place}` was made");
            let got = format!("another one (BLAKE3 {})", config_hash(given));
            Some(Error::invalid("configuration", expected, got))
        }
    }
}

fn leaves(yaml: &str) -> Option<BTreeMap<String, Value>> {
    let value: Value = serde_saphyr::from_str(yaml).ok()?;
    let mut leaves = BTreeMap::new();
    value.is_object().then(|| collect(String::new(), value, &mut leaves))?;
    Some(leaves)
}

fn collect(key: String, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                collect(key, value, leaves);
            }
        }
        leaf => {
            leaves.insert(key, leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "seed: 1\nreal:\n  param_sets: 5\n  total_size: 16\nbounds: [0.5, 40]\n";

    #[test]
    fn the_form_does_not_matter() {
        let given = "# a comment\nbounds:\n  - 0.5\n  - 40\nreal: {total_size: 16, param_sets: 5}\nseed: 1\n";
        assert_eq!(difference(STORED, given), Difference::None);
        assert!(other_config("runs/x", Some(STORED), given).is_none());
    }

    #[test]
    fn the_key_is_named_with_both_values() {
        let given = STORED.replace("total_size: 16", "total_size: 48");
        let error = other_config("runs/x", Some(STORED), &given).expect("differs").to_string();
        assert_eq!(error, "`real.total_size` must be 16, with which `runs/x` was made, got 48");
        let error = other_config("runs/x", Some(STORED), "seed: 1\nbounds: [0.5, 41]\nnew: a\n");
        let error = error.expect("differs").to_string();
        assert!(error.contains("`bounds` must be [0.5,40]") && error.contains("and 3 more keys"), "{error}");
    }

    #[test]
    fn an_unreadable_text_still_gives_an_error() {
        for stored in [None, Some("{"), Some("just text")] {
            let error = other_config("runs/x", stored, STORED).expect("cannot be the same").to_string();
            assert!(error.contains("`configuration`") && error.contains("runs/x"), "{error}");
        }
    }
}
