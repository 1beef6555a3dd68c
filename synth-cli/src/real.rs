//! The user's own real images, read and looked over before anything is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use synth_core::{Error, Result};
use synth_export::{FolderImages, Groups, LoadedImage, OnBadFile};

/// The real set of a folder.
#[derive(Debug)]
pub(crate) struct RealImages {
    pub(crate) images: Vec<LoadedImage>,
    /// What the user should know of them.
    pub(crate) warnings: Vec<String>,
}

/// What cannot be used, with the key to blame.
pub(crate) type Refused = (&'static str, Error);

const DIR: &str = "real.dir";
const GROUPS: &str = "real.groups";
/// Names in a message.
const NAMED: usize = 5;

impl RealImages {
    /// Reads the images of `dir` with the groups of a file, where one is given.
    pub(crate) fn read(dir: &str, groups: Option<&str>) -> Result<Self, Refused> {
        let root = Path::new(dir);
        let of_dir = |error| (DIR, error);
        let folder = match groups {
            None => FolderImages::default().open(root).map_err(of_dir)?,
            Some(file) => {
                // First without them, so that a fault of the folder is not taken for one of the groups.
                FolderImages { groups: Groups::Each, ..FolderImages::default() }
                    .open(root)
                    .map_err(of_dir)?;
                let groups = Groups::File(groups_path(root, file).map_err(|error| (GROUPS, error))?);
                let folder = FolderImages { groups, ..FolderImages::default() };
                folder.open(root).map_err(|error| (GROUPS, error))?
            }
        };
        let mut warnings: Vec<String> = absent_warning(folder.absent()).into_iter().collect();
        let (images, _) = folder.load_all(OnBadFile::Fail).map_err(of_dir)?;
        if images.len() < 2 {
            let what = format!("a real set (`{dir}`)");
            return Err(of_dir(Error::TooFewSamples { what, needed: 2, got: images.len(), unit: "images" }));
        }
        warnings.extend(copies(dir, &images).map_err(of_dir)?);
        Ok(Self { images, warnings })
    }
}

/// What to say of files that were given a group and are not there.
pub(crate) fn absent_warning(absent: &[String]) -> Option<String> {
    let first: Vec<&str> = absent.iter().take(NAMED).map(String::as_str).collect();
    let more = if absent.len() > NAMED { ", …" } else { "" };
    (!absent.is_empty()).then(|| {
        format!("{} files with a group are no images of the folder: {}{more}", absent.len(), first.join(", "))
    })
}

/// The file of groups: relative to the folder of images where it is there, else as given.
fn groups_path(root: &Path, file: &str) -> Result<PathBuf> {
    let inside = root.join(file);
    let found = [inside.clone(), PathBuf::from(file)].into_iter().find(|path| path.is_file());
    found.ok_or_else(|| {
        let expected = format!("a file in the folder of images ({}) or in this one", inside.display());
        Error::invalid(GROUPS, expected, format!("`{file}`, which is in neither"))
    })
}

/// Refuses a set of which half of all pairs are equal: their median distance is 0, and nothing can be
/// measured in units of it. Fewer copies are told, where they count as independent.
fn copies(dir: &str, images: &[LoadedImage]) -> Result<Option<String>> {
    let keys: Vec<blake3::Hash> = images.par_iter().map(|loaded| pixels_of(&loaded.image)).collect();
    let mut by_pixels: BTreeMap<&[u8; 32], Vec<&LoadedImage>> = BTreeMap::new();
    for (key, image) in keys.iter().zip(images) {
        by_pixels.entry(key.as_bytes()).or_default().push(image);
    }
    let mut equal: Vec<Vec<&LoadedImage>> = by_pixels.into_values().filter(|same| same.len() > 1).collect();
    equal.sort_by(|a, b| b.len().cmp(&a.len()).then(a[0].path.cmp(&b[0].path)));
    let Some(largest) = equal.first() else { return Ok(None) };
    let pairs = |n: usize| n * (n - 1) / 2;
    let (all, copies) = (pairs(images.len()), equal.iter().map(|same| pairs(same.len())).sum::<usize>());
    if copies > all / 2 {
        let reason = format!(
            "{copies} of the {all} pairs of images in `{dir}` are equal ({}), so nothing can be measured; \
             leave out copies",
            names(largest)
        );
        return Err(Error::Unsupported { what: "a real set of copies".into(), reason });
    }
    let counts_twice = |same: &&Vec<&LoadedImage>| same.iter().any(|image| image.group != same[0].group);
    let told: Vec<String> = equal.iter().filter(counts_twice).take(NAMED).map(|same| names(same)).collect();
    Ok((!told.is_empty()).then(|| {
        format!(
            "real images are equal and count as independent: {}; leave out copies, or give them one group",
            told.join("; ")
        )
    }))
}

/// Hash of the pixels in 16-bit RGB, so that a copy in another pixel type is seen.
fn pixels_of(image: &image::DynamicImage) -> blake3::Hash {
    let pixels = image.to_rgb16();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&pixels.width().to_le_bytes());
    for sample in pixels.as_raw() {
        hasher.update(&sample.to_le_bytes());
    }
    hasher.finalize()
}

fn names(same: &[&LoadedImage]) -> String {
    let first: Vec<&str> = same.iter().take(NAMED).map(|image| image.path.as_str()).collect();
    let more = if same.len() > NAMED { format!(" = … ({} in all)", same.len()) } else { String::new() };
    first.join(" = ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(path: &str, group: &str, grey: u8) -> LoadedImage {
        let image = image::GrayImage::from_pixel(4, 4, image::Luma([grey])).into();
        LoadedImage { path: path.into(), group: group.into(), blake3: String::new(), image }
    }

    #[test]
    fn copies_are_refused_where_nothing_can_be_measured_and_told_where_they_count_twice() {
        let set = |greys: &[u8]| -> Vec<LoadedImage> {
            let named = greys.iter().enumerate();
            named.map(|(at, &grey)| image(&format!("{at}.png"), &at.to_string(), grey)).collect()
        };
        assert_eq!(copies("d", &set(&[1, 2, 3])).expect("fine"), None);
        let told = copies("d", &set(&[1, 2, 1, 4])).expect("one pair of six").expect("told");
        assert!(told.contains("0.png = 2.png;"), "{told}");
        let told = copies("d", &set(&[1, 1, 1, 4])).expect("three pairs of six are not more than half");
        assert!(told.is_some());
        let error = copies("d", &set(&[7; 8])).expect_err("all are equal").to_string();
        assert!(error.contains("28 of the 28 pairs") && error.contains("… (8 in all)"), "{error}");
        let one_group = [image("a", "w", 1), image("b", "w", 1), image("c", "x", 5), image("d", "y", 6)];
        assert_eq!(copies("d", &one_group).expect("fine"), None, "they count once");
    }
}
