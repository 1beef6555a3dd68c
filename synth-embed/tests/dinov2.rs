//! DINOv2 as an embedder. That its numbers are those of the references is tested beside the network.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, Error};
use synth_embed::dinov2::{Dinov2, Dinov2Params, Output};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models").join(name)
}

fn tiny() -> Dinov2Params {
    Dinov2Params::default().with_side_px(56)
}

fn load(params: &Dinov2Params, name: &str) -> Dinov2 {
    params.load(golden(name).join("model.safetensors"), &Device::flex()).expect("loads")
}

fn images() -> Vec<DynamicImage> {
    let at = |x: u32, y: u32| ((x * 5) ^ (y * 3)) as u8;
    vec![
        RgbImage::from_fn(70, 56, |x, y| Rgb([at(x, y), x as u8, y as u8])).into(),
        GrayImage::from_fn(40, 90, |x, y| Luma([at(y, x)])).into(),
        RgbImage::from_fn(200, 150, |x, y| Rgb([at(y, x), 9, at(x, y)])).into(),
    ]
}

mod laws {
    use super::*;

    synth_core::embedder_conformance!(
        || -> Box<dyn Embedder<DynamicImage>> { Box::new(load(&tiny(), "dinov2_registers")) },
        EmbedderCaps::new(images()).with_constant(DynamicImage::new_luma8(60, 60))
    );
}

#[test]
fn one_set_of_weights_is_one_identity_in_both_layouts_but_for_the_positions() {
    let [hugging_face, meta] = ["dinov2", "dinov2_meta"].map(|name| load(&tiny(), name).identity().clone());
    assert_eq!(hugging_face.weights, meta.weights);
    assert_eq!(hugging_face.name, "dinov2_16x2");
    assert_eq!(hugging_face.preprocessing, "short64-bicubic-crop56-imagenet-1");
    assert_eq!(meta.preprocessing, "short64-bicubic-crop56-imagenet-1-offset0.1");
    let registers = ["dinov2_registers", "dinov2_registers_meta"].map(|name| load(&tiny(), name));
    assert_eq!(registers[0].identity(), registers[1].identity(), "the references agree on these");
    assert_eq!(registers[0].identity().name, "dinov2_16x2_reg");
}

#[test]
fn the_configuration_of_another_model_is_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    std::fs::copy(golden("dinov2").join("model.safetensors"), &path).expect("copied");
    let load = || tiny().load(folder.path(), &Device::flex()).map(|model| model.dim());
    std::fs::write(folder.path().join("config.json"), "{\"hidden_size\": 384, \"num_attention_heads\": 4}")
        .expect("written");
    let error = load().expect_err("16 dimensions").to_string();
    assert!(error.starts_with("`hidden_size` must be 16, as in the weights"), "{error}");
    std::fs::write(folder.path().join("config.json"), "{\"num_attention_heads\": 4}").expect("written");
    assert_eq!(load().expect("loads"), 16);
    std::fs::write(folder.path().join("config.json"), "{").expect("written");
    assert!(load().expect_err("torn").to_string().contains("config.json"));
}

#[test]
fn outputs_are_parts_of_one_another() {
    let images = images();
    let images: Vec<&DynamicImage> = images.iter().collect();
    let rows = |output| {
        let model = load(&tiny().with_output(output), "dinov2_registers");
        let rows = model.embed(&images).expect("embeds");
        assert_eq!(rows.ncols(), model.dim());
        rows
    };
    let (class, mean) = (rows(Output::ClassToken), rows(Output::PatchMean));
    let (both, patches) = (rows(Output::ClassAndPatchMean), rows(Output::Patches));
    for row in 0..images.len() {
        let joined: Vec<f32> = class.row(row).iter().chain(mean.row(row)).copied().collect();
        assert_eq!(both.row(row).to_vec(), joined);
        for (column, mean) in mean.row(row).iter().enumerate() {
            let sum: f64 = patches.row(row).iter().skip(column).step_by(16).map(|x| f64::from(*x)).sum();
            assert!((sum / 16.0 - f64::from(*mean)).abs() < 1e-5, "{sum} {mean}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused_by_name() {
    let load = |params: &Dinov2Params, name: &str| {
        params.load(golden(name).join("model.safetensors"), &Device::flex()).map(|_| ()).expect_err("refused")
    };
    let error = load(&tiny(), "bert");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("bert"), "names the file: {error}");
    let error = load(&tiny().with_heads(3), "dinov2");
    assert_eq!(
        error.to_string(),
        "`num_attention_heads` must be a divisor of 16, the model's dimensions, got 3"
    );
    let error = load(&tiny().with_side_px(60), "dinov2");
    assert!(error.to_string().contains("a multiple of 14, got 60"), "{error}");
}
