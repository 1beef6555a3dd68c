//! Hostile, torn and foreign checkpoints: an error that says what is wrong, nothing run, no panic.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use synth_core::Error;
use synth_embed::weights::Checkpoint;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/weights")
}

fn refusal(path: &Path) -> Error {
    match Checkpoint::open(path) {
        Ok(checkpoint) => panic!("{} was read: {:?}", path.display(), checkpoint.names().collect::<Vec<_>>()),
        Err(error) => error,
    }
}

#[test]
fn python_code_is_named_and_not_run() {
    for (file, object) in [
        ("runs_code.pth", "`posix.system`"),
        ("runs_code_legacy.pth", "`posix.system`"),
        ("runs_code_protocol_4.pth", "`posix.system`"),
        ("custom_class.pth", "`__main__.Custom`"),
        ("module.pth", "`torch.nn.modules.linear.Linear`"),
    ] {
        let path = goldens().join("bad").join(file);
        let error = refusal(&path);
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(object) && text.contains("python -c") && text.contains(file), "{text}");
    }
    let made = ["it_ran", "synth-embed/it_ran"].map(PathBuf::from).into_iter().find(|path| path.exists());
    assert_eq!(made, None, "the pickles' command was run");
}

#[test]
fn foreign_files_are_told_apart() {
    for (file, problem) in [
        ("torchscript.pt", "torch.jit.load"),
        ("compressed.pth", "`archive/data.pkl` is compressed"),
        ("expanded.pth", "tensor `weight`: shape [1099511627776] needs"),
        ("list.pth", "no dictionary of tensors"),
        ("ambiguous.pth", "several dictionaries of tensors (`a`, `b`)"),
        ("plain_pickle.pth", "a pickle, but not one that `torch.save` wrote"),
    ] {
        let error = refusal(&goldens().join("bad").join(file)).to_string();
        assert!(error.contains(problem) && error.contains(file), "{error}");
    }
    let folder = tempfile::tempdir().expect("temporary directory");
    let path = folder.path().join("model.safetensors");
    for (content, problem) in [
        (&b""[..], "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html></html>", "a web page"),
        (b"PK\x03\x04", "zip file is missing"),
        (b"hello", "neither safetensors nor"),
    ] {
        fs::write(&path, content).expect("writable");
        let error = refusal(&path).to_string();
        assert!(error.contains(problem) && error.contains("model.safetensors"), "{error}");
    }
    assert!(matches!(refusal(&folder.path().join("none.pth")), Error::Io { .. }));
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn safetensors_headers_are_checked() {
    let tensor = |shape: &str, start: u64, end: u64| {
        format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let one =
        |name: &str, shape: &str, start: u64, end: u64| format!(r#""{name}":{}"#, tensor(shape, start, end));
    let pair = |first: String, second: String| format!("{{{first},{second}}}");
    for (header, data, problem) in [
        (
            format!("{{{}}}", one("a", "[2]", 0, 8)),
            7,
            "tensor `a`: it ends at byte 8 of the data, which has 7",
        ),
        (format!("{{{}}}", one("a", "[2]", 0, 8)), 9, "its tensors fill 8 of 9 bytes"),
        (format!("{{{}}}", one("a", "[3]", 0, 8)), 8, "tensor `a`: shape [3] needs 3 numbers"),
        (format!("{{{}}}", one("a", "[1]", 0, 8)), 8, "tensor `a`: shape [1] of f32 needs 4 bytes, it has 8"),
        (format!("{{{}}}", one("a", "[2]", 8, 0)), 8, "tensor `a`: it lies at 8..0"),
        (format!("{{{}}}", one("a", "[-1]", 0, 8)), 8, "tensor `a`: invalid value"),
        (
            format!("{{{}}}", one("a", "[18446744073709551615,2]", 0, 8)),
            8,
            "more numbers than memory can hold",
        ),
        (format!("{{{}}}", one("a", &format!("[{}1]", "1,".repeat(20)), 0, 8)), 8, "21 axes"),
        (pair(one("a", "[2]", 0, 8), one("b", "[2]", 4, 12)), 12, "tensor `b`: it lies at 4..12"),
        (pair(one("a", "[1]", 0, 4), one("b", "[1]", 8, 12)), 12, "tensor `b`: it lies at 8..12"),
        (pair(one("a", "[1]", 0, 4), one("a", "[1]", 4, 8)), 8, "tensor `a` comes twice"),
        (
            r#"{"a":{"dtype":"F3","shape":[],"data_offsets":[0,4]}}"#.into(),
            4,
            "tensor `a`: its type `F3` is not known",
        ),
        (r#"{"a":[]}"#.into(), 0, "tensor `a`: invalid length"),
        (r#"{"a":"#.into(), 0, "EOF"),
        (format!(r#"{{"a":{}"#, "[".repeat(100_000)), 0, "tensor `a`"),
    ] {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = folder.path().join("model.safetensors");
        fs::write(&path, safetensors(&header, data)).expect("writable");
        let error = refusal(&path);
        assert!(
            matches!(&error, Error::Corrupt { path, .. } if path.ends_with("model.safetensors")),
            "{error}"
        );
        assert!(error.to_string().contains(problem), "{error} (expected: {problem})");
    }
}

#[test]
fn a_header_longer_than_the_file_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let path = folder.path().join("model.safetensors");
    for length in [3_u64, 1 << 40, u64::MAX] {
        fs::write(&path, [&length.to_le_bytes()[..], b"{}"].concat()).expect("writable");
        assert!(refusal(&path).to_string().contains("its header says"), "{length}");
    }
}

#[test]
fn an_index_names_only_files_beside_it() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let index = folder.path().join("model.safetensors.index.json");
    for file in ["../secret.safetensors", "/etc/passwd", "sub/a.safetensors", "..", ""] {
        fs::write(&index, format!(r#"{{"weight_map": {{"a": "{file}"}}}}"#)).expect("writable");
        let error = refusal(&index).to_string();
        assert!(error.contains("no file beside the index"), "{error}");
    }
    fs::write(&index, r#"{"weight_map": {"a": "x.safetensors"}}"#).expect("writable");
    assert!(matches!(refusal(&index), Error::Io { path, .. } if path.ends_with("x.safetensors")));
    fs::copy(goldens().join("single.safetensors"), folder.path().join("x.safetensors")).expect("writable");
    let error = refusal(&index).to_string();
    assert!(error.contains("tensor `a`: the index says it is in"), "{error}");
    fs::copy(goldens().join("single.safetensors"), folder.path().join("y.safetensors")).expect("writable");
    fs::write(&index, r#"{"weight_map": {"0.bias": "x.safetensors", "0.weight": "y.safetensors"}}"#)
        .expect("writable");
    assert!(refusal(&index).to_string().contains("another file of the same weights"));
}

#[test]
fn an_altered_number_fails_its_checksum() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let path = folder.path().join("a.pth");
    let checkpoint = Checkpoint::open(goldens().join("zip.pth")).expect("good");
    let weight = checkpoint.read("0.weight").expect("good")[[0, 0]].to_le_bytes();
    let mut bytes = fs::read(goldens().join("zip.pth")).expect("committed");
    let at = bytes.windows(4).position(|window| window == weight).expect("stored as it is");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("writable");
    let error = Checkpoint::open(&path).expect("names are whole").read("0.weight").expect_err("altered");
    assert!(
        error.to_string().contains("tensor `0.weight`: its bytes do not match their checksum"),
        "{error}"
    );
}

/// The single files of the corpus, good and bad.
fn corpus() -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for folder in [goldens(), goldens().join("bad")] {
        for entry in fs::read_dir(folder).expect("committed") {
            let path = entry.expect("readable").path();
            if path.is_file() && path.extension().is_some_and(|extension| extension != "json") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
}

/// Opens and reads everything; only a panic fails.
fn read_all(path: &Path) {
    if let Ok(checkpoint) = Checkpoint::open(path) {
        for name in checkpoint.names() {
            drop(checkpoint.read(name));
        }
    }
}

#[test]
fn flipped_bits_and_bytes_never_panic() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let copy = folder.path().join("copy");
    for path in corpus() {
        let bytes = fs::read(&path).expect("committed");
        fs::write(&copy, &bytes).expect("writable");
        let mut file = OpenOptions::new().write(true).open(&copy).expect("writable");
        let mut put = |at: usize, byte: u8| {
            file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.write_all(&[byte])).expect("writable");
        };
        for (at, &byte) in bytes.iter().enumerate() {
            for changed in [byte ^ 1 << (at % 8), !byte] {
                put(at, changed);
                read_all(&copy);
            }
            put(at, byte);
        }
    }
}

#[test]
fn every_torn_file_is_an_error() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let copy = folder.path().join("copy");
    for path in corpus() {
        fs::copy(&path, &copy).expect("writable");
        let file = OpenOptions::new().write(true).open(&copy).expect("writable");
        for length in (0..file.metadata().expect("there").len()).rev() {
            file.set_len(length).expect("writable");
            let error = refusal(&copy);
            assert!(error.to_string().contains("copy"), "{} at {length}: {error}", path.display());
        }
    }
}
