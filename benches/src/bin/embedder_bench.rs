//! Images per second of a neural embedder on the processor, with random weights.
//!
//! `embedder_bench --model dinov2_vits14 --batch 8 --threads 2 --seconds 2` prints a line of JSON;
//! `scripts/compare_embedders.py` sets it beside ONNX Runtime and PyTorch. Preparing the images, of
//! 256 × 256 px, is part of the time; the peers get prepared numbers. Where the system tells it (Linux),
//! `images_per_cpu_second` counts the processor's time of all threads instead of the clock's.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use image::{DynamicImage, Rgb, RgbImage};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use synth_core::{Embedder, Seed, Stream};
use synth_embed::DeviceChoice;
use synth_embed::dinov2::Dinov2Params;
use synth_embed::efficientnet::EfficientNetLiteParams;

const USAGE: &str = "embedder_bench --model dinov2_vits14|dinov2_vitb14|efficientnet_lite0 --batch N \
                     --threads N --seconds S";
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
    let model = random_model(&options.model)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build()?;
    let (speed, of_cpu) = pool.install(|| images_per_second(model.as_ref(), &options))?;
    let mut line = serde_json::json!({
        "model": options.model, "batch": options.batch, "images_per_second": speed,
    });
    if let Some(speed) = of_cpu {
        line["images_per_cpu_second"] = speed.into();
    }
    println!("{line}");
    Ok(())
}

fn random_model(name: &str) -> Result<Box<dyn Embedder<DynamicImage>>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    let device = DeviceChoice::Flex.resolve()?.device;
    if name == "efficientnet_lite0" {
        write_weights(&path, lite0_shapes())?;
        return Ok(Box::new(EfficientNetLiteParams::default().load(&path, &device)?));
    }
    let dim = match name {
        "dinov2_vits14" => 384,
        "dinov2_vitb14" => 768,
        _ => return Err(USAGE.into()),
    };
    write_weights(&path, dinov2_shapes(dim))?;
    Ok(Box::new(Dinov2Params::default().load(&path, &device)?))
}

/// The batch over the median time of the runs, after one to warm up; and the images over the time of
/// all threads.
fn images_per_second(
    model: &dyn Embedder<DynamicImage>,
    options: &Options,
) -> synth_core::Result<(f64, Option<f64>)> {
    let mut stream = Seed::from_u64(1).stream(0);
    let images: Vec<DynamicImage> = (0..options.batch).map(|_| noise(&mut stream)).collect();
    let items: Vec<&DynamicImage> = images.iter().collect();
    model.embed(&items)?;
    let mut times = Vec::new();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    while times.len() < LEAST_RUNS || start.elapsed() < Duration::from_secs_f64(options.seconds) {
        let start = Instant::now();
        model.embed(&items)?;
        times.push(start.elapsed().as_secs_f64());
    }
    let images = (options.batch * times.len()) as f64;
    let of_cpu = cpu.zip(cpu_seconds()).map(|(before, after)| images / (after - before));
    times.sort_by(f64::total_cmp);
    Ok((options.batch as f64 / times[times.len() / 2], of_cpu))
}

/// Of all threads of this program so far.
fn cpu_seconds() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds = threads.map(|thread| {
        let times = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        times.split_whitespace().next()?.parse::<f64>().ok()
    });
    Some(nanoseconds.sum::<Option<f64>>()? * 1e-9)
}

fn noise(stream: &mut Stream) -> DynamicImage {
    RgbImage::from_fn(256, 256, |_, _| Rgb([0; 3].map(|_: u8| (255.0 * stream.unit()) as u8))).into()
}

/// Numbers of the size that networks begin training with, so that what passes through stays finite.
fn write_weights(path: &Path, shapes: Vec<(String, Vec<usize>)>) -> Result<(), Box<dyn Error>> {
    let mut stream = Seed::from_u64(0).stream(0);
    let tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let inputs: usize = shape[1..].iter().product();
            let mut value = || match shape.len() {
                1 => f32::from(!(name.ends_with("bias") || name.ends_with("mean"))),
                _ => ((1.0 / inputs as f64).sqrt() * stream.normal()) as f32,
            };
            let values = (0..count).flat_map(|_| value().to_le_bytes()).collect();
            (name, (shape, values))
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, (shape, values))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), values)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(serialize_to_file(views, None, path)?)
}

/// Under the names of `efficientnet_lite_pytorch`.
fn lite0_shapes() -> Vec<(String, Vec<usize>)> {
    // Blocks, kernel, width after, of each stage.
    const STAGES: [(usize, usize, usize); 7] =
        [(1, 3, 16), (2, 3, 24), (2, 5, 40), (3, 3, 80), (3, 5, 112), (4, 5, 192), (1, 3, 320)];
    let mut shapes = Vec::new();
    let mut add = |layer: String, norm: String, shape: [usize; 4]| {
        shapes.push((format!("{layer}.weight"), shape.to_vec()));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            shapes.push((format!("{norm}.{part}"), vec![shape[0]]));
        }
    };
    add("_conv_stem".into(), "_bn0".into(), [32, 3, 3, 3]);
    let mut width = 32;
    let blocks = STAGES.iter().flat_map(|(count, side, after)| (0..*count).map(move |_| (side, after)));
    for (at, (&side, &after)) in blocks.enumerate() {
        let hidden = if at == 0 { width } else { 6 * width };
        let name = |part: &str| format!("_blocks.{at}.{part}");
        if at > 0 {
            add(name("_expand_conv"), name("_bn0"), [hidden, width, 1, 1]);
        }
        add(name("_depthwise_conv"), name("_bn1"), [hidden, 1, side, side]);
        add(name("_project_conv"), name("_bn2"), [after, hidden, 1, 1]);
        width = after;
    }
    add("_conv_head".into(), "_bn1".into(), [1280, width, 1, 1]);
    shapes
}

/// Under Meta's names.
fn dinov2_shapes(dim: usize) -> Vec<(String, Vec<usize>)> {
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
