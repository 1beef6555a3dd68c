//! Laws of [`RunStore`].

use super::check::{skip, suite};
use crate::{Error, RunStore, StepFile};

suite! {
    ($)
    /// One `#[test]` per law of [`RunStore`](crate::RunStore).
    ///
    /// Takes a function that opens the store on a place, `Fn(&W) -> Box<dyn RunStore>`, and its
    /// [`RunStoreCaps`](crate::conformance::RunStoreCaps).
    run_store, run_store_conformance {
        saved_step_loads_whole,
        unsaved_step_is_absent,
        steps_keep_their_order,
        saving_again_is_a_no_op,
        conflicting_save_is_an_error,
        failed_save_leaves_no_step,
        killed_save_leaves_no_step,
        altered_file_is_named,
        path_outside_the_run_is_an_error,
    }
}

/// Opens the store on a place; opened again, it finds what was saved there. No check holds two open
/// stores of one place, so that a store may lock it.
pub type OpenRunStore<W> = dyn Fn(&W) -> Box<dyn RunStore>;

/// The fixtures for a run store's checks: `W` is the place that outlives a store.
#[derive(Debug)]
pub struct RunStoreCaps<W> {
    /// A fresh place: a temporary folder, a map in memory.
    pub fresh: fn() -> W,
    /// Puts other bytes in the place of a stored file's, or removes it (`None`).
    pub tamper: fn(&W, path: &str, bytes: Option<&[u8]>),
    /// Leaves behind what a kill in the middle of saving these files leaves.
    pub kill: Option<KillSave<W>>,
}

/// Leaves behind what a kill in the middle of saving a step's files leaves.
pub type KillSave<W> = fn(&W, step: &str, files: &[StepFile]);

fn file(path: &str, text: &str) -> StepFile {
    StepFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
}

/// Two files of a step, not in the order of their paths.
fn files(step: &str) -> Vec<StepFile> {
    vec![file(&format!("{step}/scores.json"), "{}"), file(&format!("{step}/images/a.png"), step)]
}

fn in_path_order(mut files: Vec<StepFile>) -> Vec<StepFile> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn save(store: &dyn RunStore, step: &str) {
    store.save(step, &files(step)).expect("the suite's step must be saved");
}

fn load(store: &dyn RunStore, step: &str) -> Option<Vec<StepFile>> {
    store.load(step).expect("an unharmed step must load")
}

fn steps(store: &dyn RunStore) -> Vec<String> {
    store.steps().expect("an unharmed index must load")
}

/// A place may admit one open store at a time: the first is closed before the second is opened.
fn before_and_after_reopening<W>(
    open: &OpenRunStore<W>,
    place: &W,
    store: Box<dyn RunStore>,
    check: impl Fn(&dyn RunStore),
) {
    check(&*store);
    drop(store);
    check(&*open(place));
}

/// A finished step loads with all its files in the order of their paths, also from a store opened
/// anew; so does a step without files.
pub fn saved_step_loads_whole<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    let store = open(&place);
    save(&*store, "one");
    store.save("none", &[]).expect("a step without files is a step");
    before_and_after_reopening(open, &place, store, |store| {
        let loaded = load(store, "one");
        assert!(loaded == Some(in_path_order(files("one"))), "a saved step loads whole: {loaded:?}");
        let loaded = load(store, "none");
        assert!(loaded == Some(Vec::new()), "a saved step without files loads: {loaded:?}");
    });
}

/// A step that was not saved is `None`, not an error; a fresh place has no steps.
pub fn unsaved_step_is_absent<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    let store = open(&place);
    let (steps, loaded) = (store.steps(), store.load("one"));
    let absent = matches!((&steps, &loaded), (Ok(steps), Ok(None)) if steps.is_empty());
    assert!(absent, "an unsaved step is absent: steps {steps:?}, loaded {loaded:?}");
}

/// Steps are listed in the order they were saved, also by a store opened anew.
pub fn steps_keep_their_order<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    let names = ["plan", "iteration_001", "iteration_000"];
    let store = open(&place);
    for name in names {
        save(&*store, name);
    }
    before_and_after_reopening(open, &place, store, |store| {
        let steps = steps(store);
        assert!(steps == names, "steps keep their order: {steps:?}");
    });
}

/// Saving a finished step again with the same bytes changes nothing.
pub fn saving_again_is_a_no_op<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    save(&*open(&place), "one");
    save(&*open(&place), "two");
    let store = open(&place);
    let again = store.save("one", &files("one"));
    assert!(again.is_ok(), "saving again is a no-op: {again:?}");
    let steps = steps(&*store);
    assert!(steps == ["one", "two"], "saving again is a no-op: the steps are {steps:?}");
}

/// A finished step with other bytes, one file more or one fewer, is an error and stays as it was.
pub fn conflicting_save_is_an_error<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    let store = open(&place);
    save(&*store, "one");
    let (mut altered, mut more, fewer) = (files("one"), files("one"), files("one")[..1].to_vec());
    altered[1].bytes.push(0);
    more.push(file("one/more", ""));
    for conflicting in [altered, more, fewer] {
        let result = store.save("one", &conflicting);
        assert!(result.is_err(), "a conflicting save is an error: {conflicting:?} was accepted");
        let loaded = load(&*store, "one");
        assert!(loaded == Some(in_path_order(files("one"))), "a conflicting save alters nothing: {loaded:?}");
    }
}

/// A save that fails (one file's path lies below another file) leaves the step absent, those before
/// it whole, and can be made good.
pub fn failed_save_leaves_no_step<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    let store = open(&place);
    save(&*store, "one");
    let impossible = [file("two/first", "1"), file("two/first/below", "2")];
    let failed = store.save("two", &impossible);
    assert!(failed.is_err(), "a path below another file's is an error: it was saved");
    drop(store);
    assert_only_one_is_there("a failed save leaves no step", open, &place);
}

/// A save that was killed leaves the step absent, those before it whole, and can be repeated.
pub fn killed_save_leaves_no_step<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let Some(kill) = caps.kill else {
        return skip("killed_save_leaves_no_step", "caps.kill is not given");
    };
    let place = (caps.fresh)();
    save(&*open(&place), "one");
    kill(&place, "two", &files("two"));
    assert_only_one_is_there("a killed save leaves no step", open, &place);
}

fn assert_only_one_is_there<W>(law: &str, open: &OpenRunStore<W>, place: &W) {
    let store = open(place);
    let (names, loaded) = (steps(&*store), load(&*store, "two"));
    assert!(names == ["one"] && loaded.is_none(), "{law}: steps {names:?}, loaded {loaded:?}");
    assert!(load(&*store, "one").is_some(), "{law}: the step before it is gone");
    let again = store.save("two", &files("two"));
    let loaded = again.and_then(|()| store.load("two"));
    let good = matches!(&loaded, Ok(Some(loaded)) if *loaded == in_path_order(files("two")));
    assert!(good, "{law}: saved again it loads as {loaded:?}");
}

/// A file with a flipped bit, one that was cut, made longer or removed is [`Error::Corrupt`] naming
/// it; other steps still load.
pub fn altered_file_is_named<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let path = "one/images/a.png";
    for bytes in [Some(&b"onf"[..]), Some(b"on"), Some(b"one "), Some(b""), None] {
        let place = (caps.fresh)();
        save(&*open(&place), "one");
        save(&*open(&place), "two");
        (caps.tamper)(&place, path, bytes);
        let store = open(&place);
        let result = store.load("one");
        let named = matches!(&result, Err(Error::Corrupt { path: named, .. }) if named.contains(path));
        assert!(named, "an altered file is named: with {bytes:?} in its place, {result:?}");
        let other = store.load("two");
        assert!(matches!(other, Ok(Some(_))), "an altered file harms its step only: {other:?}");
    }
}

/// Paths that are absolute, empty, or lead out of the run are errors, and so is a path given twice.
pub fn path_outside_the_run_is_an_error<W>(open: &OpenRunStore<W>, caps: &RunStoreCaps<W>) {
    let place = (caps.fresh)();
    let store = open(&place);
    for path in ["../outside", "a/../../outside", "/outside", "", "a//b", "."] {
        let result = store.save("one", &[file(path, "x")]);
        assert!(result.is_err(), "a path outside the run is an error: {path:?} was saved");
    }
    let twice = store.save("one", &[file("a", "x"), file("a", "y")]);
    assert!(twice.is_err(), "a path given twice is an error");
    let steps = steps(&*store);
    assert!(steps.is_empty(), "a refused save leaves no step: {steps:?}");
}
