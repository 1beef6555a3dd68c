use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use synth_core::conformance::{Existing, ExporterCaps};
use synth_core::{
    Error, Exporter, FileEntry, Manifest, ParameterSet, Provenance, Request, Result, Sample, Seed, Shard,
    exporter_conformance,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    Replaces,
    RoundsItems,
    CountsCalls,
    MisstatesHashes,
    RefusesTheEmptySet,
    AddsToWhatIsThere,
    WritesAsItGoes,
    KeepsTheLastOfAnId,
}

type Files = BTreeMap<String, Vec<u8>>;
type Target = Arc<Mutex<Files>>;

static ALL_CALLS: AtomicU64 = AtomicU64::new(0);

/// A text file per shard, one line `id value` per sample, in a map in memory.
#[derive(Debug)]
struct Toy {
    target: Target,
    flaw: Flaw,
}

impl Toy {
    fn files(&self, shards: impl Iterator<Item = Result<Shard<i64>>>) -> Result<Files> {
        let (mut files, mut seen) = (Files::new(), BTreeSet::new());
        for shard in shards {
            let shard = shard?;
            let mut text = String::new();
            for (id, sample) in &shard.samples {
                if !seen.insert(id.clone()) && self.flaw != Flaw::KeepsTheLastOfAnId {
                    return Err(Error::AlreadyExists { what: "sample", name: id.clone() });
                }
                let rounded = if self.flaw == Flaw::RoundsItems { sample.item / 2 * 2 } else { sample.item };
                text += &format!("{id} {rounded}\n");
            }
            let path = format!("shard_{}.txt", shard.number);
            if self.flaw == Flaw::WritesAsItGoes {
                self.lock().insert(path.clone(), text.clone().into_bytes());
            }
            files.insert(path, text.into_bytes());
        }
        Ok(files)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Files> {
        self.target.lock().expect("no test panics while it holds the lock")
    }
}

#[async_trait]
impl Exporter<i64> for Toy {
    async fn export<'a>(
        &self,
        shards: Box<dyn Iterator<Item = Result<Shard<i64>>> + Send + 'a>,
    ) -> Result<Manifest> {
        let mut files = self.files(shards)?;
        if self.flaw == Flaw::RefusesTheEmptySet && files.is_empty() {
            return Err(Error::invalid("shards", "at least one", 0));
        }
        if self.flaw == Flaw::CountsCalls {
            let call = ALL_CALLS.fetch_add(1, Ordering::Relaxed);
            files.insert("call.txt".into(), call.to_string().into_bytes());
        }
        wake_from_another_thread().await;
        let mut target = self.lock();
        match self.flaw {
            Flaw::AddsToWhatIsThere => {}
            Flaw::Replaces => target.clear(),
            _ if target.is_empty() || self.flaw == Flaw::WritesAsItGoes => {}
            _ => return Err(Error::AlreadyExists { what: "dataset", name: "target".into() }),
        }
        let extra = u64::from(self.flaw == Flaw::MisstatesHashes);
        let entry = |bytes: &[u8]| FileEntry { bytes: bytes.len() as u64 + extra, ..FileEntry::of(bytes) };
        let entries = files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
        target.extend(files);
        Ok(Manifest { version: 1, about: BTreeMap::new(), files: entries })
    }
}

/// Pending once, to be woken by a thread: exporters wait for stores.
async fn wake_from_another_thread() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        std::thread::spawn(move || waker.wake());
        Poll::Pending
    })
    .await;
}

fn read(target: &Target) -> Result<Vec<(String, i64)>> {
    let files = target.lock().expect("no test panics while it holds the lock");
    let text = files.values().map(|bytes| String::from_utf8_lossy(bytes)).collect::<String>();
    let parse = |line: &str| {
        let (id, value) = line.split_once(' ')?;
        Some((id.to_owned(), value.parse().ok()?))
    };
    let bad = |line| Error::Corrupt { path: "shard".into(), problem: format!("the line {line:?}") };
    text.lines().map(|line| parse(line).ok_or_else(|| bad(line))).collect()
}

fn sample(item: i64) -> Sample<i64> {
    let request = Request::new(ParameterSet::new(), Seed::from_u64(0), item as u64);
    let (inputs, uncontrolled) = (BTreeMap::new(), BTreeMap::new());
    let provenance = Provenance { generator: "toy".into(), request, inputs, uncontrolled };
    Sample { item, annotations: Vec::new(), provenance }
}

fn shards() -> Vec<Shard<i64>> {
    let shard = |number| {
        let samples =
            (0..3).map(|i| number as i64 * 3 + i).map(|i| (format!("s{i}"), sample(i * 5))).collect();
        Shard { number, samples }
    };
    vec![shard(0), shard(1)]
}

fn make(flaw: Flaw) -> impl Fn(&Target) -> Box<dyn Exporter<i64>> {
    move |target| Box::new(Toy { target: Arc::clone(target), flaw })
}

fn caps(existing: Existing) -> ExporterCaps<i64, Target, (String, i64)> {
    let fresh = Target::default;
    let files = |target: &Target| target.lock().expect("no test panics while it holds the lock").clone();
    ExporterCaps { fresh, shards, kept: |id, sample| (id.to_owned(), sample.item), read, files, existing }
}

mod sound {
    use super::*;
    exporter_conformance!(make(Flaw::None), caps(Existing::Refused));
}

mod sound_replacing {
    use super::*;
    exporter_conformance!(make(Flaw::Replaces), caps(Existing::Replaced));
}

#[test]
#[should_panic(expected = "an existing target is replaced whole")]
fn half_replaced_is_caught() {
    let caps = caps(Existing::Replaced);
    synth_core::conformance::exporter::existing_target_is_honoured(&make(Flaw::AddsToWhatIsThere), &caps);
}

broken! { exporter, |_| caps(Existing::Refused);
    written_reads_back_equal: RoundsItems => "what was written reads back equal: first difference",
    written_twice_gives_identical_bytes: CountsCalls => "\"call.txt\") has other bytes",
    manifest_holds_the_hashes: MisstatesHashes => "the manifest holds the hashes: shard_0.txt",
    empty_set_is_a_dataset: RefusesTheEmptySet => "an empty set is a dataset: Err",
    existing_target_is_honoured: AddsToWhatIsThere => "an existing target is honoured: it was not refused",
    failed_shard_leaves_nothing_behind: WritesAsItGoes => "a failed shard leaves nothing behind: the files are",
    repeated_id_is_an_error: KeepsTheLastOfAnId => "a repeated id is an error: s0 was written twice",
}
