//! Laws of [`Exporter`].

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::check::suite;
use crate::{Error, Exporter, FileEntry, Manifest, Result, Sample, Shard};

suite! {
    ($)
    /// One `#[test]` per law of [`Exporter`](crate::Exporter).
    ///
    /// Takes a function that makes the exporter to a target, `Fn(&W) -> Box<dyn Exporter<T>>`, and
    /// its [`ExporterCaps`](crate::conformance::ExporterCaps).
    exporter, exporter_conformance {
        written_reads_back_equal,
        written_twice_gives_identical_bytes,
        manifest_holds_the_hashes,
        empty_set_is_a_dataset,
        existing_target_is_honoured,
        failed_shard_leaves_nothing_behind,
        repeated_id_is_an_error,
    }
}

/// Makes an exporter to a target.
pub type MakeExporter<T, W> = dyn Fn(&W) -> Box<dyn Exporter<T>>;

/// What an exporter does where a dataset already lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is [`Error::AlreadyExists`].
    Refused,
    /// The new dataset takes its place.
    Replaced,
}

/// The fixtures for an exporter's checks: `W` is a target, `R` what the format keeps of a sample.
#[derive(Debug)]
pub struct ExporterCaps<T, W, R> {
    /// A fresh target, with nothing in it: a temporary folder, a store in memory.
    pub fresh: fn() -> W,
    /// At least two shards of two samples, made anew.
    pub shards: fn() -> Vec<Shard<T>>,
    /// What the format keeps of a sample with this id.
    pub kept: fn(&str, &Sample<T>) -> R,
    /// Reads the dataset back, in order.
    pub read: fn(&W) -> Result<Vec<R>>,
    /// Every file that lies in the target, also a hidden one, by its path from the manifest.
    pub files: fn(&W) -> BTreeMap<String, Vec<u8>>,
    /// What happens where a dataset already lies.
    pub existing: Existing,
}

impl<T: Send + Sync + 'static, W, R: PartialEq + Debug> ExporterCaps<T, W, R> {
    fn export(&self, make: &MakeExporter<T, W>, target: &W) -> Manifest {
        export(make, target, (self.shards)()).expect("the suite's shards must be exportable")
    }

    fn kept(&self, shards: &[Shard<T>]) -> Vec<R> {
        let samples = shards.iter().flat_map(|shard| &shard.samples);
        samples.map(|(id, sample)| (self.kept)(id, sample)).collect()
    }

    fn read(&self, target: &W) -> Vec<R> {
        (self.read)(target).expect("what was written must be readable")
    }
}

fn export<T: Send + Sync + 'static, W>(
    make: &MakeExporter<T, W>,
    target: &W,
    shards: Vec<Shard<T>>,
) -> Result<Manifest> {
    block_on(make(target).export(Box::new(shards.into_iter().map(Ok))))
}

/// The samples read back equal, in order, as far as the format keeps them.
pub fn written_reads_back_equal<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    let target = (caps.fresh)();
    caps.export(make, &target);
    let (written, read) = (caps.kept(&(caps.shards)()), caps.read(&target));
    assert!(written.len() > 3, "the suite needs two shards of two samples, got {}", written.len());
    let (a, b) = (written.len(), read.len());
    assert!(a == b, "what was written reads back equal: {b} samples of {a}");
    let pair = written.iter().zip(&read).find(|(a, b)| a != b);
    assert!(pair.is_none(), "what was written reads back equal: first difference {pair:?}");
}

/// The same samples written to two targets give the same files, byte by byte.
pub fn written_twice_gives_identical_bytes<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    let law = "written twice gives identical bytes";
    let [(a, first), (b, second)] = [0, 1].map(|_| {
        let target = (caps.fresh)();
        (caps.export(make, &target), (caps.files)(&target))
    });
    assert_same_files(law, &first, &second);
    assert!(a == b, "{law}: the manifests differ");
}

/// Every file that the manifest names lies there, with that hash and length; it names at least one.
pub fn manifest_holds_the_hashes<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    let target = (caps.fresh)();
    let manifest = caps.export(make, &target);
    let files = (caps.files)(&target);
    assert!(!manifest.files.is_empty(), "the manifest holds the hashes: it names no file");
    for (path, entry) in &manifest.files {
        let found = files.get(path).map(|bytes| FileEntry::of(bytes));
        assert!(
            found.as_ref() == Some(entry),
            "the manifest holds the hashes: {path} is {found:?}, not {entry:?}"
        );
    }
}

/// No shards make a dataset without samples; a shard without samples adds none.
pub fn empty_set_is_a_dataset<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    for shards in [Vec::new(), vec![Shard { number: 0, samples: Vec::new() }]] {
        let target = (caps.fresh)();
        let manifest = export(make, &target, shards);
        assert!(manifest.is_ok(), "an empty set is a dataset: {manifest:?}");
        let read = (caps.read)(&target);
        let empty = read.as_ref().is_ok_and(Vec::is_empty);
        assert!(empty, "an empty set is a dataset: it reads back as {read:?}");
    }
}

/// Where another dataset lies, it is refused and what lay there stays, or takes its place whole, as
/// claimed.
pub fn existing_target_is_honoured<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    let target = (caps.fresh)();
    caps.export(make, &target);
    let before = (caps.files)(&target);
    let mut other = (caps.shards)();
    other.remove(0);
    let expected = caps.kept(&other);
    let result = export(make, &target, other);
    match caps.existing {
        Existing::Refused => {
            let refused = matches!(result, Err(Error::AlreadyExists { .. }));
            assert!(refused, "an existing target is honoured: it was not refused, {result:?}");
            assert_same_files("an existing target is honoured", &before, &(caps.files)(&target));
        }
        Existing::Replaced => {
            assert!(result.is_ok(), "an existing target is replaced: {result:?}");
            let read = caps.read(&target);
            assert!(read == expected, "an existing target is replaced whole: it reads back as {read:?}");
        }
    }
}

/// Where a shard is an error, the export is one, and the target is as it was.
pub fn failed_shard_leaves_nothing_behind<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    for good in [0, 1, 2] {
        let target = (caps.fresh)();
        let before = (caps.files)(&target);
        let shards = (caps.shards)().into_iter().take(good).map(Ok);
        let result = block_on(make(&target).export(Box::new(shards.chain([Err(Error::Interrupted)]))));
        assert!(result.is_err(), "a failed shard leaves nothing behind: the export succeeded");
        assert_same_files("a failed shard leaves nothing behind", &before, &(caps.files)(&target));
    }
}

/// An id that comes twice is an error, and the target is as it was.
pub fn repeated_id_is_an_error<T: Send + Sync + 'static, W, R: PartialEq + Debug>(
    make: &MakeExporter<T, W>,
    caps: &ExporterCaps<T, W, R>,
) {
    let target = (caps.fresh)();
    let before = (caps.files)(&target);
    let mut shards = (caps.shards)();
    let first = shards[0].samples[0].0.clone();
    shards[1].samples[0].0.clone_from(&first);
    let result = export(make, &target, shards);
    assert!(result.is_err(), "a repeated id is an error: {first} was written twice");
    assert_same_files("a repeated id leaves nothing behind", &before, &(caps.files)(&target));
}

fn assert_same_files(law: &str, expected: &BTreeMap<String, Vec<u8>>, got: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    let (a, b) = (names(expected), names(got));
    assert!(a == b, "{law}: the files are {b:?}, expected {a:?}");
    let path = a.iter().find(|path| expected[*path] != got[*path]);
    assert!(path.is_none(), "{law}: {path:?} has other bytes");
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives one future on this thread. An exporter that needs a runtime brings its own.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
