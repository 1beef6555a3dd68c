//! Folders of images some of which cannot be used: refused, or left out and listed.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::Serialize;
use synth_core::{Error, Progress};
use synth_export::{BadFile, FolderImages, IMAGE_EXTENSIONS, ImageFolder, LoadedImage};

use crate::ahead::for_each_part;
use crate::context::Context;
use crate::failure::{Failure, Hinted, is_request};
use crate::models::{self, ImageEmbedder};
use crate::real::absent_warning;
use crate::talk::Talk;

const SKIP: &str = "--skip-bad leaves out files that cannot be used";

/// A file that was left out, as `--json` lists it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LeftOut {
    file: String,
    reason: String,
}

/// What becomes of bad files, and those that were left out.
#[derive(Debug)]
pub(crate) struct BadFiles<'a> {
    folder: &'a ImageFolder,
    skip: bool,
    talk: &'a Talk,
    left_out: Vec<LeftOut>,
}

/// Opens a folder of images and tells what is odd about its groups.
pub(crate) fn open(dir: &Path, talk: &Talk) -> Result<ImageFolder, Failure> {
    let folder = FolderImages::default().open(dir).map_err(|error| match error {
        Error::TooFewSamples { .. } => {
            let endings = IMAGE_EXTENSIONS.map(|extension| format!(".{extension}")).join(", ");
            Failure::from(error).hint(format!("images are files whose names end in {endings}"))
        }
        other => other.into(),
    })?;
    if let Some(warning) = absent_warning(folder.absent()) {
        talk.say(format!("warning: {}: {warning}", dir.display()));
    }
    Ok(folder)
}

impl<'a> BadFiles<'a> {
    /// Begins with the names that cannot be used.
    ///
    /// # Errors
    /// The first of them, unless they are to be left out.
    pub(crate) fn new(folder: &'a ImageFolder, skip: bool, talk: &'a Talk) -> Result<Self, Failure> {
        let mut files = Self { folder, skip, talk, left_out: Vec::new() };
        folder.unusable().iter().try_for_each(|file| files.report(file))?;
        Ok(files)
    }

    /// The readable files of a range with their hashes. Reads every file, but decodes only where bad ones
    /// are to be left out.
    ///
    /// # Errors
    /// The first bad file, unless they are to be left out.
    pub(crate) fn readable(&mut self, range: Range<usize>) -> Result<Vec<(usize, String)>, Failure> {
        let read = |index| match self.skip {
            true => self.folder.load(index).map(|loaded| loaded.blake3),
            false => self.folder.read_bytes(index).map(|(_, hash)| hash),
        };
        let hashes: Vec<Result<String, BadFile>> = range.clone().into_par_iter().map(read).collect();
        let mut readable = Vec::with_capacity(range.len());
        for (index, hash) in range.zip(hashes) {
            match hash {
                Ok(hash) => readable.push((index, hash)),
                Err(file) => self.report(&file)?,
            }
        }
        Ok(readable)
    }

    /// Embeds readable files in their order: those that have rows, and the rows. What the embedder refuses
    /// is a bad file too.
    ///
    /// # Errors
    /// The first bad file, unless they are to be left out; what the embedder returns.
    pub(crate) fn embed(
        &mut self,
        embedder: &ImageEmbedder,
        indices: &[usize],
        context: &Context,
        progress: &dyn Progress,
    ) -> Result<(Vec<usize>, Array2<f32>), Failure> {
        let (folder, mut done) = (self.folder, 0);
        let (mut embedded, mut matrix) =
            (Vec::with_capacity(indices.len()), Array2::zeros((0, embedder.dim())));
        for_each_part(folder, indices, context.batch_size, |part| {
            context.cancel.check()?;
            let (good, rows) = match models::embed_files(embedder, folder.root(), part) {
                Err(error) if self.skip && is_request(&error) => self.embed_singly(embedder, part)?,
                rows => ((0..part.len()).collect(), rows?),
            };
            embedded.extend(good.into_iter().map(|at| indices[done + at]));
            done += part.len();
            progress.advance(part.len() as u64);
            matrix.append(Axis(0), rows.view()).map_err(|source| Error::component("joining rows", source))
        })
        .map_err(|error| match error {
            fault if is_request(&fault) => Failure::from(fault).hint(SKIP),
            other => other.into(),
        })?;
        Ok((embedded, matrix))
    }

    /// Which images of a part the embedder takes, and their rows; the others are left out.
    fn embed_singly(
        &mut self,
        embedder: &ImageEmbedder,
        part: &[LoadedImage],
    ) -> synth_core::Result<(Vec<usize>, Array2<f32>)> {
        let (mut good, mut values) = (Vec::new(), Vec::new());
        for (at, loaded) in part.iter().enumerate() {
            match embedder.embed(&[&loaded.image]) {
                Ok(row) => {
                    good.push(at);
                    values.extend(row);
                }
                Err(error) if is_request(&error) => {
                    self.leave_out(&loaded.path, &format!("cannot be embedded: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        let rows = Array2::from_shape_vec((good.len(), embedder.dim()), values);
        Ok((good, rows.map_err(|source| Error::component("joining rows", source))?))
    }

    /// Those that were left out, in the order in which they were met.
    pub(crate) fn into_left_out(self) -> Vec<LeftOut> {
        self.left_out
    }

    fn report(&mut self, file: &BadFile) -> Result<(), Failure> {
        if !self.skip {
            return Err(file.to_error(self.folder.root())).hint(SKIP);
        }
        self.leave_out(&file.path, &file.reason);
        Ok(())
    }

    fn leave_out(&mut self, path: &str, reason: &str) {
        let file = self.folder.root().join(path).display().to_string();
        self.talk.always(format!("warning: left out: `{file}`: {reason}"));
        self.left_out.push(LeftOut { file, reason: reason.to_owned() });
    }
}
