//! EfficientNet-Lite as an embedder. That its numbers are those of the reference is tested beside the
//! network with random weights; here with the published ones, which `examples/fetch_models.sh
//! efficientnet-lite0 photographs` fetches.
//!
//! `SYNTH_REQUIRE_WEIGHTS=1` turns what was not fetched from a skipped test into a failed one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use ndarray::ArrayView1;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, Error, Seed, Stream};
#[cfg(feature = "wgpu")]
use synth_embed::DeviceChoice;
use synth_embed::efficientnet::{EfficientNetLite, EfficientNetLiteParams, Output};
use synth_embed::weights::Checkpoint;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn tiny() -> EfficientNetLite {
    let path = golden("models/efficientnet_lite/model.safetensors");
    EfficientNetLiteParams::default().with_side_px(46).load(path, &Device::flex()).expect("loads")
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
        || -> Box<dyn Embedder<DynamicImage>> { Box::new(tiny()) },
        EmbedderCaps::new(images()).with_constant(DynamicImage::new_luma8(60, 60))
    );
}

#[test]
fn the_identity_tells_model_weights_and_preprocessing() {
    let model = tiny();
    let id = model.identity();
    assert_eq!((id.name.as_str(), model.dim()), ("efficientnet_lite_28x12", 256));
    assert_eq!(id.preprocessing, "short78-bicubic-crop46-even-lite-1");
    assert!(id.weights.is_some());
    let path = golden("models/efficientnet_lite");
    let logits = EfficientNetLiteParams::default().with_side_px(46).with_output(Output::Logits);
    let logits = logits.load(path.join("model.safetensors"), &Device::flex()).expect("loads");
    assert_eq!((logits.identity().name.as_str(), logits.dim()), ("efficientnet_lite_28x12:logits", 7));
}

#[test]
fn a_checkpoint_of_another_model_is_refused_by_name() {
    let load = |path: &Path| {
        let model = EfficientNetLiteParams::default().load(path, &Device::flex());
        model.map(|_| ()).expect_err("refused")
    };
    let error = load(&golden("models/bert/model.safetensors"));
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("bert"), "names the file: {error}");
    let error = EfficientNetLiteParams::default().with_side_px(5000);
    let error = error.load(golden("models/efficientnet_lite/model.safetensors"), &Device::flex());
    assert!(error.map(|_| ()).expect_err("too large").to_string().contains("got 50"));
}

/// One tensor of the tiny checkpoint left out or changed.
#[test]
fn what_does_not_fit_is_named() {
    let bytes = std::fs::read(golden("models/efficientnet_lite/model.safetensors")).expect("there");
    let all = SafeTensors::deserialize(&bytes).expect("safetensors");
    let folder = tempfile::tempdir().expect("a folder");
    let load_with = |name: &str, other: Option<TensorView<'_>>| {
        let path = folder.path().join("model.safetensors");
        let kept = all.tensors().into_iter().filter(|(kept, _)| kept != name);
        let changed = other.map(|view| (name.to_owned(), view));
        serialize_to_file(kept.chain(changed), None, &path).expect("written");
        let params = EfficientNetLiteParams::default().with_side_px(46).with_output(Output::Logits);
        params.load(&path, &Device::flex()).map(|_| ()).expect_err("refused").to_string()
    };
    let missing = |name| load_with(name, None);
    assert!(missing("_blocks.3._bn1.running_var").contains("1 missing (_blocks.3._bn1.running_var)"));
    assert!(missing("_fc.weight").contains("1 missing (_fc.weight)"));
    assert!(missing("_fc.bias").contains("_fc.bias"));
    assert!(missing("_conv_head.weight").contains("model.safetensors` without `_conv_head.weight`"));
    assert!(missing("_blocks.11._depthwise_conv.weight").contains("6 stages"));
    let floats = |count: usize, value: f32| value.to_le_bytes().repeat(count);
    let four = floats(4 * 49, 0.5);
    let seven = TensorView::new(Dtype::F32, vec![4, 1, 7, 7], &four).expect("a tensor");
    let error = load_with("_blocks.1._depthwise_conv.weight", Some(seven));
    assert!(error.contains("`_blocks.1._depthwise_conv.weight` of shape [4, 1, 7, 7]"), "{error}");
    let three = floats(3, 0.5);
    let short = TensorView::new(Dtype::F32, vec![3], &three).expect("a tensor");
    assert!(load_with("_bn0.bias", Some(short)).contains("_bn0.bias"));
    let negative = floats(8, -1.0);
    let negative = TensorView::new(Dtype::F32, vec![8], &negative).expect("a tensor");
    let error = load_with("_bn0.running_var", Some(negative));
    assert!(error.starts_with("`_bn0.running_var` must be variances of at least 0"), "{error}");
}

/// A file that the script fetches.
fn fetched(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data").join(name);
    if path.exists() {
        return Some(path);
    }
    let hint = "examples/fetch_models.sh efficientnet-lite0 photographs";
    let is_required = std::env::var("SYNTH_REQUIRE_WEIGHTS").is_ok_and(|value| value == "1");
    assert!(!is_required, "SYNTH_REQUIRE_WEIGHTS=1, and data/{name} is not there: run {hint}");
    eprintln!("skipped: data/{name} is not there; {hint} fetches it");
    None
}

fn lite0() -> Option<PathBuf> {
    fetched("models/efficientnet-lite0/efficientnet-lite0.pth")
}

fn photographs(names: &[&str]) -> Option<Vec<DynamicImage>> {
    let folder = fetched("photographs")?;
    Some(names.iter().map(|name| image::open(folder.join(name)).expect("an image")).collect())
}

/// What is to be seen on them, as ImageNet numbers it.
const SEEN: [(&str, &[usize]); 6] = [
    ("camera.png", &[872]),            // a tripod
    ("chelsea.png", &[281, 282, 285]), // a cat
    ("china.jpg", &[698]),             // a palace
    ("coffee.png", &[504, 967, 968]),  // a mug, an espresso, a cup
    ("flower.jpg", &[985]),            // a daisy
    ("rocket.jpg", &[657]),            // a missile
];

struct Reference(Vec<u8>);

impl Reference {
    fn open() -> Self {
        Self(std::fs::read(golden("real/efficientnet_lite0.safetensors")).expect("there"))
    }

    fn bytes<const N: usize>(&self, name: &str) -> Vec<[u8; N]> {
        let all = SafeTensors::deserialize(&self.0).expect("safetensors");
        let tensor = all.tensor(name).expect("there");
        tensor.data().chunks(N).map(|chunk| chunk.try_into().expect("whole")).collect()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.bytes(name).into_iter().map(f32::from_le_bytes).collect()
    }
}

#[test]
fn photographs_show_what_they_show() {
    let Some(path) = lite0() else { return };
    let names = SEEN.map(|(name, _)| name);
    let Some(photographs) = photographs(&names) else { return };
    let params = EfficientNetLiteParams::default().with_output(Output::Logits);
    let model = params.load(path, &Device::flex()).expect("loads");
    assert_eq!((model.identity().name.as_str(), model.dim()), ("efficientnet_lite0:logits", 1000));
    let logits = model.embed(&photographs.iter().collect::<Vec<_>>()).expect("embeds");
    let reference = Reference::open();
    for ((name, seen), logits) in SEEN.iter().zip(logits.rows()) {
        let best = (0..1000).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).expect("a class");
        assert!(seen.contains(&best), "{name}: class {best}");
        let classes = reference.bytes(&format!("{name}.top5_classes"));
        let classes: Vec<usize> = classes.into_iter().map(|x| i64::from_le_bytes(x) as usize).collect();
        assert_eq!(best, classes[0], "{name}");
        for (class, expected) in classes.iter().zip(reference.floats(&format!("{name}.top5_logits"))) {
            let tolerance = if name.ends_with(".png") { 1e-3 } else { 0.3 };
            assert!((logits[*class] - expected).abs() < tolerance, "{name}, {class}: {}", logits[*class]);
        }
    }
}

fn cosine(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f64 {
    let dot = |a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Decoders of JPEG differ by a level, so those photographs only come close.
fn check_features(device: &Device, tolerance: f32) {
    let Some(path) = lite0() else { return };
    let names =
        ["astronaut.png", "camera.png", "chelsea.png", "china.jpg", "coffee.png", "flower.jpg", "rocket.jpg"];
    let Some(photographs) = photographs(&names) else { return };
    let model = EfficientNetLiteParams::default().load(path, device).expect("loads");
    assert_eq!(model.identity().preprocessing, "short256-bicubic-crop224-even-lite-1");
    let rows = model.embed(&photographs.iter().collect::<Vec<_>>()).expect("embeds");
    let reference = Reference::open();
    for (name, row) in names.iter().zip(rows.rows()) {
        let expected = reference.floats(&format!("{name}.features"));
        let is_png = name.ends_with(".png");
        let cosine = cosine(row, ArrayView1::from(&expected));
        assert!(cosine >= if is_png { 0.99999 } else { 0.995 }, "{name}: cosine {cosine}");
        let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(*x));
        let difference = row.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        eprintln!("{name}: difference {difference:e} of {largest}, cosine {cosine}");
        assert!(!is_png || difference <= tolerance * largest, "{name}: {difference} of {largest}");
    }
}

#[test]
fn features_of_photographs_equal_the_reference() {
    check_features(&Device::flex(), 1e-4);
}

/// On the software Vulkan driver in CI; `SYNTH_REQUIRE_WGPU=1` makes a missing one a failure.
#[cfg(feature = "wgpu")]
#[test]
fn features_of_photographs_equal_the_reference_on_wgpu() {
    match DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => check_features(&resolved.device, 1e-3),
        Err(error) if std::env::var("SYNTH_REQUIRE_WGPU").is_ok_and(|value| value == "1") => {
            panic!("SYNTH_REQUIRE_WGPU=1, and {error}")
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}

/// The same network with weights as PyTorch draws them before training: convolutions by their number of
/// inputs (He et al. 2015), batch norms that change nothing.
fn write_random_twin(trained: &Path, path: &Path) {
    let checkpoint = Checkpoint::open(trained).expect("opens");
    let mut stream = Seed::from_u64(11).stream(0);
    let mut tensors = BTreeMap::new();
    for name in checkpoint.names().filter(|name| !name.ends_with("num_batches_tracked")) {
        let shape = checkpoint.info(name).expect("listed").shape.clone();
        let count: usize = shape.iter().product();
        let deviation = (2.0 / (count / shape[0]) as f64).sqrt();
        let mut value = || match shape.len() {
            1 if name.ends_with("bias") || name.ends_with("running_mean") => 0.0,
            1 => 1.0,
            _ => (deviation * stream.normal()) as f32,
        };
        let bytes: Vec<u8> = (0..count).flat_map(|_| value().to_le_bytes()).collect();
        tensors.insert(name.to_owned(), (shape, bytes));
    }
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as long as its shape"))
    });
    serialize_to_file(views, None, path).expect("written");
}

/// A piece of the image of 55 to 75 % of each side, half as bright, as a JPEG of quality 30.
fn copied(image: &DynamicImage, stream: &mut Stream) -> DynamicImage {
    let mut part = |length: u32| {
        let kept = (f64::from(length) * (0.55 + 0.2 * stream.unit())) as u32;
        ((f64::from(length - kept) * stream.unit()) as u32, kept)
    };
    let ((x, width), (y, height)) = (part(image.width()), part(image.height()));
    let mut piece = image.crop_imm(x, y, width, height).to_rgb8();
    piece.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|level| level / 2));
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 30).encode_image(&piece).expect("encodes");
    image::load_from_memory(&bytes).expect("decodes")
}

/// Share of the copies, given with the number of their source, whose nearest row is the source's.
fn recall(model: &EfficientNetLite, sources: &[DynamicImage], copies: &[(usize, DynamicImage)]) -> f64 {
    let embed = |images: Vec<&DynamicImage>| model.embed(&images).expect("embeds");
    let sources = embed(sources.iter().collect());
    let rows = embed(copies.iter().map(|(_, image)| image).collect());
    let found = copies.iter().zip(rows.rows()).filter(|((source, _), row)| {
        let near = |source: usize| cosine(*row, sources.row(source));
        (0..sources.nrows()).max_by(|a, b| near(*a).total_cmp(&near(*b))) == Some(*source)
    });
    found.count() as f64 / copies.len() as f64
}

#[test]
fn trained_weights_find_the_sources_of_copies_that_random_ones_do_not() {
    let (Some(path), Some(folder)) = (lite0(), fetched("photographs")) else { return };
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    let sources: Vec<DynamicImage> = names.iter().map(|path| image::open(path).expect("an image")).collect();
    let seed = Seed::from_u64(5);
    let copies: Vec<(usize, DynamicImage)> = (0..4 * sources.len())
        .map(|at| (at / 4, copied(&sources[at / 4], &mut seed.stream(at as u64))))
        .collect();
    let work = tempfile::tempdir().expect("a folder");
    let twin = work.path().join("twin.safetensors");
    write_random_twin(&path, &twin);
    let [trained, random] = [path, twin].map(|path| {
        let model = EfficientNetLiteParams::default().load(path, &Device::flex()).expect("loads");
        recall(&model, &sources, &copies)
    });
    eprintln!("{} copies: recall@1 {trained:.3} trained, {random:.3} random", copies.len());
    assert!(trained >= 0.9 && trained - random >= 0.5, "{trained} {random}");
}
