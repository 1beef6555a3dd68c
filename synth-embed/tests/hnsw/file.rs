//! Saved indexes, whole and damaged.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::s;
use synth_core::{Error, NeighborIndex, Result};
use synth_embed::{Hnsw, HnswParams, Metric};
use tempfile::TempDir;

use crate::data::{built, everything, ids, low_dimensional, normal};

const METRICS: [Metric; 2] = [Metric::Euclidean, Metric::Cosine];
const HEADER_LEN: usize = 128;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("rows.hnsw");
    (directory, path)
}

/// Some rows removed, and one with two ids.
fn index(metric: Metric) -> Hnsw {
    let rows = low_dimensional(1_500, 20);
    let params = HnswParams::default().with_metric(metric).with_max_links(6).with_ef_search(30);
    let mut index = built(params, rows.view());
    assert!((0..200).all(|i| index.remove(&format!("row_{:06}", i * 7))));
    index.add(&["a copy".into()], rows.slice(s![1..2, ..])).expect("valid");
    index
}

/// A file of some hundred bytes.
fn small(metric: Metric) -> Vec<u8> {
    let (_directory, path) = place();
    let params = HnswParams::default().with_metric(metric).with_max_links(2).with_ef_construction(8);
    let mut index = built(params.with_ef_search(2), normal((12, 3), 30).view());
    assert!(index.remove("row_000004"));
    index.save(&path).expect("writable");
    fs::read(path).expect("there")
}

fn is_corrupt<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Corrupt { .. }))
}

#[test]
fn loaded_and_opened_indexes_equal_the_saved_one() {
    let queries = low_dimensional(60, 20);
    for metric in METRICS {
        let ((_directory, path), saved) = (place(), index(metric));
        saved.save(&path).expect("writable");
        let bytes = fs::read(&path).expect("there");
        for index in [Hnsw::load(&path).expect("whole"), Hnsw::open(&path).expect("whole")] {
            index.verify().expect("whole");
            assert_eq!((index.params(), index.dim(), index.len()), (saved.params(), 20, saved.len()));
            let search = |index: &Hnsw, filter: fn(&str) -> bool| {
                index.search(queries.view(), 10, &filter).expect("valid")
            };
            for filter in [everything, |id: &str| id.ends_with('3'), |id: &str| !id.ends_with('1')] {
                assert_eq!(search(&index, filter), search(&saved, filter));
            }
            let again = path.with_extension("again");
            index.save(&again).expect("writable");
            assert_eq!(fs::read(again).expect("there"), bytes);
        }
    }
}

#[test]
fn an_opened_index_changes_in_memory_only() {
    for metric in METRICS {
        let (_directory, path) = place();
        index(metric).save(&path).expect("writable");
        let bytes = fs::read(&path).expect("there");
        let (mut loaded, mut opened) = (Hnsw::load(&path).expect("whole"), Hnsw::open(&path).expect("whole"));
        let more = low_dimensional(1_560, 20);
        let names: Vec<String> = (0..60).map(|i| format!("more_{i}")).collect();
        for removed in [10, 700] {
            for index in [&mut loaded, &mut opened] {
                if removed == 10 {
                    index.add(&names, more.slice(s![1_500.., ..])).expect("valid");
                }
                for i in (201..201 + removed).filter(|i| i % 7 != 0) {
                    index.remove(&format!("row_{i:06}"));
                }
            }
            let found =
                [&loaded, &opened].map(|index| index.search(more.view(), 5, &everything).expect("valid"));
            assert_eq!(found[0], found[1]);
        }
        let again = path.with_extension("again");
        opened.save(&again).expect("writable");
        loaded.save(&path.with_extension("loaded")).expect("writable");
        assert_eq!(fs::read(again).expect("there"), fs::read(path.with_extension("loaded")).expect("there"));
        assert_eq!(fs::read(&path).expect("there"), bytes);
    }
}

#[test]
fn saving_over_an_open_file_leaves_the_open_index_as_it_was() {
    let (directory, path) = place();
    let saved = index(Metric::Euclidean);
    saved.save(&path).expect("writable");
    let opened = Hnsw::open(&path).expect("whole");
    built(HnswParams::default(), normal((3, 2), 31).view()).save(&path).expect("writable");
    let queries = low_dimensional(20, 20);
    assert_eq!(
        opened.search(queries.view(), 4, &everything).expect("valid"),
        saved.search(queries.view(), 4, &everything).expect("valid")
    );
    assert_eq!(Hnsw::open(&path).expect("whole").dim(), 2);
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1, "no temporary is left");
}

#[test]
fn an_empty_index_is_saved() {
    let (_directory, path) = place();
    HnswParams::default().build(7).expect("valid").save(&path).expect("writable");
    for mut index in [Hnsw::load(&path).expect("whole"), Hnsw::open(&path).expect("whole")] {
        assert!(index.is_empty());
        index.add(&ids(4), normal((4, 7), 32).view()).expect("valid");
        assert_eq!(
            index.search(normal((1, 7), 32).view(), 1, &everything).expect("valid")[0][0].id,
            "row_000000"
        );
    }
}

/// The header as the format describes it, read by hand.
#[test]
fn header_is_as_documented() {
    let bytes = small(Metric::Euclidean);
    let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("in the header")) as usize;
    assert_eq!(&bytes[..16], b"SYNHNSW\0\x01\0\0\0\0\0\0\0");
    assert_eq!((number(16), number(24), number(32)), (3, 12, bytes.len() - HEADER_LEN - 12 * 3 * 4));
    let rows = HEADER_LEN..HEADER_LEN + 12 * 3 * 4;
    let first: Vec<f32> =
        bytes[rows.clone()].as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    assert_eq!(first, normal((12, 3), 30).into_raw_vec_and_offset().0);
    assert_eq!(bytes[40..72], *blake3::hash(&bytes[rows.clone()]).as_bytes());
    assert_eq!(bytes[72..104], *blake3::hash(&bytes[rows.end..]).as_bytes());
    assert_eq!(bytes[104..128], blake3::hash(&bytes[..104]).as_bytes()[..24]);
}

#[test]
fn a_flipped_bit_is_an_error() {
    for metric in METRICS {
        let ((_directory, path), bytes) = (place(), small(metric));
        let rows = HEADER_LEN..HEADER_LEN + 12 * 3 * 4;
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).expect("writable");
            assert!(is_corrupt(&Hnsw::load(&path)), "bit {bit}");
            let opened = Hnsw::open(&path);
            if !rows.contains(&(bit / 8)) {
                assert!(is_corrupt(&opened), "bit {bit}");
                continue;
            }
            // The rows are not read on opening; a search that meets nonsense says so.
            let opened = opened.expect("only a row is another");
            assert!(is_corrupt(&opened.verify()), "bit {bit}");
            let found = opened.search(normal((2, 3), 33).view(), 12, &everything);
            assert!(found.is_ok() || is_corrupt(&found), "bit {bit}: {found:?}");
            assert!(is_corrupt(&opened.save(&path.with_extension("again"))), "bit {bit}");
        }
    }
}

/// Removing brings all rows into memory, but does not make them good.
#[test]
fn damage_shows_after_rows_were_removed_too() {
    let ((directory, path), bytes) = (place(), small(Metric::Euclidean));
    let (damaged, nan) = (HEADER_LEN + 4 * 3 * 8, f32::NAN.to_le_bytes());
    for altered in [nan, 7.5_f32.to_le_bytes()] {
        let mut bytes = bytes.clone();
        bytes[damaged..damaged + 4].copy_from_slice(&altered);
        fs::write(&path, &bytes).expect("writable");
        let mut index = Hnsw::open(&path).expect("rows are not read");
        for id in &ids(4) {
            assert!(index.remove(id));
        }
        let found = index.search(normal((2, 3), 33).view(), 8, &everything);
        assert_eq!(is_corrupt(&found), altered == nan, "{found:?}");
        let error = index.verify().expect_err("damaged").to_string();
        assert!(error.contains("rows.hnsw") && error.contains("not the one that was added"), "{error}");
        let again = directory.path().join("again.hnsw");
        let error = index.save(&again).expect_err("damaged").to_string();
        assert!(error.contains("rows.hnsw"), "{error}");
        assert!(!again.exists());
    }
    // Where the damaged row is itself removed, what is left is good.
    let mut index = Hnsw::open(&path).expect("rows are not read");
    for id in ["row_000008", "row_000000", "row_000001", "row_000002"] {
        assert!(index.remove(id));
    }
    index.verify().expect("whole");
}

#[test]
fn a_file_cut_short_or_too_long_is_an_error() {
    let ((_directory, path), bytes) = (place(), small(Metric::Cosine));
    for len in 0..bytes.len() {
        fs::write(&path, &bytes[..len]).expect("writable");
        assert!(is_corrupt(&Hnsw::load(&path)) && is_corrupt(&Hnsw::open(&path)), "{len} bytes");
    }
    fs::write(&path, [&bytes[..], &[0]].concat()).expect("writable");
    assert!(is_corrupt(&Hnsw::load(&path)) && is_corrupt(&Hnsw::open(&path)));
}

/// Makes the checksums right again.
fn mend(bytes: &mut [u8], values: usize) {
    let rows_end = (HEADER_LEN + 4 * values).min(bytes.len());
    let rows = *blake3::hash(&bytes[HEADER_LEN..rows_end]).as_bytes();
    let graph = *blake3::hash(&bytes[rows_end..]).as_bytes();
    bytes[40..72].copy_from_slice(&rows);
    bytes[72..104].copy_from_slice(&graph);
    let header = blake3::hash(&bytes[..104]);
    bytes[104..128].copy_from_slice(&header.as_bytes()[..24]);
}

/// Uses an index in every way; nothing may panic.
fn exercise(mut index: Hnsw) {
    let queries = normal((3, index.dim()), 34);
    drop(index.search(queries.view(), 2, &everything));
    drop(index.add(&["new_1".into(), "new_2".into(), "new_3".into()], queries.view()));
    for id in ids(12) {
        index.remove(&id);
    }
    drop(index.search(queries.view(), 9, &everything));
}

#[test]
fn a_forged_file_with_right_checksums_never_panics() {
    for metric in METRICS {
        let ((_directory, path), bytes) = (place(), small(metric));
        let (mut refused, mut taken) = (0, 0);
        for at in HEADER_LEN..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1), bytes[at] ^ 0x10] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                mend(&mut bytes, 12 * 3);
                fs::write(&path, bytes).expect("writable");
                for index in [Hnsw::load(&path), Hnsw::open(&path)] {
                    match index {
                        Ok(index) => exercise(index),
                        Err(Error::Corrupt { .. }) => refused += 1,
                        Err(other) => panic!("byte {at} = {value}: {other:?}"),
                    }
                    taken += 1;
                }
            }
        }
        assert!(refused * 2 > taken, "{refused} of {taken}");
    }
}

#[test]
fn a_forged_header_is_an_error() {
    let ((_directory, path), bytes) = (place(), small(Metric::Euclidean));
    for at in (8..40).step_by(4) {
        for value in [0_u32, 1, 2, 13, 1 << 20, 1 << 31, u32::MAX] {
            let mut forged = bytes.clone();
            forged[at..at + 4].copy_from_slice(&value.to_le_bytes());
            if forged == bytes {
                continue;
            }
            mend(&mut forged, 12 * 3);
            fs::write(&path, forged).expect("writable");
            assert!(is_corrupt(&Hnsw::load(&path)) && is_corrupt(&Hnsw::open(&path)), "{at}: {value}");
        }
    }
}

#[test]
fn errors_name_the_path_and_what_to_do() {
    let (directory, path) = place();
    assert!(matches!(Hnsw::open(&path), Err(Error::Io { path, .. }) if path.contains("rows.hnsw")));
    let mut bytes = small(Metric::Euclidean);
    bytes[8] = 2;
    fs::write(&path, bytes).expect("writable");
    let message = Hnsw::load(&path).expect_err("version 2").to_string();
    assert!(message.contains("rows.hnsw") && message.contains("version 2"), "{message}");
    assert!(message.contains("build it again"), "{message}");
    let index = built(HnswParams::default(), normal((2, 2), 35).view());
    assert!(matches!(index.save(&directory.path().join("no/such/place")), Err(Error::Io { .. })));
    assert!(matches!(index.save(Path::new("/")), Err(Error::InvalidParam { .. })));
    // A directory of that name cannot be replaced; nothing else is left behind.
    let taken = directory.path().join("taken");
    fs::create_dir(&taken).expect("writable");
    assert!(matches!(index.save(&taken), Err(Error::Io { .. })));
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 2);
}
