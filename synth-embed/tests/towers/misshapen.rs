//! Checkpoints of every family of images with one tensor that is not what it must be: an error that names
//! the file, never a panic, and no memory for lengths that the file only claims.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::{Value, json};
use synth_core::{Error, Result};
use synth_embed::clip::ClipParams;
use synth_embed::dinov2::Dinov2Params;
use synth_embed::efficientnet::EfficientNetLiteParams;
use synth_embed::siglip::SiglipParams;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models").join(name)
}

fn load(family: &str, folder: &Path) -> Result<()> {
    let device = Device::flex();
    match family {
        "clip" | "clip_openai" => ClipParams::default().load_images(folder, &device).map(drop),
        "efficientnet_lite" => {
            EfficientNetLiteParams::default().with_side_px(46).load(folder, &device).map(drop)
        }
        "siglip" => SiglipParams::default().load_images(folder, &device).map(drop),
        _ => Dinov2Params::default().load(folder, &device).map(drop),
    }
}

/// A safetensors file: its header, and its numbers.
struct Parts {
    header: Value,
    data: Vec<u8>,
}

impl Parts {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("committed");
        let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        Self { header: serde_json::from_slice(header).expect("JSON"), data: data.to_vec() }
    }

    fn write(&self, header: &Value, path: &Path) {
        let header = serde_json::to_vec(header).expect("JSON");
        let length = (header.len() as u64).to_le_bytes();
        fs::write(path, [&length[..], &header, &self.data].concat()).expect("writable");
    }

    /// The header with one tensor changed in one way.
    fn faults(&self, name: &str) -> Vec<Value> {
        let entry = &self.header[name];
        let shape: Vec<u64> = serde_json::from_value(entry["shape"].clone()).expect("a shape");
        let changed = |replacement: Option<Value>| {
            let mut header = self.header.clone();
            header["moved"] = header[name].take();
            match replacement {
                Some(replacement) => header[name] = replacement,
                None => drop(header.as_object_mut().expect("tensors").remove(name)),
            }
            header
        };
        let reshaped = |shape: Vec<u64>| {
            let mut header = self.header.clone();
            header[name]["shape"] = json!(shape);
            header
        };
        let empty = |shape: &[u64]| json!({"dtype": "F32", "shape": shape, "data_offsets": [0, 0]});
        // As many axes as before, but the first is empty and the others are as long as can be said.
        let long = |at: usize| if at == 0 { 0 } else { 1 << 20 };
        let mut faults = vec![
            changed(None),
            changed(Some(empty(&[0, 1 << 40]))),
            changed(Some(empty(&(0..shape.len()).map(long).collect::<Vec<_>>()))),
            changed(Some(empty(&(0..shape.len()).rev().map(long).collect::<Vec<_>>()))),
            reshaped([&shape[..], &[1]].concat()),
            reshaped(vec![shape.iter().product()]),
        ];
        if shape.iter().rev().ne(&shape) {
            faults.push(reshaped(shape.iter().rev().copied().collect()));
        }
        // A vector has one shape only.
        faults.retain(|fault| *fault != self.header);
        faults
    }
}

#[test]
fn every_tensor_of_another_shape_is_an_error_that_names_the_file() {
    for family in ["clip", "clip_openai", "dinov2", "dinov2_swiglu_meta", "efficientnet_lite", "siglip"] {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = folder.path().join("model.safetensors");
        let parts = Parts::read(&golden(family).join("model.safetensors"));
        if let Ok(config) = fs::read(golden(family).join("config.json")) {
            fs::write(folder.path().join("config.json"), config).expect("writable");
        }
        parts.write(&parts.header, &path);
        load(family, folder.path()).expect("whole");
        let names = parts.header.as_object().expect("tensors").keys();
        let is_weight =
            |name: &&String| parts.header[*name]["dtype"].as_str().is_some_and(|kind| kind.starts_with('F'));
        for name in names.filter(is_weight) {
            for (at, header) in parts.faults(name).iter().enumerate() {
                parts.write(header, &path);
                match load(family, folder.path()) {
                    Ok(()) => {
                        assert!(may_be_anything(family, name), "{family}: {name} with fault {at} was taken")
                    }
                    Err(error) => assert_is_told(&error, &format!("{family}: {name} with fault {at}")),
                }
            }
        }
    }
}

/// What images do not need: the other tower, the classes, and what masks patches in training.
fn may_be_anything(family: &str, name: &str) -> bool {
    let has_two_towers = family.starts_with("clip") || family == "siglip";
    name.ends_with("mask_token") || name.starts_with("_fc") || has_two_towers && !name.starts_with("vis")
}

fn assert_is_told(error: &Error, fault: &str) {
    let text = error.to_string();
    let is_of_config =
        text.contains("config.json") || text.contains("image_size") || text.contains("num_attention");
    assert!(text.contains("model.safetensors") || is_of_config, "{fault}: {text}");
    assert!(
        matches!(error, Error::Unsupported { .. } | Error::InvalidParam { .. } | Error::Corrupt { .. }),
        "{fault}: {error:?}"
    );
}
