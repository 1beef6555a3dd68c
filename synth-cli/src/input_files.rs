//! Which of the user's own files a run was made from, so that a changed one can be named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synth_core::{Error, Result, RunStore, StepFile};
use synth_export::{LoadedImage, RunDirectory, parse_json_lines, to_json_lines};

/// The step of a run, and its file.
const STEP: &str = "inputs";
const FILE: &str = "inputs.jsonl";

/// What a file was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// An image that defects are put on.
    Base,
    /// An image of the real set.
    Real,
}

/// A file of the user's: a line of `inputs.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputFile {
    role: Role,
    /// Relative to its folder, with forward slashes.
    path: String,
    group: String,
    blake3: String,
}

impl InputFile {
    pub(crate) fn of(role: Role, image: &LoadedImage) -> Self {
        let LoadedImage { path, group, blake3, .. } = image;
        Self { role, path: path.clone(), group: group.clone(), blake3: blake3.clone() }
    }
}

/// Notes the files in the run, where there are any.
pub(crate) fn save(run: &RunDirectory, files: &[InputFile]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    run.save(STEP, &[StepFile { path: FILE.into(), bytes: to_json_lines(files)? }])
}

/// In which files of one role those of now differ from those of the run, in words.
///
/// # Errors
/// As [`RunDirectory::read`], but for a run that has no such list.
pub(crate) fn difference(run: &RunDirectory, role: Role, now: &[InputFile]) -> Result<Option<String>> {
    let bytes = match run.read(FILE) {
        Ok(bytes) => bytes,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let stored: Vec<InputFile> = parse_json_lines(&run.root().join(FILE), &bytes)?;
    Ok(in_words(&by_path(role, &stored), &by_path(role, now)))
}

fn by_path(role: Role, files: &[InputFile]) -> BTreeMap<&str, &InputFile> {
    files.iter().filter(|file| file.role == role).map(|file| (file.path.as_str(), file)).collect()
}

fn in_words(stored: &BTreeMap<&str, &InputFile>, now: &BTreeMap<&str, &InputFile>) -> Option<String> {
    let missing =
        stored.keys().filter(|path| !now.contains_key(*path)).map(|path| format!("{path} is missing"));
    let new = now.keys().filter(|path| !stored.contains_key(*path)).map(|path| format!("{path} is new"));
    let changed = stored.iter().filter_map(|(path, before)| {
        let after = now.get(path)?;
        if before.blake3 != after.blake3 {
            return Some(format!("{path} has changed"));
        }
        let (from, to) = (&before.group, &after.group);
        (from != to).then(|| format!("{path} is in the group {to} instead of {from}"))
    });
    let all: Vec<String> = changed.chain(missing).chain(new).collect();
    let first = all.first()?;
    Some(match all.len() {
        1 => first.clone(),
        2 => format!("{first} (1 more file differs)"),
        all => format!("{first} (and {} more files differ)", all - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_changed_came_and_went() {
        let file = |path: &str, group: &str, blake3: &str| InputFile {
            role: Role::Real,
            path: path.into(),
            group: group.into(),
            blake3: blake3.into(),
        };
        let stored = [file("a", "a", "1"), file("b", "b", "2")];
        let words = |now: &[InputFile]| in_words(&by_path(Role::Real, &stored), &by_path(Role::Real, now));
        assert_eq!(words(&stored), None);
        assert_eq!(words(&[file("a", "a", "1"), file("b", "b", "3")]).as_deref(), Some("b has changed"));
        assert_eq!(words(&[file("a", "a", "1")]).as_deref(), Some("b is missing"));
        let regrouped = [file("a", "w", "1"), file("b", "b", "2")];
        assert_eq!(words(&regrouped).as_deref(), Some("a is in the group w instead of a"));
        let other = [file("a", "a", "1"), file("c", "c", "2")];
        assert_eq!(words(&other).as_deref(), Some("b is missing (1 more file differs)"));
    }
}
