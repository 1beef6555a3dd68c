//! `synth embed`: a folder of images as a matrix.

use std::ops::Range;
use std::path::Path;

use synth_core::{Embedder, Error, Progress};
use synth_export::{EmbeddedRow, EmbeddingFile, EmbeddingJob, ImageFolder, is_parquet, rows_path};

use crate::args::EmbedArguments;
use crate::bad_files::{self, BadFiles};
use crate::context::Context;
use crate::failure::{Failure, Hinted};
use crate::models::{self, Chosen, ImageEmbedder};
use crate::talk::{print, print_json};

/// Images in a stored chunk. Not `--batch-size`: chunks must be the same whatever that is, so that
/// another call can go on with them.
const CHUNK: usize = 256;

/// Embeds the images of a folder and writes the matrix with its sidecar.
pub(crate) fn embed(arguments: &EmbedArguments, context: &Context) -> Result<(), Failure> {
    let Chosen { embedder, .. } = context
        .embedder(&arguments.model, arguments.weights.as_deref())
        .hint(&models::flag_hint(&arguments.model))?;
    let folder = bad_files::open(&arguments.dir, &context.talk)?;
    let bad = BadFiles::new(&folder, arguments.skip_bad, &context.talk)?;
    let mut work = Work { folder: &folder, embedder: embedder.as_ref(), context, bad };
    let rows = work.run(&arguments.out)?;
    let left_out = work.bad.into_left_out();
    let out = arguments.out.display().to_string();
    if context.json {
        let sidecar = (!is_parquet(&arguments.out)).then(|| rows_path(&arguments.out).display().to_string());
        let (dim, model) = (embedder.dim(), embedder.identity().to_string());
        print_json(&serde_json::json!({
            "matrix": out, "rows": sidecar, "n": rows, "dim": dim, "embedder": model, "left_out": left_out,
        }))?;
    } else {
        print(&format!("{out}\n"))?;
    }
    let left_out = match left_out.len() {
        0 => String::new(),
        n => format!(", {n} left out"),
    };
    context.talk.say(format!("{rows} images, {} numbers each{left_out}", embedder.dim()));
    Ok(())
}

struct Work<'a> {
    folder: &'a ImageFolder,
    embedder: &'a ImageEmbedder,
    context: &'a Context,
    bad: BadFiles<'a>,
}

impl Work<'_> {
    /// Embeds everything; gives the number of rows.
    fn run(&mut self, out: &Path) -> Result<usize, Failure> {
        // A killed process may have left the matrix already and its chunks still.
        if out.exists() && !EmbeddingJob::is_unfinished(out) {
            return self.keep(out);
        }
        let job = EmbeddingJob::open(out)?;
        let made = match self.chunks(&job) {
            Ok((chunks, rows)) => job.finish(chunks).map(|()| rows).map_err(Failure::from),
            Err(failure) => {
                // What went wrong first is what to tell.
                drop(job.leave());
                Err(failure)
            }
        };
        made.map_err(|failure| match EmbeddingJob::is_unfinished(out) {
            true => failure.hint("give the same command again to go on; finished chunks are kept"),
            false => failure,
        })
    }

    /// Numbers of chunks and of rows in them.
    fn chunks(&mut self, job: &EmbeddingJob) -> Result<(usize, usize), Failure> {
        let progress = self.context.talk.progress();
        let n = self.folder.files().len();
        progress.start("embedding", Some(n as u64));
        let (mut rows, mut chunks) = (0, 0);
        for first in (0..n).step_by(CHUNK) {
            rows += self.chunk(chunks, first..n.min(first + CHUNK), job, progress.as_ref())?;
            chunks += 1;
        }
        progress.finish();
        if rows == 0 {
            let what = format!("the image folder `{}`", self.folder.root().display());
            return Err(Error::TooFewSamples { what, needed: 1, got: 0, unit: "readable image" }.into());
        }
        Ok((chunks, rows))
    }

    /// A matrix that is there already: it is the one asked for, or stays what it is.
    fn keep(&mut self, out: &Path) -> Result<usize, Failure> {
        let name = out.display().to_string();
        let (mut rows, n) = (Vec::new(), self.folder.files().len());
        for first in (0..n).step_by(CHUNK) {
            self.context.cancel.check()?;
            rows.extend(self.readable(first..n.min(first + CHUNK))?);
        }
        if let Ok(stored) = EmbeddingFile::read(out)
            && let Some(stored) = stored.rows()
            && self.is_of(stored, &rows)?
        {
            self.context.talk.say(format!("{name} has these rows already; nothing to do"));
            return Ok(stored.len());
        }
        let error = Error::AlreadyExists { what: "matrix of other rows", name };
        Err(Failure::from(error).hint("remove it, or choose another place: --out E.npy"))
    }

    /// Whether a matrix of these rows is one of the readable files: it lacks none but those that the
    /// embedder refuses.
    fn is_of(&mut self, stored: &[EmbeddedRow], readable: &[(usize, EmbeddedRow)]) -> Result<bool, Failure> {
        let mut left = stored.iter().peekable();
        let is_missing = |(_, row): &&(usize, EmbeddedRow)| left.next_if_eq(&row).is_none();
        let missing: Vec<usize> = readable.iter().filter(is_missing).map(|(index, _)| *index).collect();
        if left.next().is_some() {
            return Ok(false);
        }
        let progress = self.context.talk.progress();
        // One by one: the first that is not refused decides.
        for index in missing {
            let (taken, _) = self.bad.embed(self.embedder, &[index], self.context, progress.as_ref())?;
            if !taken.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn chunk(
        &mut self,
        number: usize,
        range: Range<usize>,
        job: &EmbeddingJob,
        progress: &dyn Progress,
    ) -> Result<usize, Failure> {
        let length = range.len() as u64;
        let (good, mut rows): (Vec<usize>, Vec<EmbeddedRow>) = self.readable(range)?.into_iter().unzip();
        if job.has_chunk(number, &rows)? {
            progress.advance(length);
            return Ok(rows.len());
        }
        let (embedded, matrix) = self.bad.embed(self.embedder, &good, self.context, progress)?;
        if embedded.len() < good.len() {
            let named = good.iter().zip(rows).filter(|(index, _)| embedded.binary_search(index).is_ok());
            rows = named.map(|(_, row)| row).collect();
        }
        progress.advance(length - good.len() as u64);
        job.save_chunk(number, &rows, matrix.view())?;
        Ok(rows.len())
    }

    /// The readable files of a range, with the rows they will have.
    fn readable(&mut self, range: Range<usize>) -> Result<Vec<(usize, EmbeddedRow)>, Failure> {
        let (folder, embedder) = (self.folder, self.embedder);
        let row = |(index, blake3): (usize, String)| {
            let (file, identity) = (&folder.files()[index], embedder.identity().clone());
            let (path, group) = (file.path.clone(), file.group.clone());
            (index, EmbeddedRow { path, blake3: Some(blake3), group, identity })
        };
        Ok(self.bad.readable(range)?.into_iter().map(row).collect())
    }
}
