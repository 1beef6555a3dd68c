//! Preprocessing against Pillow, transformers and torchvision's arithmetic, equal to the bit.

use std::path::Path;

use image::{DynamicImage, ImageBuffer, Luma};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use synth_core::Error;
use synth_embed::preprocess::{Centering, Crop, Filter, Preprocessing, PreprocessingParams, Resize, resize};

#[derive(Deserialize)]
struct Golden {
    configs: Map<String, Value>,
    resized: Vec<Resized>,
    transformers: Vec<Case>,
    torchvision: Vec<Case>,
}

#[derive(Deserialize)]
struct Resized {
    mode: String,
    size: [u32; 2],
    target: [u32; 2],
    filter: Filter,
    #[serde(flatten)]
    expected: Expected,
}

#[derive(Deserialize)]
struct Case {
    processor: Option<String>,
    preset: Option<String>,
    side: Option<u32>,
    mode: String,
    size: [u32; 2],
    #[serde(flatten)]
    expected: Expected,
}

/// Hash of the numbers in little-endian bytes, and the first of them.
#[derive(Deserialize)]
struct Expected {
    blake3: String,
    head: Vec<f64>,
}

impl Expected {
    fn assert_levels(&self, got: &[u8], what: &str) {
        let head: Vec<f64> = got.iter().take(8).map(|&level| f64::from(level)).collect();
        self.assert(&head, got, what);
    }

    fn assert_numbers(&self, got: &[f32], what: &str) {
        let head: Vec<f64> = got.iter().take(8).map(|&number| f64::from(number)).collect();
        let bytes: Vec<u8> = got.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.assert(&head, &bytes, what);
    }

    fn assert(&self, head: &[f64], bytes: &[u8], what: &str) {
        assert_eq!(head, self.head, "{what}");
        assert_eq!(blake3::hash(bytes).to_hex()[..32], *self.blake3, "{what}");
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("goldens/preprocess.json")).expect("JSON")
}

/// The images of `goldens/make_preprocess.py`; `mode` as there.
fn picture(mode: &str, [width, height]: [u32; 2]) -> DynamicImage {
    let channels = mode.trim_end_matches(['1', '6', 'f']).len() as u32;
    let pixels = || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
    let numbers = pixels().flat_map(|(x, y)| {
        (0..channels)
            .map(move |c| x * 7 + y * 13 + c * 29 + x * y % 251 * 3 + ((x * x + 3 * y * y * (c + 1)) >> 4))
    });
    macro_rules! image {
        ($value:expr) => {
            ImageBuffer::from_raw(width, height, numbers.map($value).collect()).expect("length").into()
        };
    }
    let whole = |n| (n & 255) as u8;
    let deep = |n: u32| (n.wrapping_mul(193) & 65_535) as u16;
    let real = |n: u32| (n & 1023) as f32 / 512.0 - 0.5;
    match mode {
        "L" => DynamicImage::ImageLuma8(image!(whole)),
        "LA" => DynamicImage::ImageLumaA8(image!(whole)),
        "RGB" => DynamicImage::ImageRgb8(image!(whole)),
        "RGBA" => DynamicImage::ImageRgba8(image!(whole)),
        "L16" => DynamicImage::ImageLuma16(image!(deep)),
        "LA16" => DynamicImage::ImageLumaA16(image!(deep)),
        "RGB16" => DynamicImage::ImageRgb16(image!(deep)),
        "RGBA16" => DynamicImage::ImageRgba16(image!(deep)),
        "RGBf" => DynamicImage::ImageRgb32F(image!(real)),
        "RGBAf" => DynamicImage::ImageRgba32F(image!(real)),
        other => panic!("{other} is in no golden"),
    }
}

fn applied(preprocessing: &Preprocessing, image: &DynamicImage) -> Vec<f32> {
    let mut out = vec![f32::NAN; preprocessing.output_len()];
    preprocessing.apply(image, &mut out).expect("an image");
    out
}

#[test]
fn resizing_equals_pillow() {
    for Resized { mode, size, target, filter, expected } in golden().resized {
        let out = resize(&picture(&mode, size), target[0], target[1], filter).expect("sides");
        assert_eq!([out.width(), out.height()], target);
        expected.assert_levels(out.as_bytes(), &format!("{mode} {size:?} to {target:?}, {filter}"));
    }
}

#[test]
fn configurations_of_hugging_face_give_the_numbers_of_transformers() {
    let golden = golden();
    assert_eq!(golden.transformers.len(), 9 * 15);
    for case in golden.transformers {
        let name = case.processor.expect("named");
        let preprocessing = from_config(&golden.configs[&name]).expect("valid").build().expect("valid");
        let out = applied(&preprocessing, &picture(&case.mode, case.size));
        case.expected.assert_numbers(&out, &format!("{name}: {} {:?}", case.mode, case.size));
    }
}

#[test]
fn presets_give_the_numbers_of_torchvision() {
    let golden = golden();
    assert_eq!(golden.torchvision.len(), 5 * 15);
    for case in golden.torchvision {
        let (name, side) = (case.preset.expect("named"), case.side.expect("given"));
        let params = match name.as_str() {
            "dinov2" => PreprocessingParams::dinov2(side),
            "clip" => PreprocessingParams::clip(side),
            "efficientnet_lite" => PreprocessingParams::efficientnet_lite(side),
            other => panic!("{other} is no preset"),
        };
        let preprocessing = params.with_centering(Centering::HalfEven).build().expect("valid");
        let out = applied(&preprocessing, &picture(&case.mode, case.size));
        case.expected.assert_numbers(&out, &format!("{name} {side}: {} {:?}", case.mode, case.size));
    }
}

#[test]
fn presets_are_what_the_checkpoints_say() {
    let configs = golden().configs;
    let read = |name: &str| from_config(&configs[name]).expect("valid");
    assert_eq!(read("dinov2_224"), PreprocessingParams::dinov2(224));
    assert_eq!(read("clip_224"), PreprocessingParams::clip(224));
    assert_eq!(read("clip_336"), PreprocessingParams::clip(336));
    assert_eq!(read("siglip_224"), PreprocessingParams::siglip(224));
}

fn from_config(config: &Value) -> synth_core::Result<PreprocessingParams> {
    PreprocessingParams::from_hugging_face(&config.to_string(), Path::new("model/preprocessor_config.json"))
}

/// As transformers 4.2 wrote it.
fn old_vit() -> Value {
    json!({"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor",
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": 224})
}

#[test]
fn one_number_for_a_size_means_what_its_family_means() {
    let square = Resize::Exact { width: 224, height: 224 };
    assert_eq!(from_config(&old_vit()).expect("valid").resize, square);
    let mut clip = golden().configs["clip_224"].clone();
    clip["size"] = json!(224);
    clip["crop_size"] = json!(224);
    assert_eq!(from_config(&clip).expect("valid"), PreprocessingParams::clip(224));
    clip["default_to_square"] = json!(true);
    assert_eq!(from_config(&clip).expect("valid").resize, square);
}

#[test]
fn keys_that_are_null_are_absent() {
    let mut config = golden().configs["siglip_224"].clone();
    for key in ["do_center_crop", "crop_size", "do_pad", "device", "rescale_factor"] {
        config[key] = Value::Null;
    }
    config["image_processor_type"] = json!("SiglipImageProcessorFast");
    assert_eq!(from_config(&config).expect("valid"), PreprocessingParams::siglip(224));
}

#[test]
fn rejects_configurations_that_it_would_not_follow() {
    let cases = [
        ("resample", json!(4), "`resample` 4 (box) in `model/preprocessor_config.json` is not supported"),
        ("resample", json!("bicubic"), "`model/preprocessor_config.json: resample` must be 1, 2 or 3"),
        ("resample", Value::Null, "resample` must be given, got nothing"),
        ("size", json!({"shortest_edge": 224, "longest_edge": 300}), "size` must be a number"),
        ("size", json!(-3), "size` must be a number"),
        ("crop_size", json!([224]), "crop_size` must be a number"),
        ("image_mean", json!([0.5, 0.5]), "image_mean` must be three numbers, got [0.5,0.5]"),
        ("image_std", json!(0.5), "image_std` must be three numbers"),
        ("do_resize", json!("yes"), "do_resize` must be true or false, got \"yes\""),
        ("rescale_factor", json!("1/255"), "rescale_factor` must be a number"),
        ("do_pad", json!(true), "`do_pad` true in `model/preprocessor_config.json` is not supported"),
        ("rescale_offset", json!(true), "`rescale_offset` true"),
        ("image_processor_type", json!("ConvNextImageProcessor"), "known are those of Bit, CLIP, DeiT"),
        ("image_processor_type", Value::Null, "image_processor_type` must be given"),
    ];
    for (key, value, part) in cases {
        let mut config = golden().configs["clip_224"].clone();
        config[key] = value;
        let error = from_config(&config).expect_err(key).to_string();
        assert!(error.contains(part), "{key}: {error}");
    }
    let mut cropping = golden().configs["siglip_224"].clone();
    cropping["do_center_crop"] = json!(true);
    assert!(matches!(from_config(&cropping), Err(Error::Unsupported { .. })));
    for text in ["", "[1]", "{\"size\": "] {
        let error = PreprocessingParams::from_hugging_face(text, Path::new("a.json")).expect_err("no object");
        assert!(matches!(&error, Error::Corrupt { path, .. } if path == "a.json"), "{error}");
    }
}

#[test]
fn rejects_parameters_out_of_range() {
    let good = PreprocessingParams::default();
    let crop = |width, height| Some(Crop { width, height });
    let bad = [
        (PreprocessingParams { crop: None, ..good.clone() }, "crop"),
        (PreprocessingParams { crop: crop(0, 1), ..good.clone() }, "crop.width"),
        (PreprocessingParams { crop: crop(1, 4097), ..good.clone() }, "crop.height"),
        (PreprocessingParams { resize: Resize::ShortSide(0), ..good.clone() }, "resize.short_side"),
        (
            PreprocessingParams { resize: Resize::Exact { width: 5000, height: 1 }, ..good.clone() },
            "resize.exact.width",
        ),
        (
            PreprocessingParams { resize: Resize::Exact { width: 1, height: 0 }, ..good.clone() },
            "resize.exact.height",
        ),
        (PreprocessingParams { scale: 0.0, ..good.clone() }, "scale"),
        (PreprocessingParams { scale: f64::NAN, ..good.clone() }, "scale"),
        (PreprocessingParams { mean: [0.0, f32::INFINITY, 0.0], ..good.clone() }, "mean"),
        (PreprocessingParams { std: [1.0, 1.0, 0.0], ..good.clone() }, "std"),
        (PreprocessingParams { scale: 1e300, ..good.clone() }, "scale, mean, std"),
    ];
    for (params, field) in bad {
        let error = params.build().expect_err(field);
        assert!(matches!(&error, Error::InvalidParam { name, .. } if name == field), "{field}: {error}");
    }
}

#[test]
fn names_differ_wherever_the_numbers_may() {
    let base = PreprocessingParams::default();
    let crop = |width, height| Some(Crop { width, height });
    let all = [
        base.clone(),
        PreprocessingParams::dinov2(518),
        PreprocessingParams::clip(224),
        PreprocessingParams::clip(336),
        PreprocessingParams::siglip(224),
        PreprocessingParams::efficientnet_lite(224),
        base.clone().with_centering(Centering::HalfEven),
        PreprocessingParams { filter: Filter::Bilinear, ..base.clone() },
        PreprocessingParams { resize: Resize::Keep, ..base.clone() },
        PreprocessingParams { crop: crop(224, 210), ..base.clone() },
        PreprocessingParams { crop: crop(210, 224), ..base.clone() },
        PreprocessingParams { scale: 1.0, ..base.clone() },
        PreprocessingParams { mean: [0.485, 0.456, 0.407], ..base.clone() },
        PreprocessingParams { std: [0.229, 0.224, 0.226], ..base },
    ];
    let mut names: Vec<String> = all.map(|params| params.build().expect("valid").name()).into();
    assert_eq!(names[5], "short256-bicubic-crop224-even-lite-1");
    assert_eq!(
        names[12],
        "short256-bicubic-crop224-x0.00392156862745098m0.485,0.456,0.407s0.229,0.224,0.225-1"
    );
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 14);
}

#[test]
fn parameters_survive_json_and_refuse_typing_errors() {
    for params in [PreprocessingParams::siglip(384), PreprocessingParams::efficientnet_lite(240)] {
        let text = serde_json::to_string(&params).expect("serialises");
        assert_eq!(serde_json::from_str::<PreprocessingParams>(&text).expect("reads back"), params);
    }
    let part: PreprocessingParams =
        serde_json::from_value(json!({"resize": {"short_side": 64}, "filter": "lanczos"})).expect("valid");
    assert_eq!((part.resize, part.filter), (Resize::ShortSide(64), Filter::Lanczos));
    assert!(serde_json::from_value::<PreprocessingParams>(json!({"resise": "keep"})).is_err());
}

#[test]
fn an_image_without_pixels_is_an_error() {
    let empty = DynamicImage::new_rgb8(0, 7);
    assert!(matches!(resize(&empty, 4, 4, Filter::Bicubic), Err(Error::InvalidParam { .. })));
    let preprocessing = Preprocessing::clip(224).expect("valid");
    let mut out = vec![1.0; preprocessing.output_len()];
    assert!(preprocessing.apply(&empty, &mut out).is_err());
    assert!(out.iter().all(|&number| number == 1.0), "unchanged");
}

#[test]
fn extreme_shapes_need_no_more_than_the_crop() {
    // Resized whole, this would be 224 × 7,340,032 px.
    let thread = ImageBuffer::from_fn(1, 32_768, |_, y| Luma([(y / 128) as u8]));
    let preprocessing = Preprocessing::clip(224).expect("valid");
    let out = applied(&preprocessing, &DynamicImage::ImageLuma8(thread));
    let middle = ((128.0 / 255.0_f32) - 0.481_454_66) / 0.268_629_54;
    assert!((out[224 * 150] - middle).abs() < 0.01, "{}", out[224 * 150]);
}

/// As Pillow's `resize`, which copies it.
#[test]
fn an_image_of_the_size_already_is_only_cut() {
    let image = picture("RGB", [61, 47]);
    let same = resize(&image, 61, 47, Filter::Bicubic).expect("resizes");
    assert_eq!(same.as_bytes(), image.to_rgb8().as_raw().as_slice());
    let deep = DynamicImage::from(ImageBuffer::<Luma<u16>, _>::from_fn(8, 8, |x, y| {
        Luma([(x * 8 + y) as u16 * 1000])
    }));
    let same = resize(&deep, 8, 8, Filter::Bicubic).expect("resizes");
    assert_eq!(same.as_bytes(), deep.to_luma8().as_raw().as_slice());
}

#[test]
fn can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug>() {}
    shared::<Preprocessing>();
    shared::<PreprocessingParams>();
}
