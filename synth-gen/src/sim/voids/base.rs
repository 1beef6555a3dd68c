use std::collections::BTreeSet;

use image::DynamicImage;
use synth_core::{Error, Result};

/// Shortest allowed side of a base image, px.
pub(super) const MIN_SIDE_PX: u32 = 32;
/// Longest allowed side of a base image, px.
pub(super) const MAX_SIDE_PX: u32 = 4096;

/// An image without defects, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseImage {
    /// Its name, unique among the generator's bases; the value of the pin `base_image`.
    pub id: String,
    /// 8- or 16-bit grey or RGB, each side 32 to 4096 px. It need not be square.
    pub image: DynamicImage,
}

impl BaseImage {
    /// A base image of this name.
    pub fn new(id: impl Into<String>, image: DynamicImage) -> Self {
        Self { id: id.into(), image }
    }

    fn check(&self) -> Result<()> {
        let name = || format!("base image `{}`", self.id);
        let (width, height) = (self.image.width(), self.image.height());
        let sides = MIN_SIDE_PX..=MAX_SIDE_PX;
        if !(sides.contains(&width) && sides.contains(&height)) {
            let expected = format!("{MIN_SIDE_PX} to {MAX_SIDE_PX} px a side");
            return Err(Error::invalid(name(), expected, format!("{width} × {height} px")));
        }
        match self.image {
            DynamicImage::ImageLuma8(_)
            | DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageRgb8(_)
            | DynamicImage::ImageRgb16(_) => Ok(()),
            _ => {
                let expected = "8- or 16-bit grey or RGB without transparency";
                Err(Error::invalid(name(), expected, format!("{:?}", self.image.color())))
            }
        }
    }
}

/// Checks a pool of base images.
pub(super) fn check_pool(bases: &[BaseImage]) -> Result<()> {
    if bases.is_empty() {
        return Err(Error::invalid("base images", "at least one image", "none"));
    }
    let mut seen = BTreeSet::new();
    for base in bases {
        base.check()?;
        if !seen.insert(base.id.as_str()) {
            return Err(Error::AlreadyExists { what: "base image", name: base.id.clone() });
        }
    }
    Ok(())
}
