//! Images per second of a neural embedder on the processor, with random weights.
//!
//! `embedder_bench --model dinov2_vits14 --batch 8 --threads 2 --seconds 2` prints a line of JSON;
//! `scripts/compare_embedders.py` sets it beside ONNX Runtime and PyTorch. Preparing the images, of
//! 256 × 256 px, is part of the time; the peers get prepared numbers.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use image::{DynamicImage, Rgb, RgbImage};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use synth_core::{Embedder, Seed, Stream};
use synth_embed::DeviceChoice;
use synth_embed::dinov2::{Dinov2, Dinov2Params};

const USAGE: &str = "embedder_bench --model dinov2_vits14|dinov2_vitb14 --batch N --threads N --seconds S";
const LAYERS: usize = 12;
const LEAST_RUNS: usize = 3;

struct Options {
    model: String,
    batch: usize,
    threads: usize,
    seconds: f64,
}

impl Options {
    fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self { model: "dinov2_vits14".into(), batch: 8, threads: 1, seconds: 2.0 };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--model" => options.model = value,
                "--batch" => options.batch = value.parse()?,
                "--threads" => options.threads = value.parse()?,
                "--seconds" => options.seconds = value.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }
}

#[expect(clippy::print_stdout, reason = "its output")]
fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let dim = match options.model.as_str() {
        "dinov2_vits14" => 384,
        "dinov2_vitb14" => 768,
        _ => return Err(USAGE.into()),
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    write_weights(&path, dim)?;
    let device = DeviceChoice::Flex.resolve()?.device;
    let model = Dinov2Params::default().load(&path, &device)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let speed = pool.install(|| images_per_second(&model, &options))?;
    let line = serde_json::json!({
        "model": options.model, "batch": options.batch, "images_per_second": speed,
    });
    println!("{line}");
    Ok(())
}

/// The batch over the median time of the runs, after one to warm up.
fn images_per_second(model: &Dinov2, options: &Options) -> synth_core::Result<f64> {
    let mut stream = Seed::from_u64(1).stream(0);
    let images: Vec<DynamicImage> = (0..options.batch).map(|_| noise(&mut stream)).collect();
    let items: Vec<&DynamicImage> = images.iter().collect();
    model.embed(&items)?;
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < LEAST_RUNS || start.elapsed() < Duration::from_secs_f64(options.seconds) {
        let start = Instant::now();
        model.embed(&items)?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(options.batch as f64 / times[times.len() / 2])
}

fn noise(stream: &mut Stream) -> DynamicImage {
    RgbImage::from_fn(256, 256, |_, _| Rgb([0; 3].map(|_: u8| (255.0 * stream.unit()) as u8))).into()
}

/// A checkpoint under Meta's names.
fn write_weights(path: &Path, dim: usize) -> Result<(), Box<dyn Error>> {
    let mut stream = Seed::from_u64(0).stream(0);
    let tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = shapes(dim)
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let values = (0..count).flat_map(|_| (0.05 * stream.normal() as f32).to_le_bytes()).collect();
            (name, (shape, values))
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, (shape, values))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), values)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(serialize_to_file(views, None, path)?)
}

fn shapes(dim: usize) -> Vec<(String, Vec<usize>)> {
    let mut shapes = vec![
        ("cls_token".to_owned(), vec![1, 1, dim]),
        ("pos_embed".to_owned(), vec![1, 1 + 37 * 37, dim]),
        ("patch_embed.proj.weight".to_owned(), vec![dim, 3, 14, 14]),
        ("patch_embed.proj.bias".to_owned(), vec![dim]),
        ("norm.weight".to_owned(), vec![dim]),
        ("norm.bias".to_owned(), vec![dim]),
    ];
    for at in 0..LAYERS {
        let mut add =
            |part: &str, shape: &[usize]| shapes.push((format!("blocks.{at}.{part}"), shape.to_vec()));
        for (layer, outputs, inputs) in [
            ("attn.qkv", 3 * dim, dim),
            ("attn.proj", dim, dim),
            ("mlp.fc1", 4 * dim, dim),
            ("mlp.fc2", dim, 4 * dim),
        ] {
            add(&format!("{layer}.weight"), &[outputs, inputs]);
            add(&format!("{layer}.bias"), &[outputs]);
        }
        for vector in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"] {
            add(vector, &[dim]);
        }
    }
    shapes
}
