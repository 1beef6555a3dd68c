//! The side of synth in the comparisons of void generators: times it, or writes its images, for
//! parameter sets and base images given by a script.
//!
//! ```text
//! void_bench time PARAMS.json BASES_DIR raw|labels|png|png_labels REPEATS
//! void_bench dump PARAMS.json BASES_DIR OUT SEED OUTLINE
//! ```
//!
//! `PARAMS.json` is a list of parameter sets, image i from the i-th. `time` runs on one thread and
//! prints JSON: wall and CPU seconds of each repeat, set-up left out, and the bytes made. `dump`
//! writes the images' samples one after the other to `OUT.raw`, and each image's base and labels to
//! `OUT.json`.
#![expect(clippy::print_stdout, reason = "stdout is this program's result")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use std::{env, fs};

use image::DynamicImage;
use synth_benches::cpu_seconds;
use synth_core::{Generator, ItemCodec, ParameterSet, Request, Seed};
use synth_export::PngCodec;
use synth_gen::{BaseImage, Voids, VoidsParams};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Requests per call: one, as the reference program makes one image per call.
const CHUNK: usize = 1;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["time", params, bases, mode, repeats] => time(params, bases, mode, repeats.parse()?),
        ["dump", params, bases, out, seed, outline] => {
            dump(&read_requests(params, seed.parse()?)?, bases, out, outline.parse()?)
        }
        _ => {
            Err("usage: void_bench time PARAMS BASES MODE REPEATS | dump PARAMS BASES OUT SEED OUTLINE"
                .into())
        }
    }
}

fn time(params: &str, bases: &str, mode: &str, repeats: usize) -> Outcome<()> {
    let labels = mode.ends_with("labels");
    let codec = mode.starts_with("png").then_some(PngCodec);
    let voids = VoidsParams { labels, ..VoidsParams::default() }.build(read_bases(bases)?)?;
    let requests = read_requests(params, 1)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        pass(&voids, codec.as_ref(), &requests[..requests.len().min(20)])?;
        let passes: Vec<_> =
            (0..repeats).map(|_| pass(&voids, codec.as_ref(), &requests)).collect::<Outcome<_>>()?;
        let bytes = passes.last().map_or(0, |pass| pass.2);
        let wall: Vec<f64> = passes.iter().map(|pass| pass.0).collect();
        let cpu: Vec<f64> = passes.iter().map(|pass| pass.1).collect();
        println!(
            "{}",
            serde_json::json!({ "images": requests.len(), "wall_s": wall, "cpu_s": cpu, "bytes": bytes })
        );
        Ok(())
    })
}

/// Makes all images once: wall seconds, CPU seconds, bytes.
fn pass(voids: &Voids, codec: Option<&PngCodec>, requests: &[Request]) -> Outcome<(f64, f64, usize)> {
    let (wall, cpu, mut bytes) = (Instant::now(), cpu_seconds()?, 0);
    for chunk in requests.chunks(CHUNK) {
        for sample in voids.generate(chunk)? {
            let sample = sample?;
            bytes += match codec {
                Some(codec) => codec.encode(&sample.item)?.len(),
                None => sample.item.as_bytes().len(),
            };
        }
    }
    Ok((wall.elapsed().as_secs_f64(), cpu_seconds()? - cpu, bytes))
}

fn dump(requests: &[Request], bases: &str, out: &str, outline: f64) -> Outcome<()> {
    let voids = VoidsParams { outline, ..VoidsParams::default() }.build(read_bases(bases)?)?;
    let (mut bytes, mut drawn) = (Vec::new(), Vec::new());
    for sample in voids.generate(requests)? {
        let sample = sample?;
        bytes.extend_from_slice(sample.item.as_bytes());
        drawn.push(serde_json::json!({ "inputs": sample.provenance.inputs, "labels": sample.annotations }));
    }
    fs::write(format!("{out}.raw"), bytes)?;
    Ok(fs::write(format!("{out}.json"), serde_json::to_vec(&drawn)?)?)
}

/// The grey images of a folder, by name.
fn read_bases(folder: &str) -> Outcome<Vec<BaseImage>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Outcome<_>>()?;
    paths.sort();
    let read = |path: &Path| -> Outcome<BaseImage> {
        let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        Ok(BaseImage::new(id.unwrap_or_default(), DynamicImage::ImageLuma8(image::open(path)?.to_luma8())))
    };
    paths.iter().map(|path| read(path)).collect()
}

fn read_requests(path: &str, seed: u64) -> Outcome<Vec<Request>> {
    let sets: Vec<ParameterSet> = serde_json::from_slice(&fs::read(path)?)?;
    let seed = Seed::from_u64(seed).derive("compare");
    Ok(sets.into_iter().zip(0..).map(|(set, index)| Request::new(set, seed, index)).collect())
}
