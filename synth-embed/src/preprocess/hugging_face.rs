//! Reading `preprocessor_config.json`.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Map, Value};
use synth_core::{Error, Result};

use super::filter::Filter;
use super::geometry::{Centering, Crop, Resize};
use super::params::PreprocessingParams;
use crate::whole_file;

/// Real ones have half a kilobyte.
const MAX_BYTES: u64 = 1 << 20;

/// What the image processors that are understood do where a file is silent. Their names in files end
/// in `ImageProcessor`, `ImageProcessorFast`, `ImageProcessorPil` or `FeatureExtractor`.
const FAMILIES: [Family; 5] = [
    Family { stem: "Bit", crops: true, square: false },
    Family { stem: "CLIP", crops: true, square: false },
    Family { stem: "DeiT", crops: true, square: true },
    Family { stem: "Siglip", crops: false, square: true },
    Family { stem: "ViT", crops: false, square: true },
];

#[derive(Clone, Copy, Debug)]
struct Family {
    stem: &'static str,
    /// Whether a centre crop is made unless `do_center_crop` is false.
    crops: bool,
    /// Whether a `size` that is one number means a square rather than the short side.
    square: bool,
}

/// Keys that are read, and keys that do not change the numbers.
const KNOWN: [&str; 22] = [
    "crop_size",
    "do_center_crop",
    "do_normalize",
    "do_rescale",
    "do_resize",
    "feature_extractor_type",
    "image_mean",
    "image_processor_type",
    "image_std",
    "resample",
    "rescale_factor",
    "size",
    "default_to_square",
    // Without effect on an RGB image's numbers, or on what is read here.
    "_valid_processor_keys",
    "auto_map",
    "data_format",
    "device",
    "disable_grouping",
    "do_convert_rgb",
    "input_data_format",
    "processor_class",
    "return_tensors",
];

impl PreprocessingParams {
    /// What a `preprocessor_config.json` of Hugging Face says, in its old form (`"size": 224`) or its
    /// new one (`"size": {"shortest_edge": 224}`); `path` is for messages.
    ///
    /// Understood are the image processors of BiT (DINOv2), CLIP, DeiT, SigLIP and ViT. A crop is
    /// centred by [`Centering::Floor`]. The names ending in `Fast` mean torchvision's resizing of
    /// tensors, which differs from Pillow's, followed here, by a level now and then.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for text that is no JSON object, [`Error::InvalidParam`] naming file and key
    /// for a value that is missing or wrong, [`Error::Unsupported`] for another image processor, another
    /// filter, or a key that is not known and not null or false: it may change the numbers.
    ///
    /// # Examples
    /// ```
    /// use std::path::Path;
    /// use synth_embed::preprocess::PreprocessingParams;
    ///
    /// let path = Path::new("preprocessor_config.json");
    /// let json = r#"{"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224,
    ///     "resample": 3, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    ///     "image_std": [0.26862954, 0.26130258, 0.27577711]}"#;
    /// assert_eq!(PreprocessingParams::from_hugging_face(json, path)?, PreprocessingParams::clip(224));
    ///
    /// let nearest = json.replace("3,", "0,");
    /// let error = PreprocessingParams::from_hugging_face(&nearest, path).unwrap_err().to_string();
    /// assert!(error.starts_with("`resample` 0 (nearest) in `preprocessor_config.json`"), "{error}");
    /// # Ok::<(), synth_core::Error>(())
    /// ```
    ///
    /// # References
    /// transformers 5.23, `image_processing_backends.py` (`PilBackend`) and `image_transforms.py`.
    pub fn from_hugging_face(json: &str, path: &Path) -> Result<Self> {
        let corrupt = |problem| Error::Corrupt { path: path.display().to_string(), problem };
        let value: Value = serde_json::from_str(json).map_err(|error| corrupt(error.to_string()))?;
        let Value::Object(keys) = value else { return Err(corrupt("not a JSON object".to_owned())) };
        let config = Config { keys, path };
        config.refuse_unknown()?;
        config.read(config.family()?)
    }

    /// What the `preprocessor_config.json` in a folder says; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file, [`Error::Corrupt`] for one that is no text or longer than 1 MiB, and as
    /// [`from_hugging_face`](Self::from_hugging_face).
    pub fn described_in(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("preprocessor_config.json");
        match whole_file::read(&path, MAX_BYTES) {
            Ok(json) => {
                let json = String::from_utf8(json).map_err(|error| Error::Corrupt {
                    path: path.display().to_string(),
                    problem: error.to_string(),
                })?;
                Self::from_hugging_face(&json, &path).map(Some)
            }
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Debug)]
struct Config<'a> {
    keys: Map<String, Value>,
    path: &'a Path,
}

impl Config<'_> {
    fn read(&self, family: Family) -> Result<PreprocessingParams> {
        let resizes = self.flag("do_resize", true)?;
        let resize = if resizes { self.resize(family)? } else { Resize::Keep };
        let filter = if resizes { self.filter()? } else { Filter::Bicubic };
        let crops = self.flag("do_center_crop", family.crops)?;
        if crops && !family.crops {
            return Err(self.unsupported("`do_center_crop`", "this image processor makes none"));
        }
        let crop = if crops { Some(self.crop()?) } else { None };
        let scale = match (self.flag("do_rescale", true)?, self.get("rescale_factor")) {
            (false, _) => 1.0,
            (true, None) => 1.0 / 255.0,
            (true, Some(factor)) => {
                factor.as_f64().ok_or_else(|| self.wrong("rescale_factor", "a number", factor))?
            }
        };
        let normalizes = self.flag("do_normalize", true)?;
        let mean = if normalizes { self.channels("image_mean")? } else { [0.0; 3] };
        let std = if normalizes { self.channels("image_std")? } else { [1.0; 3] };
        Ok(PreprocessingParams { resize, filter, crop, centering: Centering::Floor, scale, mean, std })
    }

    /// A key's value; null means that the key is absent.
    fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|value| !value.is_null())
    }

    fn family(&self) -> Result<Family> {
        let key = if self.get("image_processor_type").is_some() {
            "image_processor_type"
        } else {
            "feature_extractor_type"
        };
        let Some(name) = self.get(key) else {
            return Err(self.missing("image_processor_type"));
        };
        let text = name.as_str().ok_or_else(|| self.wrong(key, "a name", name))?;
        let stem = ["ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"]
            .iter()
            .find_map(|ending| text.strip_suffix(ending));
        FAMILIES.into_iter().find(|family| stem == Some(family.stem)).ok_or_else(|| {
            let known = FAMILIES.map(|family| family.stem).join(", ");
            self.unsupported(&format!("`{key}` {text}"), &format!("known are those of {known}"))
        })
    }

    fn refuse_unknown(&self) -> Result<()> {
        let means_something = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        let unknown =
            self.keys.iter().find(|(key, value)| !KNOWN.contains(&key.as_str()) && means_something(value));
        match unknown {
            None => Ok(()),
            Some((key, value)) => {
                let reason = "it may change the numbers; remove it if it does not";
                Err(self.unsupported(&format!("`{key}` {value}"), reason))
            }
        }
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool> {
        self.get(key).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| self.wrong(key, "true or false", value))
        })
    }

    fn resize(&self, family: Family) -> Result<Resize> {
        let size = self.get("size").ok_or_else(|| self.missing("size"))?;
        if let Some(side) = as_side(size) {
            let square = self.flag("default_to_square", family.square)?;
            let exact = Resize::Exact { width: side, height: side };
            return Ok(if square { exact } else { Resize::ShortSide(side) });
        }
        if let Some([width, height]) = as_rectangle(size) {
            return Ok(Resize::Exact { width, height });
        }
        let short =
            size.as_object().filter(|size| size.len() == 1).and_then(|size| size.get("shortest_edge"));
        short.and_then(as_side).map(Resize::ShortSide).ok_or_else(|| {
            self.wrong("size", "a number, {\"shortest_edge\"} or {\"height\", \"width\"}, px", size)
        })
    }

    fn crop(&self) -> Result<Crop> {
        let size = self.get("crop_size").ok_or_else(|| self.missing("crop_size"))?;
        as_side(size)
            .map(|side| [side, side])
            .or_else(|| as_rectangle(size))
            .map(|[width, height]| Crop { width, height })
            .ok_or_else(|| self.wrong("crop_size", "a number or {\"height\", \"width\"}, px", size))
    }

    /// Pillow's numbers of its filters.
    fn filter(&self) -> Result<Filter> {
        let code = self.get("resample").ok_or_else(|| self.missing("resample"))?;
        let other = match code.as_u64() {
            Some(1) => return Ok(Filter::Lanczos),
            Some(2) => return Ok(Filter::Bilinear),
            Some(3) => return Ok(Filter::Bicubic),
            Some(0) => "nearest",
            Some(4) => "box",
            Some(5) => "hamming",
            _ => return Err(self.wrong("resample", "1, 2 or 3", code)),
        };
        let what = format!("`resample` {code} ({other})");
        Err(self.unsupported(&what, "there are 1 (lanczos), 2 (bilinear) and 3 (bicubic)"))
    }

    fn channels(&self, key: &str) -> Result<[f32; 3]> {
        let list = self.get(key).ok_or_else(|| self.missing(key))?;
        let numbers: Option<Vec<f32>> =
            list.as_array().and_then(|list| list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect());
        let three = numbers.and_then(|numbers| <[f32; 3]>::try_from(numbers).ok());
        three.ok_or_else(|| self.wrong(key, "three numbers", list))
    }

    fn missing(&self, key: &str) -> Error {
        Error::invalid(self.named(key), "given", "nothing")
    }

    fn wrong(&self, key: &str, expected: &str, got: &Value) -> Error {
        Error::invalid(self.named(key), expected, got)
    }

    fn named(&self, key: &str) -> String {
        format!("{}: {key}", self.path.display())
    }

    fn unsupported(&self, what: &str, reason: &str) -> Error {
        Error::Unsupported { what: format!("{what} in `{}`", self.path.display()), reason: reason.to_owned() }
    }
}

fn as_side(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok()
}

/// Width and height of `{"height", "width"}` or `[height, width]`.
fn as_rectangle(value: &Value) -> Option<[u32; 2]> {
    let (height, width) = match value {
        Value::Object(size) if size.len() == 2 => (size.get("height")?, size.get("width")?),
        Value::Array(size) if size.len() == 2 => (&size[0], &size[1]),
        _ => return None,
    };
    Some([as_side(width)?, as_side(height)?])
}
