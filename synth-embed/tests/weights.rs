//! Checkpoints against what torch reads from them (`goldens/make_weights.py`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use serde::Deserialize;
use synth_core::{Error, Result};
use synth_embed::weights::{Checkpoint, Dtype, Loaded, Loader, Source, Weights};

#[derive(Deserialize)]
struct Expected {
    files: BTreeMap<String, BTreeMap<String, Tensor>>,
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    /// None for tensors without floats.
    values: Option<Vec<f32>>,
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/weights")
}

fn expected() -> Expected {
    let text = fs::read(goldens().join("expected.json")).expect("committed");
    serde_json::from_slice(&text).expect("written by make_weights.py")
}

fn dtype_of(torch: &str) -> Dtype {
    match torch {
        "float64" => Dtype::F64,
        "float32" => Dtype::F32,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "int64" => Dtype::I64,
        "uint8" => Dtype::U8,
        "bool" => Dtype::Bool,
        other => panic!("a type that the script does not write: {other}"),
    }
}

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

/// Asks for everything that torch found.
fn all(weights: &mut Weights<'_>, tensors: &BTreeMap<String, Tensor>) -> Result<Vec<ArrayD<f32>>> {
    let floats = tensors.iter().filter(|(_, tensor)| tensor.values.is_some());
    floats.map(|(name, tensor)| weights.tensor(name, &tensor.shape)).collect()
}

#[test]
fn every_file_gives_the_tensors_that_torch_gives() {
    let expected = expected();
    assert_eq!(expected.files.len(), 16, "all goldens");
    for (file, tensors) in expected.files {
        let checkpoint =
            Checkpoint::open(goldens().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let names: Vec<&str> = checkpoint.names().collect();
        assert_eq!(names, tensors.keys().map(String::as_str).collect::<Vec<_>>(), "{file}");
        for (name, tensor) in tensors {
            let info = checkpoint.info(&name).expect("listed");
            assert_eq!((&info.shape, info.dtype), (&tensor.shape, dtype_of(&tensor.dtype)), "{file}: {name}");
            match tensor.values {
                Some(values) => {
                    let read = checkpoint.read(&name).unwrap_or_else(|error| panic!("{file}: {error}"));
                    assert_eq!(read.shape(), tensor.shape, "{file}: {name}");
                    assert!(read.is_standard_layout(), "{file}: {name}");
                    assert_eq!(bits(read), bits(values), "{file}: {name}");
                }
                None => assert!(checkpoint.read(&name).is_err(), "{file}: {name} holds no floats"),
            }
        }
    }
}

/// The hash is computed by Python from the formula in the documentation.
#[test]
fn the_hash_is_that_of_the_content_in_every_format() {
    let expected = expected();
    for (hash, files) in [
        (
            "module",
            &["zip.pth", "legacy.pth", "single.safetensors", "sharded", "sharded_torch", "zip_nested.pth"][..],
        ),
        ("views", &["zip_views.pth", "legacy_views.pth", "zip_big_endian.pth"]),
        ("halves", &["zip_halves.pth", "halves.safetensors"]),
    ] {
        for file in files {
            let checkpoint = Checkpoint::open(goldens().join(file)).expect("good");
            let loader = Loader::new(&checkpoint);
            let loaded = loader.load(|weights| all(weights, &expected.files[*file])).expect("complete");
            assert_eq!(loaded.hash.to_string(), expected.hashes[hash], "{file}");
        }
    }
}

#[test]
fn the_hash_changes_with_names_shapes_and_numbers() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let hash = |name: &str, shape: &[usize], values: [f32; 2]| {
        let path = folder.path().join("a.safetensors");
        write_safetensors(&path, &[(name, shape, &values)]);
        let checkpoint = Checkpoint::open(&path).expect("good");
        Loader::new(&checkpoint).load(|weights| weights.tensor(name, shape)).expect("complete").hash
    };
    let hashes = [
        hash("a", &[2], [1.0, 0.0]),
        hash("b", &[2], [1.0, 0.0]),
        hash("a", &[2, 1], [1.0, 0.0]),
        hash("a", &[1, 2], [1.0, 0.0]),
        hash("a", &[2], [1.0, -0.0]),
    ];
    assert_eq!(hashes[0], hash("a", &[2], [1.0, 0.0]));
    assert_eq!(hashes.iter().collect::<std::collections::BTreeSet<_>>().len(), hashes.len());
    assert_eq!(format!("{:.16}", hashes[0]), hashes[0].to_string()[..16]);
}

fn write_safetensors(path: &Path, tensors: &[(&str, &[usize], &[f32])]) {
    use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("shape fits"))
    });
    serialize_to_file(views.collect::<Vec<_>>(), None, path).expect("writable");
}

fn fused(folder: &tempfile::TempDir) -> Checkpoint {
    let path = folder.path().join("model.safetensors");
    write_safetensors(
        &path,
        &[
            ("attn.qkv", &[6, 1], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            ("proj", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
            ("mask_token", &[1], &[9.0]),
        ],
    );
    Checkpoint::open(folder.path()).expect("good")
}

#[test]
fn reads_another_layout_through_sources() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let checkpoint = fused(&folder);
    let layout = |name: &str| match name {
        "query" => Source::part("attn.qkv", 0, 3),
        "key" => Source::part("attn.qkv", 1, 3),
        "value" => Source::part("attn.qkv", 2, 3),
        "head" => Source::transposed("proj"),
        "both" => Source::stacked(["mask_token", "mask_token"]),
        other => Source::tensor(other),
    };
    let loaded = Loader::new(&checkpoint).with_layout(layout).load(|weights| {
        assert!(weights.has("key") && !weights.has("attn"));
        assert_eq!(weights.shape("head"), Some(vec![3, 2]));
        assert_eq!(weights.shape("both"), Some(vec![2]));
        assert_eq!(weights.shape("attn"), None);
        Ok([
            weights.tensor("query", &[2, 1])?,
            weights.tensor("key", &[2, 1])?,
            weights.tensor("value", &[2, 1])?,
            weights.tensor("head", &[3, 2])?,
            weights.tensor("both", &[2])?,
        ])
    });
    let values = loaded.expect("complete").model.map(|tensor| tensor.into_iter().collect::<Vec<_>>());
    let expected: [&[f32]; 5] =
        [&[0.0, 1.0], &[2.0, 3.0], &[4.0, 5.0], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], &[9.0, 9.0]];
    assert_eq!(values, expected);
}

#[test]
fn one_error_lists_everything_that_does_not_fit() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let checkpoint = fused(&folder);
    let layout =
        |name: &str| if name == "key" { Source::part("attn.qkv", 1, 4) } else { Source::tensor(name) };
    let error = Loader::new(&checkpoint)
        .with_layout(layout)
        .load(|weights| {
            weights.tensor("z", &[2])?;
            weights.tensor("a", &[])?;
            weights.tensor("proj", &[3, 2])?;
            weights.tensor("key", &[2, 1])
        })
        .expect_err("nothing fits");
    let path = folder.path().join("model.safetensors").display().to_string();
    assert_eq!(
        error.to_string(),
        format!(
            "`weights` must be a checkpoint with the tensors of the model, got `{path}`: 2 missing (a, z); 2 of \
             another shape (key from attn.qkv: expected [2, 1], found [6, 1], proj: expected [3, 2], found \
             [2, 3]); 1 that the model does not have (mask_token)"
        )
    );
}

#[test]
fn extra_tensors_may_be_allowed_and_integers_are() {
    let checkpoint = Checkpoint::open(goldens().join("zip.pth")).expect("good");
    assert_eq!(checkpoint.info("1.num_batches_tracked").expect("there").dtype, Dtype::I64);
    let load =
        |loader: Loader<'_>| loader.load(|weights| weights.tensor("0.bias", &[2])).map(|loaded| loaded.hash);
    let error = load(Loader::new(&checkpoint)).expect_err("most are not read");
    assert!(error.to_string().contains("5 that the model does not have (0.weight, 1.bias, "), "{error}");
    load(Loader::new(&checkpoint).ignoring(|name| name.starts_with("1.") || name == "0.weight"))
        .expect("allowed");
    let error = Loader::new(&checkpoint)
        .load(|weights| weights.tensor("1.num_batches_tracked", &[]))
        .expect_err("a count is no weight");
    assert!(error.to_string().contains("1 not of floats (1.num_batches_tracked: i64)"), "{error}");
}

/// A hostile configuration may ask for any size: no memory is taken for it.
#[test]
fn a_missing_tensor_beyond_the_file_ends_the_reading() {
    let checkpoint = Checkpoint::open(goldens().join("zip.pth")).expect("good");
    let mut asked = 0;
    let error = Loader::new(&checkpoint)
        .load(|weights| {
            asked += 1;
            weights.tensor("0.bias", &[usize::MAX / 16, 3])?;
            asked += 1;
            Ok(())
        })
        .map(|_| ())
        .expect_err("too large");
    assert!(matches!(error, Error::InvalidParam { .. }), "{error}");
    assert_eq!(asked, 1);
}

#[test]
fn a_weight_that_is_not_finite_is_refused() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let path = folder.path().join("model.safetensors");
    write_safetensors(&path, &[("a", &[3], &[0.0, f32::NAN, 0.0])]);
    let checkpoint = Checkpoint::open(&path).expect("good");
    let error = Loader::new(&checkpoint).load(|weights| weights.tensor("a", &[3])).expect_err("NaN");
    assert!(matches!(&error, Error::NonFinite { what, .. } if what.contains("`a` of")), "{error}");
    assert!(checkpoint.read("a").expect("reading does not judge")[1].is_nan());
}

#[test]
fn a_folder_prefers_the_usual_names() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let path = |name: &str| folder.path().join(name);
    let opened = || Checkpoint::open(folder.path()).map(|checkpoint| checkpoint.path().to_owned());
    assert!(matches!(opened(), Err(Error::NotFound { .. })));
    write_safetensors(&path("other.safetensors"), &[("a", &[1], &[1.0])]);
    fs::write(path("config.json"), "{}").expect("writable");
    assert_eq!(opened().expect("the only one"), path("other.safetensors"));
    fs::copy(goldens().join("zip.pth"), path("second.pth")).expect("writable");
    let error = opened().expect_err("two");
    assert!(error.to_string().ends_with("with other.safetensors, second.pth"), "{error}");
    fs::copy(goldens().join("zip.pth"), path("pytorch_model.bin")).expect("writable");
    assert_eq!(opened().expect("usual"), path("pytorch_model.bin"));
    fs::write(path("model.safetensors.index.json"), r#"{"weight_map": {"a": "other.safetensors"}}"#)
        .expect("writable");
    assert_eq!(opened().expect("better"), path("model.safetensors.index.json"));
    write_safetensors(&path("model.safetensors"), &[("a", &[1], &[1.0])]);
    assert_eq!(opened().expect("best"), path("model.safetensors"));
}

#[test]
fn public_types_cross_threads() {
    fn assert<T: Send + Sync>() {}
    assert::<Checkpoint>();
    assert::<Loaded<()>>();
    assert::<Source>();
}
