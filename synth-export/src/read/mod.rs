//! Reading folders of images.

mod decode;
mod folder;
mod groups;
mod scan;

pub use decode::{DecodeError, DecodeLimits, decode_image};
pub use folder::{BadFile, BadFileKind, FolderImages, ImageFile, ImageFolder, LoadedImage, OnBadFile};
pub use groups::Groups;
pub use scan::IMAGE_EXTENSIONS;
