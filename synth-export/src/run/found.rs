//! What lies in a directory before a run is opened there.

use std::fs;
use std::path::Path;

use synth_core::{Error, Result};

use super::config_difference::{CONFIG_HASH, config_hash, other_config};
use super::directory::{BACKUP, CONFIG, LOG, MANIFEST};
use super::manifest::{RunHead, RunManifest};
use crate::atomic::is_temporary;
use crate::error::{corrupt, io_error};
use crate::integrity::read_checked;
use crate::lock::LOCK_FILE;

/// Only what a start of this run writes may be in a directory that becomes one.
pub(super) fn refuse_foreign(root: &Path, head: &RunHead) -> Result<()> {
    for entry in fs::read_dir(root).map_err(io_error("reading", root))? {
        let entry = entry.map_err(io_error("reading", root))?;
        let name = entry.file_name();
        let what = match name.to_string_lossy().as_ref() {
            MANIFEST | BACKUP => {
                return Err(Error::AlreadyExists { what: "run", name: root.display().to_string() });
            }
            // A user's own file of that name must not be replaced.
            CONFIG if !fs::read(entry.path()).is_ok_and(|text| text == head.config.as_bytes()) => {
                "another configuration"
            }
            CONFIG | LOG | LOCK_FILE => continue,
            name if is_temporary(name) => continue,
            _ => "the folder is in use by something else: file",
        };
        return Err(Error::AlreadyExists { what, name: entry.path().display().to_string() });
    }
    Ok(())
}

/// The manifest of the run at `root`; an error says how to mend it.
pub(super) fn read_manifest(root: &Path) -> Result<RunManifest> {
    let path = root.join(MANIFEST);
    let parsed = parse_manifest(&path);
    parsed.map_err(|problem| {
        let mend = match parse_manifest(&root.join(BACKUP)) {
            Ok(backup) => {
                format!("copy `{BACKUP}` (whole, {} finished steps) over it and resume", backup.steps.len())
            }
            Err(_) => "restore it from a copy, or start again in another directory".to_owned(),
        };
        corrupt(&path, format!("{problem}; to mend it, {mend}"))
    })
}

/// The manifest at `path`, or what is wrong with it.
pub(super) fn parse_manifest(path: &Path) -> Result<RunManifest, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let manifest: RunManifest = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    manifest.check()?;
    Ok(manifest)
}

/// Whether the run was made with the configuration of `head`, and still has it.
pub(super) fn check_config(root: &Path, manifest: &RunManifest, head: &RunHead) -> Result<()> {
    let stored = read_checked(root, CONFIG, &manifest.files[CONFIG]);
    if manifest.about.get(CONFIG_HASH) == Some(&config_hash(&head.config)) {
        return stored.map(drop);
    }
    // An altered file may still tell the key; that it was altered counts only if it tells none.
    let text = fs::read_to_string(root.join(CONFIG)).ok();
    match other_config(&root.display().to_string(), text.as_deref(), &head.config) {
        Some(error) => Err(error),
        None => stored.map(drop),
    }
}
