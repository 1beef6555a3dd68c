use std::fs;

use image::DynamicImage;
use synth_core::Embedder;
use synth_embed::onnx::{OnnxEmbedder, OnnxParams, Preparation};
use synth_embed::preprocess::PreprocessingParams;

use crate::support::{Golden, as_it_is, assert_close, golden, refused};

/// The rows of a model's golden images, one after another.
fn rows(model: &OnnxEmbedder, images: &[DynamicImage]) -> Vec<f32> {
    let rows = model.embed(&images.iter().collect::<Vec<_>>()).expect("embeds");
    assert_eq!(rows.dim(), (images.len(), model.dim()));
    rows.into_raw_vec_and_offset().0
}

fn check(name: &str, params: &OnnxParams, output: &str) {
    let model = params.load(golden(&format!("onnx/{name}.onnx"))).expect("loads");
    let golden = Golden::open(&format!("onnx/{name}.safetensors"));
    let got = rows(&model, &golden.images("pixels_u8"));
    assert_close(name, &got, &golden.floats(&format!("output.{output}")), 1e-4);
    assert_eq!(model.identity().name, format!("onnx:{output}"));
}

#[test]
fn convolutions_equal_onnx_runtime() {
    check("cnn", &as_it_is(40, 48), "row");
}

#[test]
fn a_transformer_equals_onnx_runtime_and_transformers() {
    let params = as_it_is(56, 56).with_output("class_token");
    check("vit", &params, "class_token");
    let model = params.load(golden("onnx/vit.onnx")).expect("loads");
    let images = Golden::open("models/dinov2_images.safetensors").images("pixels_u8.56x56");
    let published = Golden::open("models/dinov2/io.safetensors").floats("56x56.class_token");
    assert_close("transformers", &rows(&model, &images), &published, 1e-4);
}

#[test]
fn channels_may_come_last_and_rows_have_four_axes() {
    check("nhwc", &as_it_is(24, 24), "row");
}

#[test]
fn a_fixed_batch_gives_each_image_its_own_row() {
    check("pair", &as_it_is(16, 16), "row");
}

#[test]
fn an_output_needs_only_what_it_depends_on() {
    check("towers", &as_it_is(32, 32).with_output("image"), "image");
    let error = refused(OnnxParams::default().with_output("text").load(golden("onnx/towers.onnx")));
    let error = error.to_string();
    assert!(error.contains("the input `tokens` int64 [batch, length]"), "{error}");
}

#[test]
fn weights_may_lie_in_another_file() {
    let load = |path| as_it_is(40, 48).load(path).expect("loads");
    let [inside, outside] = ["onnx/cnn.onnx", "onnx/outside.onnx"].map(|name| load(golden(name)));
    let images = Golden::open("onnx/cnn.safetensors").images("pixels_u8");
    assert_eq!(rows(&inside, &images), rows(&outside, &images));
    assert_ne!(inside.identity(), outside.identity(), "other files");

    let folder = tempfile::tempdir().expect("a folder");
    let copy = |name: &str, bytes: Vec<u8>| fs::write(folder.path().join(name), bytes).expect("written");
    let read = |name: &str| fs::read(golden(&format!("onnx/{name}"))).expect("committed");
    copy("model.onnx", read("outside.onnx"));
    let mut weights = read("outside.onnx_data");
    copy("outside.onnx_data", weights.clone());
    let path = folder.path().join("model.onnx");
    assert_eq!(load(path.clone()).identity(), outside.identity(), "the content counts, not the place");
    weights[7] ^= 1;
    copy("outside.onnx_data", weights);
    assert_ne!(load(path).identity(), outside.identity(), "another weight");
}

/// As in the cache of the Hugging Face hub.
#[cfg(unix)]
#[test]
fn files_may_be_links() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["outside.onnx", "outside.onnx_data"] {
        let target = golden(&format!("onnx/{name}"));
        std::os::unix::fs::symlink(target, folder.path().join(name)).expect("linked");
    }
    let model = as_it_is(40, 48).load(folder.path().join("outside.onnx"));
    assert_eq!(model.expect("loads").dim(), 20);
}

#[test]
fn rows_of_length_one_point_where_the_others_do() {
    let images = Golden::open("onnx/cnn.safetensors").images("pixels_u8");
    let load = |params: OnnxParams| params.load(golden("onnx/cnn.onnx")).expect("loads");
    let plain = load(as_it_is(40, 48));
    let unit = load(as_it_is(40, 48).with_normalized(true));
    assert_eq!(unit.identity().name, "onnx:row:normalized");
    let (plain, unit) = (rows(&plain, &images), rows(&unit, &images));
    for (plain, unit) in plain.chunks(20).zip(unit.chunks(20)) {
        let length = plain.iter().map(|x| x * x).sum::<f32>().sqrt();
        let scaled: Vec<f32> = plain.iter().map(|x| x / length).collect();
        assert_close("normalized", unit, &scaled, 1e-6);
    }
}

#[test]
fn images_are_prepared_as_told() {
    let name = |params: OnnxParams, model: &str| {
        params.load(golden(&format!("onnx/{model}.onnx"))).expect("loads").identity().preprocessing.clone()
    };
    let by = |preparation| OnnxParams::default().with_preparation(preparation);
    assert_eq!(name(by(Preparation::Described), "nhwc"), "short27-bicubic-crop24-imagenet-1");
    assert_eq!(name(by(Preparation::Clip), "nhwc"), "short24-bicubic-crop24-openai-1");
    assert_eq!(name(by(Preparation::Siglip), "nhwc"), "squash24-bicubic-halves-1");
    assert_eq!(name(by(Preparation::EfficientNetLite), "nhwc"), "short56-bicubic-crop24-even-lite-1");
    let free = OnnxParams::default().with_side_px(42);
    assert_eq!(name(free, "cnn"), "short48-bicubic-crop42-imagenet-1");
    let given = Preparation::Given(PreprocessingParams::clip(20));
    assert_eq!(name(by(given), "cnn"), "short20-bicubic-crop20-openai-1");
}

#[test]
fn a_description_beside_the_model_or_above_its_folder_is_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
    fs::create_dir(folder.path().join("onnx")).expect("made");
    let cnn = fs::read(golden("onnx/cnn.onnx")).expect("committed");
    put("model.onnx", &cnn);
    put("onnx/model.onnx", &cnn);
    let load = |name: &str| OnnxParams::default().load(folder.path().join(name));
    let described = |side: u32| {
        format!(
            r#"{{"image_processor_type": "ViTImageProcessor", "size": {side}, "resample": 2,
                 "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}}"#
        )
    };
    put("preprocessor_config.json", described(30).as_bytes());
    for name in ["model.onnx", "onnx/model.onnx"] {
        let model = load(name).expect("loads");
        assert_eq!(model.identity().preprocessing, "squash30-bilinear-halves-1", "{name}");
    }
    put("onnx/preprocessor_config.json", described(20).as_bytes());
    let model = load("onnx/model.onnx").expect("loads");
    assert_eq!(model.identity().preprocessing, "squash20-bilinear-halves-1", "the nearer one");
    put("preprocessor_config.json", b"{\"size\": 3}");
    let error = refused(load("model.onnx")).to_string();
    assert!(error.contains("preprocessor_config.json: image_processor_type"), "{error}");
    put("preprocessor_config.json", b"\xff\xfe");
    let error = refused(load("model.onnx")).to_string();
    assert!(error.contains("preprocessor_config.json` is corrupt"), "{error}");
}
