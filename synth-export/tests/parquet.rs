//! Embeddings as Parquet files: round trips, files of pandas and pyarrow, bad files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, types,
};
use ndarray::{Array2, array, s};
use parquet::arrow::ArrowWriter;
use parquet::file::reader::{FileReader, SerializedFileReader};
use synth_core::{EmbedderId, Embeddings, Error};
use synth_export::{EmbeddedRow, EmbeddingFile, EmbeddingJob, rows_path, write_embeddings};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn identity(name: &str) -> EmbedderId {
    EmbedderId { name: name.into(), weights: Some("00ff".into()), preprocessing: "none".into() }
}

fn embeddings(n: usize, dim: usize) -> Embeddings {
    let matrix = Array2::from_shape_fn((n, dim), |(row, column)| {
        (row as f32 - 3.5) * 10.0_f32.powi(column as i32 % 60 - 30)
    });
    let ids = (0..n).map(|row| format!("{row:05}.png")).collect();
    let groups = (0..n).map(|row| format!("wafer {}", row / 3)).collect();
    Embeddings::new(ids, groups, matrix, identity("toy-1")).expect("valid")
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("E.parquet");
    (directory, path)
}

fn read(path: &Path) -> Embeddings {
    let file = EmbeddingFile::read(path).expect("readable");
    assert_eq!(file.identity(), Some(&identity("toy-1")));
    file.into_embeddings(&identity("never used")).expect("valid")
}

#[test]
fn embeddings_come_back_to_the_bit_in_both_formats() {
    let (_directory, path) = place();
    // More than a row group.
    for (n, dim) in [(1, 1), (7, 384), (20_000, 3)] {
        for path in [&path, &path.with_extension("npy")] {
            let written = embeddings(n, dim);
            write_embeddings(path, &written).expect("writable");
            assert_eq!(read(path), written);
            let bytes = fs::read(path).expect("there");
            write_embeddings(path, &written).expect("writable");
            assert_eq!(fs::read(path).expect("there"), bytes, "the same bytes");
        }
    }
    assert!(!rows_path(&path.with_extension("other.parquet")).exists());
}

/// Nothing of the time, the machine or the versions of crates may enter the file.
#[test]
fn bytes_are_fixed() {
    let (_directory, path) = place();
    let matrix = array![[1.0_f32, -2.5], [0.0, 3e-41]];
    let names = |names: [&str; 2]| names.map(String::from).to_vec();
    let made = Embeddings::new(names(["a", "b"]), names(["x", "y"]), matrix, identity("toy-1"));
    write_embeddings(&path, &made.expect("valid")).expect("writable");
    let hash = blake3::hash(&fs::read(&path).expect("there"));
    assert_eq!(hash.to_hex().as_str(), "ed346a9900699ef2cd85b09386c3e60721ea5e5c13a3d2294cfb9c2e9c2dba6b");
}

#[test]
fn layout_is_as_documented() {
    let (directory, path) = place();
    write_embeddings(&path, &embeddings(9_000, 4)).expect("writable");
    let reader = SerializedFileReader::new(File::open(&path).expect("there")).expect("Parquet");
    let metadata = reader.metadata();
    assert_eq!(metadata.file_metadata().created_by(), Some("synth-export version 1"));
    let rows: Vec<i64> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [8192, 808]);
    let pairs = metadata.file_metadata().key_value_metadata().expect("there");
    let value = |key: &str| {
        let pair = pairs.iter().find(|pair| pair.key == key).expect("there");
        pair.value.clone().expect("a value")
    };
    assert_eq!(value("synth.embedder"), r#"{"name":"toy-1","weights":"00ff","preprocessing":"none"}"#);
    let content: serde_json::Value = serde_json::from_str(&value("synth.content")).expect("JSON");
    assert_eq!((&content["rows"], &content["dim"]), (&9_000.into(), &4.into()));
    // The hash, by the documentation alone.
    let bytes = fs::read(&path).expect("there");
    let mut hash = blake3::Hasher::new();
    hash.update(&bytes[..content["data_bytes"].as_u64().expect("a number") as usize]);
    hash.update(value("synth.embedder").as_bytes());
    hash.update(&[9_000_u64.to_le_bytes(), 4_u64.to_le_bytes()].concat());
    assert_eq!(content["blake3"], hash.finalize().to_hex().as_str());
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1, "no sidecar, no temporary");
}

fn rows(n: usize) -> Vec<EmbeddedRow> {
    let row = |row: usize| EmbeddedRow {
        path: format!("{row:05}.png"),
        blake3: (!row.is_multiple_of(5)).then(|| format!("{row:x}")),
        group: "g".into(),
        identity: identity("toy-1"),
    };
    (0..n).map(row).collect()
}

#[test]
fn a_job_writes_the_same_file_however_it_is_cut() {
    let (directory, path) = place();
    let (rows, matrix) = (rows(9_000), embeddings(9_000, 5));
    let made = |cut: usize| {
        let job = EmbeddingJob::open(&path).expect("writable");
        for (number, first) in (0..9_000).step_by(cut).enumerate() {
            let range = first..9_000.min(first + cut);
            let part = matrix.matrix();
            job.save_chunk(number, &rows[range.clone()], part.slice(s![range, ..])).expect("writable");
        }
        job.finish(9_000_usize.div_ceil(cut)).expect("whole");
        fs::read(&path).expect("there")
    };
    let once = made(9_000);
    assert!(made(4_097) == once && made(1_000) == once);
    let file = EmbeddingFile::read(&path).expect("readable");
    assert_eq!((file.rows(), file.matrix().view()), (Some(&rows[..]), matrix.matrix()));
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1, "no sidecar, no chunks");
}

#[test]
fn two_embedders_in_one_job_are_an_error() {
    let directory = tempfile::tempdir().expect("temporary directory");
    for name in ["E.npy", "E.parquet"] {
        let job = EmbeddingJob::open(&directory.path().join(name)).expect("writable");
        let mut rows = rows(2);
        rows[1].identity = identity("toy-2");
        job.save_chunk(0, &rows[..1], array![[1.0]].view()).expect("writable");
        job.save_chunk(1, &rows[1..], array![[2.0]].view()).expect("writable");
        let error = job.finish(2).expect_err("two embedders");
        assert!(
            matches!(&error, Error::EmbedderMismatch { left, right }
            if left.starts_with("toy-1") && right.starts_with("toy-2")),
            "{error}"
        );
        assert!(!directory.path().join(name).exists());
    }
}

#[test]
fn an_empty_set_keeps_its_width() {
    let (_directory, path) = place();
    write_embeddings(&path, &embeddings(0, 12)).expect("writable");
    assert_eq!(EmbeddingFile::read(&path).expect("readable").matrix().dim(), (0, 12));
}

#[test]
fn a_file_of_pandas_is_read_but_says_not_who_made_it() {
    let file = EmbeddingFile::read(&golden("pandas.parquet")).expect("readable");
    assert!(file.identity().is_none() && file.rows().is_none());
    let grid = Array2::from_shape_fn((3, 5), |(row, column)| ((row * 5 + column) as f64 / 7.0 - 1.0) as f32);
    assert_eq!(file.matrix(), grid);
    let embeddings = file.into_embeddings(&identity("assumed")).expect("valid");
    assert_eq!(embeddings.identity(), &identity("assumed"));
    assert_eq!(embeddings.ids(), ["a.png", "b.png", "é.png"]);
    assert_eq!(embeddings.groups(), ["x", "x", "y"]);
}

#[test]
fn a_file_of_pyarrow_is_read_with_its_metadata() {
    let file = EmbeddingFile::read(&golden("pyarrow.parquet")).expect("readable");
    assert_eq!(file.identity(), Some(&identity("toy-1")));
    let grid = Array2::from_shape_fn((3, 5), |(row, column)| ((row * 5 + column) as f64 / 7.0 - 1.0) as f32);
    assert_eq!(file.matrix(), grid, "float64 is rounded");
    let embeddings = file.into_embeddings(&identity("never used")).expect("valid");
    assert_eq!((embeddings.ids()[2].as_str(), embeddings.group_count()), ("é.png", 2));
}

/// Writes columns as another program might.
fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    let batch = batch.expect("columns of one length");
    let mut writer = ArrowWriter::try_new(File::create(path).expect("writable"), batch.schema(), None)
        .expect("supported types");
    writer.write(&batch).expect("writable");
    writer.close().expect("writable");
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn lists(lists: &[Option<Vec<Option<f32>>>]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<types::Float32Type, _, _>(lists.to_vec()))
}

fn refusal(columns: Vec<(&str, ArrayRef)>) -> String {
    let (_directory, path) = place();
    write(&path, columns);
    let error = EmbeddingFile::read(&path).expect_err("refused");
    assert!(matches!(error, Error::Corrupt { .. } | Error::NonFinite { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("E.parquet"), "{message}");
    message
}

#[test]
fn bad_columns_are_named() {
    let names = || texts(&[Some("a"), Some("b")]);
    let good = || lists(&[Some(vec![Some(1.0), Some(2.0)]), Some(vec![Some(3.0), Some(4.0)])]);
    let with = |list: ArrayRef| refusal(vec![("id", names()), ("group", names()), ("embedding", list)]);

    let error = refusal(vec![("id", names()), ("embedding", good())]);
    assert!(error.contains("no column `group`; its columns are: id, embedding"), "{error}");
    let error = refusal(vec![("id", names()), ("group", names()), ("vector", good())]);
    assert!(error.contains("no column `embedding`"), "{error}");
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let error = refusal(vec![("id", numbers.clone()), ("group", names()), ("embedding", good())]);
    assert!(error.contains("column `id` is of type Int64, needed is string"), "{error}");
    let error = refusal(vec![("id", texts(&[Some("a"), None])), ("group", names()), ("embedding", good())]);
    assert!(error.contains("column `id`, row 1: no value"), "{error}");
    let error = with(numbers);
    assert!(error.contains("column `embedding` is of type Int64"), "{error}");
    let whole = ListArray::from_iter_primitive::<types::Int64Type, _, _>(vec![Some(vec![Some(1)]); 2]);
    let error = with(Arc::new(whole));
    assert!(error.contains("column `embedding` is of type List") && error.contains("float32"), "{error}");
    let error = with(lists(&[Some(vec![Some(1.0), Some(2.0)]), Some(vec![Some(3.0)])]));
    assert!(error.contains("column `embedding`, row 1: 1 numbers, expected 2"), "{error}");
    let error = with(lists(&[Some(vec![Some(1.0)]), None]));
    assert!(error.contains("column `embedding`, row 1: no value"), "{error}");
    let error = with(lists(&[Some(vec![Some(1.0), None]), Some(vec![Some(3.0), Some(4.0)])]));
    assert!(error.contains("column `embedding`, row 0: no value at position 1"), "{error}");
    let error = with(lists(&[Some(vec![Some(1.0)]), Some(vec![Some(f32::NAN)])]));
    assert!(error.contains("column `embedding` of") && error.contains("row 1, position 0"), "{error}");
    let wide = ListArray::from_iter_primitive::<types::Float64Type, _, _>(vec![Some(vec![Some(1e300)]); 2]);
    let error = with(Arc::new(wide));
    assert!(error.contains("row 0: 1e300 is beyond float32"), "{error}");
    let flat: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    let flat_single: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 2.0]));
    for flat in [flat, flat_single] {
        let error = with(flat);
        assert!(error.contains("needed is list of float32 or float64"), "{error}");
    }
}

#[test]
fn an_id_twice_is_an_error() {
    let (_directory, path) = place();
    let list = lists(&[Some(vec![Some(1.0)]), Some(vec![Some(2.0)])]);
    write(
        &path,
        vec![("id", texts(&[Some("a"), Some("a")])), ("group", texts(&[Some("x"); 2])), ("embedding", list)],
    );
    let file = EmbeddingFile::read(&path).expect("readable");
    let error = file.into_embeddings(&identity("assumed")).expect_err("twice");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
}

#[test]
fn no_parquet_file_is_said_so() {
    let (_directory, path) = place();
    assert!(matches!(EmbeddingFile::read(&path), Err(Error::Io { path, .. }) if path.contains("E.parquet")));
    for bytes in [&b""[..], b"PAR1", b"\x93NUMPY", &[b'P'; 64]] {
        fs::write(&path, bytes).expect("writable");
        let error = EmbeddingFile::read(&path).expect_err("no Parquet");
        assert!(matches!(&error, Error::Corrupt { path, .. } if path.contains("E.parquet")), "{error:?}");
    }
}

/// What is altered is refused, or changes nothing that is read.
#[test]
fn altered_and_truncated_files_never_pass_for_whole() {
    let (_directory, path) = place();
    let written = embeddings(5, 3);
    write_embeddings(&path, &written).expect("writable");
    let bytes = fs::read(&path).expect("there");
    for len in 0..bytes.len() {
        fs::write(&path, &bytes[..len]).expect("writable");
        assert!(matches!(EmbeddingFile::read(&path), Err(Error::Corrupt { .. })), "{len} bytes");
    }
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        fs::write(&path, altered).expect("writable");
        match EmbeddingFile::read(&path) {
            Err(Error::Corrupt { .. } | Error::NonFinite { .. }) => {}
            Err(error) => panic!("byte {at}: {error:?}"),
            Ok(file) => {
                // At worst the file no longer says who made it.
                let identity = file.identity();
                assert!(identity.is_none_or(|identity| identity == written.identity()), "byte {at}");
                assert_eq!(file.into_embeddings(written.identity()).expect("valid"), written, "byte {at}");
            }
        }
    }
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let (directory, path) = place();
    fs::create_dir(&path).expect("writable");
    assert!(matches!(write_embeddings(&path, &embeddings(2, 2)), Err(Error::Io { .. })));
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1, "nothing is left behind");
}
