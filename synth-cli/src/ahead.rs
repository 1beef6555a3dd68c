//! Images read and decoded while others are embedded, within bounded memory.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use rayon::prelude::*;
use synth_core::Result;
use synth_export::{ImageFolder, LoadedImage};

/// Decoded pixels in one part, beyond which it takes no more images. Three parts are held at most: one
/// being embedded, one ready, one in the making.
const PART_BYTES: usize = 128 << 20;

/// Gives `work` the images of a folder, in order and in parts of at most `most`; the next part is read and
/// decoded meanwhile.
///
/// # Errors
/// What `work` returns; [`synth_core::Error`] of the first file that cannot be read.
pub(crate) fn for_each_part(
    folder: &ImageFolder,
    indices: &[usize],
    most: usize,
    mut work: impl FnMut(&[LoadedImage]) -> Result<()>,
) -> Result<()> {
    let (sender, parts) = sync_channel(1);
    thread::scope(|scope| {
        scope.spawn(move || load(folder, indices, most.max(1), &sender));
        parts.into_iter().try_for_each(|part: Result<Vec<LoadedImage>>| work(&part?))
    })
}

/// Sends the parts, until one fails or nobody listens any more.
fn load(folder: &ImageFolder, indices: &[usize], most: usize, sender: &SyncSender<Result<Vec<LoadedImage>>>) {
    let mut part = Vec::new();
    for group in indices.chunks(rayon::current_num_threads()) {
        let loaded: Vec<_> = group.par_iter().map(|&index| folder.load(index)).collect();
        for image in loaded {
            match image {
                Ok(image) => part.push(image),
                Err(bad) => return drop(sender.send(Err(bad.to_error(folder.root())))),
            }
            if is_full(&part, most) && sender.send(Ok(std::mem::take(&mut part))).is_err() {
                return;
            }
        }
    }
    if !part.is_empty() {
        drop(sender.send(Ok(part)));
    }
}

fn is_full(part: &[LoadedImage], most: usize) -> bool {
    part.len() >= most || part.iter().map(|loaded| loaded.image.as_bytes().len()).sum::<usize>() >= PART_BYTES
}
