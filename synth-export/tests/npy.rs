//! `.npy` files against NumPy's own, and embeddings with and without their sidecar.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, array};
use synth_core::{EmbedderId, Error};
use synth_export::{
    EmbeddedRow, EmbeddingFile, EmbeddingJob, npy_from_f32, npy_from_f64, read_npy, rows_path, to_json_lines,
};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// The matrix of tests/goldens/make_npy.py.
fn grid() -> Array2<f64> {
    Array2::from_shape_fn((3, 5), |(row, column)| (row * 5 + column) as f64 / 7.0 - 1.0)
}

#[test]
fn bytes_are_those_of_numpy() {
    let single = grid().mapv(|value| value as f32);
    assert_eq!(npy_from_f32(single.view()), fs::read(golden("f32.npy")).expect("golden"));
    assert_eq!(npy_from_f64(grid().view()), fs::read(golden("f64.npy")).expect("golden"));
    let empty = Array2::<f32>::zeros((0, 4));
    assert_eq!(npy_from_f32(empty.view()), fs::read(golden("f32_empty.npy")).expect("golden"));
}

#[test]
fn numpy_files_are_read() {
    assert_eq!(read_npy(&golden("f64.npy")).expect("readable"), grid());
    assert_eq!(read_npy(&golden("f64_fortran.npy")).expect("readable"), grid());
    let single = grid().mapv(|value| f64::from(value as f32));
    assert_eq!(read_npy(&golden("f32.npy")).expect("readable"), single);
    assert_eq!(read_npy(&golden("f32_empty.npy")).expect("readable").dim(), (0, 4));
}

#[test]
fn other_numpy_files_say_why_not() {
    for (name, part) in [
        ("f32_big_endian.npy", "the elements are `>f4`; needed is float32 or float64, little-endian"),
        ("i64.npy", "the elements are `<i8`"),
        ("f32_vector.npy", "the array has 1 dimensions, a matrix has 2"),
    ] {
        let error = read_npy(&golden(name)).expect_err("not a float matrix").to_string();
        assert!(error.contains(name) && error.contains(part), "{error}");
    }
}

fn identity(name: &str) -> EmbedderId {
    EmbedderId { name: name.into(), weights: None, preprocessing: "none".into() }
}

fn row(path: &str, hash: &str) -> EmbeddedRow {
    EmbeddedRow {
        path: path.into(),
        blake3: Some(hash.into()),
        group: "g".into(),
        identity: identity("toy-1"),
    }
}

#[test]
fn a_changed_image_makes_its_chunk_again_and_no_other() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("E.npy");
    let job = EmbeddingJob::open(&target).expect("writable");
    job.save_chunk(0, &[row("a", "1"), row("b", "2")], array![[1.0], [2.0]].view()).expect("writable");
    job.save_chunk(1, &[row("c", "3")], array![[3.0]].view()).expect("writable");
    drop(job);

    let job = EmbeddingJob::open(&target).expect("resumable");
    assert!(job.has_chunk(0, &[row("a", "1"), row("b", "2")]).expect("readable"));
    assert!(!job.has_chunk(1, &[row("c", "4")]).expect("readable"), "another file hash");
    let other = EmbeddedRow { identity: identity("toy-2"), ..row("c", "3") };
    assert!(!job.has_chunk(1, &[other]).expect("readable"), "another embedder");
    job.save_chunk(1, &[row("c", "4")], array![[4.0]].view()).expect("writable");
    job.finish(2).expect("both chunks");

    let file = EmbeddingFile::read(&target).expect("readable");
    assert_eq!(file.matrix(), array![[1.0], [2.0], [4.0]]);
    assert_eq!(file.identity(), Some(&identity("toy-1")));
    let embeddings = file.into_embeddings(&identity("never used")).expect("valid");
    assert_eq!((embeddings.ids().join(" "), embeddings.group_count()), ("a b c".to_owned(), 1));
    assert_eq!(embeddings.identity(), &identity("toy-1"));
    assert!(!place.path().join("E.npy.partial").exists());
}

#[test]
fn an_altered_chunk_does_not_count() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("E.npy");
    let job = EmbeddingJob::open(&target).expect("writable");
    let rows = [row("a", "1")];
    job.save_chunk(0, &rows, array![[1.0]].view()).expect("writable");
    let chunk = place.path().join("E.npy.partial/chunk_000000.npy");
    let mut bytes = fs::read(&chunk).expect("there");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&chunk, bytes).expect("writable");
    assert!(!job.has_chunk(0, &rows).expect("readable"));
    let error = job.finish(1).expect_err("altered");
    assert!(matches!(&error, Error::Corrupt { path, .. } if path.ends_with("chunk_000000.npy")), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_job_that_is_left_keeps_only_what_has_rows() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("E.npy");
    for (rows, is_kept) in [(&[][..], false), (&[row("a", "1")], true)] {
        let job = EmbeddingJob::open(&target).expect("writable");
        job.save_chunk(0, rows, Array2::zeros((rows.len(), 1)).view()).expect("writable");
        job.leave().expect("readable");
        assert_eq!(EmbeddingJob::is_unfinished(&target), is_kept);
    }
    let job = EmbeddingJob::open(&target).expect("resumable");
    assert!(job.has_chunk(0, &[row("a", "1")]).expect("readable"));
}

#[test]
fn a_second_process_cannot_make_the_same_matrix() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("E.npy");
    let _first = EmbeddingJob::open(&target).expect("writable");
    let error = EmbeddingJob::open(&target).expect_err("locked");
    assert!(matches!(error, Error::Io { action: "locking", .. }), "{error}");
}

#[test]
fn what_cannot_be_saved_says_where() {
    let place = tempfile::tempdir().expect("temporary directory");
    let job = EmbeddingJob::open(&place.path().join("E.npy")).expect("writable");
    let rows = [row("a.png", "1"), row("b.png", "2")];
    let nan = array![[1.0, 2.0], [3.0, f32::NAN]];
    let error = job.save_chunk(0, &rows, nan.view()).expect_err("NaN").to_string();
    assert!(error.contains("b.png") && error.contains("column 1"), "{error}");
    let error = job.save_chunk(0, &rows, array![[1.0]].view()).expect_err("one row of two");
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    job.save_chunk(0, &rows[..1], array![[1.0]].view()).expect("valid");
    job.save_chunk(1, &rows[..1], array![[1.0]].view()).expect("valid");
    let error = job.finish(2).expect_err("the same image twice");
    assert!(matches!(&error, Error::AlreadyExists { name, .. } if name == "a.png"), "{error}");
}

#[test]
fn a_bad_matrix_or_sidecar_is_named() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("E.npy");
    let write = |matrix: &Array2<f32>, rows: &[EmbeddedRow]| {
        fs::write(&target, npy_from_f32(matrix.view())).expect("writable");
        fs::write(rows_path(&target), to_json_lines(rows).expect("JSON")).expect("writable");
        EmbeddingFile::read(&target).expect_err("bad").to_string()
    };
    let error = write(&Array2::zeros((1_000_000_000_000, 0)), &[]);
    assert!(error.contains("E.npy") && error.contains("1000000000000 rows have no numbers"), "{error}");
    let two = array![[1.0, 2.0], [3.0, 4.0]];
    let error = write(&array![[1.0, 2.0], [f32::INFINITY, 4.0]], &[row("a", "1"), row("b", "2")]);
    assert!(error.contains("E.npy") && error.contains("row 1, column 0"), "{error}");
    let error = write(&two, &[row("a", "1")]);
    assert!(error.contains("E.rows.jsonl") && error.contains("1 rows, the matrix has 2"), "{error}");
    let other = EmbeddedRow { identity: identity("toy-2"), ..row("b", "2") };
    let error = write(&two, &[row("a", "1"), other]);
    assert!(error.contains("line 2: embedder `toy-2/none` after `toy-1/none`"), "{error}");
}
