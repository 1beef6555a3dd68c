//! What sentence-transformers keeps beside the weights.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use synth_core::{Error, Result};

use crate::nn::config;

/// Which tokens of the last block make a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Pooling {
    /// The mean of all tokens, special ones included.
    #[default]
    Mean,
    /// The first token, `[CLS]`.
    Cls,
}

/// How texts become rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) pooling: Pooling,
    pub(super) normalized: bool,
    /// Most tokens of a text; `None` for as many as there are positions.
    pub(super) max_tokens: Option<usize>,
    /// Whether texts are put into lower case before the tokenizer.
    pub(super) lower_case: bool,
}

#[derive(Debug, Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    /// Can be 1e30, for "no limit".
    model_max_length: Option<f64>,
}

/// Of sentence-transformers before version 6, and since.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PoolingConfig {
    pooling_mode: Option<serde_json::Value>,
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
    pooling_mode_max_tokens: bool,
    pooling_mode_mean_sqrt_len_tokens: bool,
    pooling_mode_weightedmean_tokens: bool,
    pooling_mode_lasttoken: bool,
}

impl Settings {
    /// From the files of a folder; the mean, normalised, of all positions where it has none.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a module or pooling that is not known, since leaving it out would give
    /// other rows; [`Error::Io`] and [`Error::Corrupt`] naming the file.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let sentence: SentenceConfig =
            config::read(&folder.join("sentence_bert_config.json"))?.unwrap_or_default();
        let tokenizer: TokenizerConfig =
            config::read(&folder.join("tokenizer_config.json"))?.unwrap_or_default();
        let longest = tokenizer.model_max_length.filter(|length| *length < 1e9).map(|length| length as usize);
        let (pooling, normalized) = modules(folder)?;
        Ok(Self {
            pooling,
            normalized,
            max_tokens: sentence.max_seq_length.or(longest),
            lower_case: sentence.do_lower_case,
        })
    }
}

/// The pooling, and whether rows are normalised.
fn modules(folder: &Path) -> Result<(Pooling, bool)> {
    let path = folder.join("modules.json");
    let Some(modules) = config::read::<Vec<Module>>(&path)? else {
        return Ok((pooling(&folder.join("1_Pooling/config.json"))?, true));
    };
    let (mut found, mut normalized) = (None, false);
    for Module { path: inside, kind } in modules {
        match kind.rsplit('.').next() {
            Some("Transformer") => {}
            Some("Pooling") if is_below(&inside) => {
                found = Some(pooling(&folder.join(inside).join("config.json"))?);
            }
            Some("Normalize") => normalized = true,
            _ => {
                return Err(Error::Unsupported {
                    what: format!("module `{kind}` in `{}`", path.display()),
                    reason: "known are Transformer, Pooling and Normalize".into(),
                });
            }
        }
    }
    let pooling = found.ok_or_else(|| Error::Unsupported {
        what: format!("a model without a Pooling in `{}`", path.display()),
        reason: "its rows are not told".into(),
    })?;
    Ok((pooling, normalized))
}

/// Whether a path from a file stays in the folder.
fn is_below(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

fn pooling(path: &Path) -> Result<Pooling> {
    let Some(config) = config::read::<PoolingConfig>(path)? else { return Ok(Pooling::default()) };
    match config.modes().as_slice() {
        [mode] if mode == "mean" => Ok(Pooling::Mean),
        [mode] if mode == "cls" => Ok(Pooling::Cls),
        modes => Err(Error::Unsupported {
            what: format!("pooling `{}` in `{}`", modes.join(" + "), path.display()),
            reason: "known are mean and cls, one of them".into(),
        }),
    }
}

impl PoolingConfig {
    fn modes(&self) -> Vec<String> {
        let name = |mode: &serde_json::Value| mode.as_str().map_or_else(|| mode.to_string(), str::to_owned);
        match &self.pooling_mode {
            Some(serde_json::Value::Array(modes)) => modes.iter().map(name).collect(),
            Some(mode) => vec![name(mode)],
            None => [
                (self.pooling_mode_cls_token, "cls"),
                (self.pooling_mode_mean_tokens, "mean"),
                (self.pooling_mode_max_tokens, "max"),
                (self.pooling_mode_mean_sqrt_len_tokens, "mean_sqrt_len_tokens"),
                (self.pooling_mode_weightedmean_tokens, "weightedmean"),
                (self.pooling_mode_lasttoken, "lasttoken"),
            ]
            .into_iter()
            .filter(|(is_on, _)| *is_on)
            .map(|(_, name)| name.to_owned())
            .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        }
        folder
    }

    fn read(files: &[(&str, &str)]) -> Result<Settings> {
        Settings::read(folder(files).path())
    }

    const MODULES: &str = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#;

    #[test]
    fn without_files_rows_are_normalised_means() {
        let settings = read(&[]).expect("nothing to read");
        assert_eq!((settings.pooling, settings.normalized), (Pooling::Mean, true));
        assert_eq!((settings.max_tokens, settings.lower_case), (None, false));
    }

    #[test]
    fn old_and_new_files_say_the_same() {
        let old = ("1_Pooling/config.json", r#"{"pooling_mode_cls_token": true}"#);
        let new = ("1_Pooling/config.json", r#"{"pooling_mode": "cls", "embedding_dimension": 4}"#);
        for pooling in [old, new] {
            let settings = read(&[("modules.json", MODULES), pooling]).expect("reads");
            assert_eq!((settings.pooling, settings.normalized), (Pooling::Cls, false));
        }
        let limit = ("tokenizer_config.json", r#"{"model_max_length": 256}"#);
        assert_eq!(read(&[limit]).expect("reads").max_tokens, Some(256));
        let shorter = ("sentence_bert_config.json", r#"{"max_seq_length": 128, "do_lower_case": true}"#);
        let settings = read(&[limit, shorter]).expect("reads");
        assert_eq!((settings.max_tokens, settings.lower_case), (Some(128), true));
        let endless = ("tokenizer_config.json", r#"{"model_max_length": 1000000000000000019884624838656}"#);
        assert_eq!(read(&[endless]).expect("reads").max_tokens, None);
    }

    #[test]
    fn what_would_change_the_rows_and_is_not_known_is_refused() {
        let error = |files: &[(&str, &str)]| read(files).expect_err("refused").to_string();
        let dense = r#"[{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#;
        assert!(error(&[("modules.json", dense)]).starts_with("module `sentence_transformers.models.Dense`"));
        let outside = MODULES.replace("1_Pooling", "../1_Pooling");
        assert!(error(&[("modules.json", &outside)]).contains("models.Pooling"));
        let bare = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"}]"#;
        assert!(error(&[("modules.json", bare)]).starts_with("a model without a Pooling"));
        let both = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#;
        assert!(error(&[("1_Pooling/config.json", both)]).starts_with("pooling `cls + mean`"));
        let max = r#"{"pooling_mode": ["max"]}"#;
        assert!(error(&[("1_Pooling/config.json", max)]).starts_with("pooling `max`"));
        assert!(error(&[("modules.json", "{")]).contains("modules.json"));
    }
}
