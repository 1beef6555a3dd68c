use std::fs;
use std::path::Path;

use image::DynamicImage;
use synth_core::{Embedder, Error, Result, Seed};
use synth_embed::onnx::{OnnxEmbedder, OnnxParams};
use synth_embed::preprocess::PreprocessingParams;

use crate::support::{as_it_is, golden, refused};

fn load_bad(name: &str) -> Error {
    refused(OnnxParams::default().load(golden(&format!("onnx/bad/{name}.onnx"))))
}

#[test]
fn operators_that_cannot_be_run_are_named() {
    for (name, operator, why) in [
        ("unknown_operator", "operator Frobnicate of", "does not have it"),
        ("unknown_operator_in_branch", "operator Frobnicate of", "does not have it"),
        ("foreign_operator", "operator com.example:Relu of", "does not have it"),
        ("random_operator", "operator RandomNormalLike of", "chance"),
    ] {
        let error = load_bad(name);
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        let error = error.to_string();
        assert!([operator, &format!("{name}.onnx"), why].iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn inputs_that_are_no_image_are_named() {
    for (name, words) in [
        ("two_inputs", "`image` float32 [n, 3, 8, 8], `bias` float32 [1, 3, 1, 1]"),
        ("no_input", "depends on no input"),
        ("grey_input", "`image` float32 [n, 1, 8, 8]"),
        ("flat_input", "`image` float32 [n, 192]"),
        ("byte_input", "`image` uint8 [n, 3, 8, 8]"),
        ("large_batch", "`image` float32 [1099511627776, 3, 8, 8]"),
    ] {
        let error = load_bad(name);
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn outputs_that_are_no_rows_are_described() {
    for (name, words) in [
        ("map_output", "its output is f32 [1, 3, 8, 8]"),
        ("tokens_output", "its output is f32 [1, 3, 8]"),
        ("mixed_output", "its output is f32 [3, 8]"),
        ("double_output", "its output is f64 [1, 3]"),
        ("class_output", "its output is i64 [1, 1]"),
    ] {
        let error = load_bad(name);
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = refused(OnnxParams::default().with_output("pooled").load(golden("onnx/vit.onnx")));
    assert_eq!(
        error.to_string(),
        "`output` must be one of `class_token` float32 [batch, 16], \
         `patch_tokens` float32 [batch, 16, 16], got pooled"
    );
    let tokens = OnnxParams::default().with_output("patch_tokens").load(golden("onnx/vit.onnx"));
    assert!(refused(tokens).to_string().contains("let the model pool it"));
}

#[test]
fn sizes_that_do_not_fit_are_told() {
    let error = load_bad("free_sides").to_string();
    assert!(error.starts_with("`side_px` must be told by a `preprocessor_config.json`"), "{error}");
    assert!(error.contains("`image` float32 [n, 3, height, width]"), "{error}");
    let error = refused(as_it_is(24, 25).load(golden("onnx/nhwc.onnx"))).to_string();
    assert!(error.starts_with("`preparation` must be of the size of the input `image`"), "{error}");
    assert!(error.ends_with("got 25 × 24 px"), "{error}");
    let error = refused(as_it_is(40, 48).with_side_px(40).load(golden("onnx/cnn.onnx"))).to_string();
    assert_eq!(error, "`side_px` must be absent: images are prepared to 48 × 40 px, got 40");
    let error = OnnxParams::default().with_side_px(5000).load(golden("onnx/cnn.onnx"));
    assert!(matches!(refused(error), Error::InvalidParam { .. }));
    let tiny = OnnxParams::default().with_side_px(1).load(golden("onnx/pair.onnx"));
    assert!(matches!(refused(tiny), Error::InvalidParam { .. }), "the model says 16");
}

#[test]
fn graphs_that_break_the_rules_are_corrupt() {
    for (name, words) in [
        ("output_of_nothing", "nothing makes its output `row`"),
        ("cycle", "nothing before the node `first` (Add) makes its input `b`"),
        ("made_twice", "`a` is made twice"),
        ("weights_outside", "`../../../Cargo.toml`, which is no name of a file beside it"),
        ("weights_short", "tensor `kernel`: it is to be in `short_weight.onnx`, outside of its"),
        ("weights_at_text", "tensor `kernel`: it is to be in `short_weight.onnx`, outside of its"),
    ] {
        let error = load_bad(name);
        assert!(matches!(&error, Error::Corrupt { path, .. } if path.ends_with(&format!("{name}.onnx"))));
        assert!(error.to_string().contains(words), "{error}");
    }
    // On the last one tract panics.
    for name in ["misfitting_weight", "short_weight", "text_weight"] {
        let error = load_bad(name);
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(&format!("{name}.onnx")) && error.contains("tract"), "{error}");
        assert!(error.len() < 2000, "{} bytes: {error}", error.len());
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let error = refused(OnnxParams::default().load("no/such.onnx"));
    assert!(matches!(&error, Error::Io { path, .. } if path == "no/such.onnx"), "{error:?}");
    let error = load_bad("weights_missing");
    assert!(matches!(&error, Error::Io { path, .. }
        if path.contains("nowhere.onnx_data") && path.contains("weights_missing.onnx")));
    let error = refused(OnnxParams::default().load(golden("onnx")));
    assert!(error.to_string().contains("it is a folder"), "{error}");
}

#[test]
fn numbers_that_are_not_finite_are_no_row() {
    let embed = |name: &str, params: OnnxParams| {
        let model = params.load(golden(&format!("onnx/bad/{name}.onnx"))).expect("loads");
        model.embed(&[&DynamicImage::new_rgb8(9, 9)])
    };
    let error = embed("nan_output", OnnxParams::default()).expect_err("no row");
    assert!(matches!(&error, Error::NonFinite { at, .. } if at == "column 0"), "{error:?}");
    assert_eq!(embed("zero_output", OnnxParams::default()).expect("zeros").sum(), 0.0);
    let error = embed("zero_output", OnnxParams::default().with_normalized(true));
    assert!(matches!(error, Err(Error::NonFinite { .. })), "no direction: {error:?}");
}

/// A model and what it makes of an image, from these bytes.
fn try_bytes(path: &Path, bytes: &[u8], params: &OnnxParams) -> Result<OnnxEmbedder> {
    fs::write(path, bytes).expect("written");
    let model = params.load(path)?;
    model.embed(&[&DynamicImage::new_rgb8(48, 40)])?;
    Ok(model)
}

#[test]
fn torn_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("torn.onnx");
    let bytes = fs::read(golden("onnx/cnn.onnx")).expect("committed");
    let params = as_it_is(40, 48);
    for kept in (0..bytes.len()).step_by(97) {
        refused(try_bytes(&path, &bytes[..kept], &params));
    }
    let empty = refused(try_bytes(&path, &[], &params));
    assert!(matches!(&empty, Error::Corrupt { problem, .. } if problem.starts_with("not an ONNX model")));
}

#[test]
fn noise_is_refused_and_flipped_bits_never_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise.onnx");
    let params = as_it_is(40, 48);
    let seed = Seed::from_u64(3);
    for index in 0..200 {
        let mut stream = seed.derive("noise").stream(index);
        let noise: Vec<u8> = (0..1 + 3 * index).map(|_| (256.0 * stream.unit()) as u8).collect();
        let error = refused(try_bytes(&path, &noise, &params));
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    }
    let bytes = fs::read(golden("onnx/cnn.onnx")).expect("committed");
    for index in 0..64 {
        let mut stream = seed.derive("flips").stream(index);
        let mut flipped = bytes.clone();
        let at = (stream.unit() * flipped.len() as f64) as usize;
        flipped[at] ^= 1 << (index % 8);
        // Most are weights, and give other rows.
        if let Err(error) = try_bytes(&path, &flipped, &params) {
            assert!(error.to_string().len() < 2000, "{error}");
        }
    }
}

#[test]
fn parameters_round_trip_and_typos_are_errors() {
    let params = as_it_is(40, 48).with_output("row").with_normalized(true);
    let json = serde_json::to_string(&params).expect("serialises");
    assert_eq!(serde_json::from_str::<OnnxParams>(&json).expect("parses"), params);
    let named: OnnxParams = serde_json::from_str(r#"{"preparation": "efficientnet-lite"}"#).expect("parses");
    assert_ne!(named, OnnxParams::default());
    assert!(serde_json::from_str::<OnnxParams>(r#"{"outputs": "row"}"#).is_err());
    let error = PreprocessingParams::dinov2(0).build();
    assert!(error.is_err(), "what `Given` holds is checked when the model is loaded");
}
