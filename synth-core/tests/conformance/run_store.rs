use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use synth_core::conformance::RunStoreCaps;
use synth_core::{Error, FileEntry, Result, RunStore, StepFile, run_store_conformance};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    KeepsTheOrderOfSaving,
    FailsOnAbsent,
    SortsTheSteps,
    CountsAgain,
    Overwrites,
    CountsBeforeItWrites,
    BelievesTheFiles,
    NeverVerifies,
    TakesAnyPath,
}

/// What outlives a store: files by path, and the index of finished steps with their hashes.
#[derive(Debug, Default)]
struct Stored {
    files: BTreeMap<String, Vec<u8>>,
    steps: Vec<(String, Vec<(String, FileEntry)>)>,
}

type Place = Arc<Mutex<Stored>>;

#[derive(Debug)]
struct Toy {
    place: Place,
    flaw: Flaw,
}

fn lock(place: &Place) -> MutexGuard<'_, Stored> {
    place.lock().expect("no test panics while it holds the lock")
}

fn check_path(path: &str, others: &[StepFile]) -> Result<()> {
    let bad = path.split('/').any(|part| ["", ".", ".."].contains(&part));
    let twice = others.iter().filter(|other| other.path == path).count() > 1;
    if bad || twice { Err(Error::invalid("path", "a path inside the run, given once", path)) } else { Ok(()) }
}

impl Toy {
    fn entries(&self, files: &[StepFile]) -> Vec<(String, FileEntry)> {
        let mut entries: Vec<_> =
            files.iter().map(|file| (file.path.clone(), FileEntry::of(&file.bytes))).collect();
        if self.flaw != Flaw::KeepsTheOrderOfSaving {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
        }
        entries
    }

    fn write(&self, stored: &mut Stored, files: &[StepFile]) -> Result<()> {
        for file in files {
            let above = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
            if let Some(other) = above.into_iter().find(|above| stored.files.contains_key(*above)) {
                return Err(Error::invalid("path", "not below another file", other));
            }
            stored.files.insert(file.path.clone(), file.bytes.clone());
        }
        Ok(())
    }
}

impl RunStore for Toy {
    fn save(&self, step: &str, files: &[StepFile]) -> Result<()> {
        for file in files.iter().filter(|_| self.flaw != Flaw::TakesAnyPath) {
            check_path(&file.path, files)?;
        }
        let mut stored = lock(&self.place);
        let entries = self.entries(files);
        let known = stored.steps.iter().position(|(name, _)| name == step);
        match known {
            Some(at) if self.flaw == Flaw::Overwrites => drop(stored.steps.remove(at)),
            Some(at) if stored.steps[at].1 != entries => {
                return Err(Error::AlreadyExists { what: "step", name: step.to_owned() });
            }
            Some(_) if self.flaw != Flaw::CountsAgain => return Ok(()),
            _ => {}
        }
        if self.flaw == Flaw::CountsBeforeItWrites {
            stored.steps.push((step.to_owned(), entries));
            return self.write(&mut stored, files);
        }
        self.write(&mut stored, files)?;
        stored.steps.push((step.to_owned(), entries));
        Ok(())
    }

    fn load(&self, step: &str) -> Result<Option<Vec<StepFile>>> {
        let stored = lock(&self.place);
        let Some((_, entries)) = stored.steps.iter().find(|(name, _)| name == step) else {
            return match self.flaw {
                Flaw::FailsOnAbsent => Err(Error::NotFound { what: "step", name: step.to_owned() }),
                _ => Ok(None),
            };
        };
        let read = |(path, entry): &(String, FileEntry)| {
            let bytes = stored.files.get(path).cloned().unwrap_or_default();
            let problem = || "other bytes than those saved".to_owned();
            if FileEntry::of(&bytes) != *entry && self.flaw != Flaw::NeverVerifies {
                return Err(Error::Corrupt { path: path.clone(), problem: problem() });
            }
            Ok(StepFile { path: path.clone(), bytes })
        };
        entries.iter().map(read).collect::<Result<_>>().map(Some)
    }

    fn steps(&self) -> Result<Vec<String>> {
        let stored = lock(&self.place);
        let mut names: Vec<String> = stored.steps.iter().map(|(name, _)| name.clone()).collect();
        if self.flaw == Flaw::BelievesTheFiles {
            names = stored.files.keys().filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect();
            names.dedup();
        }
        if self.flaw == Flaw::SortsTheSteps {
            names.sort();
        }
        Ok(names)
    }
}

fn make(flaw: Flaw) -> impl Fn(&Place) -> Box<dyn RunStore> {
    move |place| Box::new(Toy { place: Arc::clone(place), flaw })
}

fn tamper(place: &Place, path: &str, bytes: Option<&[u8]>) {
    let mut stored = lock(place);
    match bytes {
        Some(bytes) => stored.files.insert(path.to_owned(), bytes.to_vec()),
        None => stored.files.remove(path),
    };
}

/// One file written, the index not.
fn kill(place: &Place, _step: &str, files: &[StepFile]) {
    lock(place).files.insert(files[0].path.clone(), files[0].bytes.clone());
}

fn caps() -> RunStoreCaps<Place> {
    RunStoreCaps { fresh: Place::default, tamper, kill: Some(kill) }
}

mod sound {
    use super::*;
    run_store_conformance!(make(Flaw::None), caps());
}

broken! { run_store, |_| caps();
    saved_step_loads_whole: KeepsTheOrderOfSaving => "a saved step loads whole",
    unsaved_step_is_absent: FailsOnAbsent => "an unsaved step is absent",
    steps_keep_their_order: SortsTheSteps => "steps keep their order: [\"iteration_000\"",
    saving_again_is_a_no_op: CountsAgain => "saving again is a no-op: the steps are",
    conflicting_save_is_an_error: Overwrites => "a conflicting save is an error",
    failed_save_leaves_no_step: CountsBeforeItWrites => "an unharmed step must load",
    killed_save_leaves_no_step: BelievesTheFiles => "a killed save leaves no step: steps [\"one\", \"two\"]",
    altered_file_is_named: NeverVerifies => "an altered file is named",
    path_outside_the_run_is_an_error: TakesAnyPath => "a path outside the run is an error: \"../outside\"",
}
