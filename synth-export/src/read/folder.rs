use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use image::DynamicImage;
use rayon::prelude::*;
use synth_core::{Error, Result};

use super::groups::{Resolved, is_dataset};
use super::scan::scan;
use super::{DecodeLimits, Groups, decode_image};
use crate::error::chain;
use crate::paths::join;

/// How a folder of images is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderImages {
    /// Whether folders below count. Default true.
    pub recursive: bool,
    /// Which images belong together.
    pub groups: Groups,
    /// How large an image may be.
    pub limits: DecodeLimits,
}

impl Default for FolderImages {
    fn default() -> Self {
        Self { recursive: true, groups: Groups::Auto, limits: DecodeLimits::default() }
    }
}

/// An image of a folder, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Path relative to the folder, with forward slashes: the image's id.
    pub path: String,
    /// What is independent.
    pub group: String,
}

/// An image with the hash of the file it came from.
#[derive(Clone, Debug)]
pub struct LoadedImage {
    /// Path relative to the folder, with forward slashes.
    pub path: String,
    /// What is independent.
    pub group: String,
    /// BLAKE3 of the file's bytes, hexadecimal.
    pub blake3: String,
    /// The pixels, in the file's own type.
    pub image: DynamicImage,
}

/// A file that is called an image and cannot be used as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// Path relative to the folder, with forward slashes.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// What kind of fault that is.
    pub kind: BadFileKind,
}

/// Why a file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFileKind {
    /// A link that leads nowhere.
    BrokenLink,
    /// The system does not give its bytes.
    Unreadable(io::ErrorKind),
    /// Its name or its bytes are no image's.
    NotAnImage,
}

/// What to do about files that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadFile {
    /// The first one, in the order of the paths, is an error.
    #[default]
    Fail,
    /// They are listed beside the good ones.
    Collect,
}

/// The images of a folder: PNG, JPEG, TIFF, BMP and WebP files, in the byte order of their relative
/// paths, read when asked for.
///
/// A folder that synth wrote (`images/` beside `samples.jsonl`) gives the images without the masks.
///
/// # Examples
/// ```
/// use synth_export::{FolderImages, OnBadFile};
/// let directory = tempfile::tempdir()?;
/// image::GrayImage::new(8, 8).save(directory.path().join("b.png"))?;
/// std::fs::write(directory.path().join("a.png"), "this is text")?;
///
/// let folder = FolderImages::default().open(directory.path())?;
/// assert_eq!(folder.files()[1].path, "b.png");
/// let (images, bad) = folder.load_all(OnBadFile::Collect)?;
/// assert_eq!((images.len(), bad.len()), (1, 1));
/// let error = folder.load_all(OnBadFile::Fail).unwrap_err().to_string();
/// assert!(error.contains("a.png") && error.contains("not an image"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    root: PathBuf,
    files: Vec<ImageFile>,
    unusable: Vec<BadFile>,
    absent: Vec<String>,
    limits: DecodeLimits,
}

impl FolderImages {
    /// Lists the images of `root` and finds their groups; reads none.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a folder that does not exist, [`Error::InvalidParam`] for a file in its
    /// place, [`Error::TooFewSamples`] for a folder without any image, [`Error::Corrupt`] for a broken
    /// file of groups or one that lacks an image, [`Error::Io`].
    pub fn open(&self, root: &Path) -> Result<ImageFolder> {
        let start = if is_dataset(root) { "images" } else { "" };
        let found = scan(root, start, self.recursive)?;
        if found.paths.is_empty() && found.bad.is_empty() {
            let what = format!("the image folder `{}`", root.display());
            return Err(Error::TooFewSamples { what, needed: 1, got: 0, unit: "image" });
        }
        let Resolved { groups, unused } = self.groups.resolve(root, &found.paths)?;
        let files = found.paths.into_iter().zip(groups).map(|(path, group)| ImageFile { path, group });
        let (root, files) = (root.to_owned(), files.collect());
        Ok(ImageFolder { root, files, unusable: found.bad, absent: unused, limits: self.limits })
    }
}

impl ImageFolder {
    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The images, in the byte order of their paths.
    #[must_use]
    pub fn files(&self) -> &[ImageFile] {
        &self.files
    }

    /// Files whose names cannot be used.
    #[must_use]
    pub fn unusable(&self) -> &[BadFile] {
        &self.unusable
    }

    /// Files to which the groups were given and which are no images of the folder: most likely a slip.
    #[must_use]
    pub fn absent(&self) -> &[String] {
        &self.absent
    }

    /// The bytes of one image file and their BLAKE3, without decoding.
    ///
    /// # Errors
    /// What is wrong with the file, which must be a regular one and no longer than the limits allow. An index
    /// out of range is [`BadFile`] with an empty path.
    pub fn read_bytes(&self, index: usize) -> Result<(Vec<u8>, String), BadFile> {
        let Some(file) = self.files.get(index) else {
            let reason = format!("no image {index}, the folder has {}", self.files.len());
            return Err(BadFile { path: String::new(), reason, kind: BadFileKind::NotAnImage });
        };
        let place = join(&self.root, &file.path);
        let bytes = read(&place, self.limits.max_file_bytes).map_err(|fault| fault.of(&place, &file.path))?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        Ok((bytes, hash))
    }

    /// Reads and decodes one image.
    ///
    /// # Errors
    /// As [`read_bytes`](Self::read_bytes), or bytes that are no image within the limits.
    pub fn load(&self, index: usize) -> Result<LoadedImage, BadFile> {
        let (bytes, blake3) = self.read_bytes(index)?;
        let ImageFile { path, group } = self.files[index].clone();
        match decode_image(&bytes, None, &self.limits) {
            Ok(image) => Ok(LoadedImage { path, group, blake3, image }),
            Err(error) => Err(BadFile { path, reason: chain(&error), kind: BadFileKind::NotAnImage }),
        }
    }

    /// Reads and decodes some images in parallel; results in the order of the paths.
    #[must_use]
    pub fn load_range(&self, range: Range<usize>) -> Vec<Result<LoadedImage, BadFile>> {
        range.into_par_iter().map(|index| self.load(index)).collect()
    }

    /// Reads and decodes all images: those that are good, and the bad files. Holds them all in memory;
    /// go through a large folder with [`load_range`](Self::load_range).
    ///
    /// # Errors
    /// With [`OnBadFile::Fail`], [`Error::Corrupt`] naming the first bad file.
    pub fn load_all(&self, on_bad: OnBadFile) -> Result<(Vec<LoadedImage>, Vec<BadFile>)> {
        let (mut images, mut bad) = (Vec::new(), self.unusable.clone());
        for result in self.load_range(0..self.files.len()) {
            match result {
                Ok(image) => images.push(image),
                Err(file) => bad.push(file),
            }
        }
        bad.sort_by(|a, b| a.path.cmp(&b.path));
        match bad.first() {
            Some(file) if on_bad == OnBadFile::Fail => Err(file.to_error(&self.root)),
            _ => Ok((images, bad)),
        }
    }
}

impl BadFile {
    /// The same as an error, with the path below `root`.
    #[must_use]
    pub fn to_error(&self, root: &Path) -> Error {
        let path = join(root, &self.path).display().to_string();
        match self.kind {
            BadFileKind::BrokenLink => Error::NotFound { what: "the target of the link", name: path },
            BadFileKind::Unreadable(kind) => {
                Error::Io { action: "reading", path, source: io::Error::new(kind, self.reason.clone()) }
            }
            BadFileKind::NotAnImage => Error::Corrupt { path, problem: self.reason.clone() },
        }
    }
}

/// Why a file gives no bytes.
enum Fault {
    Io(io::Error),
    NotRegular,
    TooLong { bytes: u64, most: u64 },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The bytes of a regular file: a device or pipe might never end.
fn read(place: &Path, most: u64) -> Result<Vec<u8>, Fault> {
    // Before it is opened, which waits where a pipe has no writer.
    let found = fs::metadata(place)?;
    if !found.is_file() {
        return Err(Fault::NotRegular);
    }
    let too_long = |bytes| Fault::TooLong { bytes, most };
    if found.len() > most {
        return Err(too_long(found.len()));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    // It may have grown since.
    File::open(place)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_long(bytes.len() as u64)) } else { Ok(bytes) }
}

impl Fault {
    fn of(self, place: &Path, path: &str) -> BadFile {
        let (kind, reason) = match self {
            Self::NotRegular => (BadFileKind::NotAnImage, "not a regular file".to_owned()),
            Self::TooLong { bytes, most } => {
                (BadFileKind::NotAnImage, format!("{bytes} bytes, more than the {most} that a file may have"))
            }
            Self::Io(error) => match broken_link(place, &error) {
                Some(reason) => (BadFileKind::BrokenLink, reason),
                None => (BadFileKind::Unreadable(error.kind()), error.to_string()),
            },
        };
        BadFile { path: path.to_owned(), reason, kind }
    }
}

/// What to say of a link that leads nowhere: to nothing, or round in a circle.
fn broken_link(place: &Path, error: &io::Error) -> Option<String> {
    let target = fs::read_link(place).ok()?;
    let target = target.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => None,
        io::ErrorKind::NotFound => Some(format!("a link to `{target}`, which does not exist")),
        _ => fs::metadata(place).err().map(|error| format!("a link to `{target}`: {error}")),
    }
}
