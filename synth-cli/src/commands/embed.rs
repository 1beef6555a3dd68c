//! `synth embed`: a folder of images as a matrix.

use std::path::Path;

use ndarray::Array2;
use synth_core::{Embedder, Error, Progress};
use synth_export::{
    BadFile, EmbeddedRow, EmbeddingFile, EmbeddingJob, FolderImages, ImageFolder, is_parquet, rows_path,
};

use crate::ahead::for_each_part;
use crate::args::EmbedArguments;
use crate::context::Context;
use crate::failure::{Failure, Hinted};
use crate::models::{self, Chosen, ImageEmbedder};
use crate::real::absent_warning;
use crate::talk::{print, print_json};

/// Images in a stored chunk. Not `--batch-size`: chunks must be the same whatever that is, so that
/// another call can go on with them.
const CHUNK: usize = 256;

const SKIP: &str = "--skip-bad leaves out files that cannot be used";

/// Embeds the images of a folder and writes the matrix with its sidecar.
pub(crate) fn embed(arguments: &EmbedArguments, context: &Context) -> Result<(), Failure> {
    let Chosen { embedder, .. } = context
        .embedder(&arguments.model, arguments.weights.as_deref())
        .hint(&models::flag_hint(&arguments.model))?;
    let folder = FolderImages::default().open(&arguments.dir)?;
    if let Some(warning) = absent_warning(folder.absent()) {
        context.talk.say(format!("warning: {warning}"));
    }
    let work = Work { folder: &folder, embedder: embedder.as_ref(), context, skip_bad: arguments.skip_bad };
    let rows = work.run(arguments).map_err(|failure| {
        if failure.is_interruption() {
            failure.hint("give the same command again to go on; finished chunks are kept")
        } else {
            failure
        }
    })?;
    let out = arguments.out.display().to_string();
    if context.json {
        let sidecar = (!is_parquet(&arguments.out)).then(|| rows_path(&arguments.out).display().to_string());
        let (dim, model) = (embedder.dim(), embedder.identity().to_string());
        print_json(&serde_json::json!({
            "matrix": out, "rows": sidecar, "n": rows, "dim": dim, "embedder": model,
        }))?;
    } else {
        print(&format!("{out}\n"))?;
    }
    context.talk.say(format!("{rows} images, {} numbers each", embedder.dim()));
    Ok(())
}

struct Work<'a> {
    folder: &'a ImageFolder,
    embedder: &'a ImageEmbedder,
    context: &'a Context,
    skip_bad: bool,
}

impl Work<'_> {
    /// Embeds everything; gives the number of rows.
    fn run(&self, arguments: &EmbedArguments) -> Result<usize, Failure> {
        self.report(self.folder.unusable())?;
        // A killed process may have left the matrix already and its chunks still.
        if arguments.out.exists() && !EmbeddingJob::is_unfinished(&arguments.out) {
            return self.keep(&arguments.out);
        }
        let job = EmbeddingJob::open(&arguments.out)?;
        let progress = self.context.talk.progress();
        let n = self.folder.files().len();
        progress.start("embedding", Some(n as u64));
        let (mut rows, mut chunks) = (0, 0);
        for first in (0..n).step_by(CHUNK) {
            rows += self.chunk(chunks, first..n.min(first + CHUNK), &job, progress.as_ref())?;
            chunks += 1;
        }
        progress.finish();
        if rows == 0 {
            let what = format!("the image folder `{}`", self.folder.root().display());
            return Err(Error::TooFewSamples { what, needed: 1, got: 0, unit: "readable image" }.into());
        }
        job.finish(chunks)?;
        Ok(rows)
    }

    /// A matrix that is there already: it is the one asked for, or stays what it is.
    fn keep(&self, out: &Path) -> Result<usize, Failure> {
        let name = out.display().to_string();
        let mut rows = Vec::new();
        for first in (0..self.folder.files().len()).step_by(CHUNK) {
            self.context.cancel.check()?;
            rows.extend(self.rows(first..self.folder.files().len().min(first + CHUNK))?.1);
        }
        let stored = EmbeddingFile::read(out);
        if stored.is_ok_and(|stored| stored.rows() == Some(&rows[..])) {
            self.context.talk.say(format!("{name} has these rows already; nothing to do"));
            return Ok(rows.len());
        }
        let error = Error::AlreadyExists { what: "matrix of other rows", name };
        Err(Failure::from(error).hint("remove it, or choose another place: --out E.npy"))
    }

    fn chunk(
        &self,
        number: usize,
        range: std::ops::Range<usize>,
        job: &EmbeddingJob,
        progress: &dyn Progress,
    ) -> Result<usize, Failure> {
        let (good, rows) = self.rows(range.clone())?;
        if job.has_chunk(number, &rows)? {
            progress.advance(range.len() as u64);
            return Ok(rows.len());
        }
        let mut matrix = Array2::<f32>::zeros((0, self.embedder.dim()));
        for_each_part(self.folder, &good, self.context.batch_size, |part| {
            self.context.cancel.check()?;
            let rows = models::embed_files(self.embedder, self.folder.root(), part)?;
            progress.advance(part.len() as u64);
            matrix
                .append(ndarray::Axis(0), rows.view())
                .map_err(|source| Error::component("joining rows", source))
        })
        .map_err(|error| match error {
            Error::Interrupted => error.into(),
            other => Failure::from(other).hint(SKIP),
        })?;
        progress.advance((range.len() - good.len()) as u64);
        job.save_chunk(number, &rows, matrix.view())?;
        Ok(rows.len())
    }

    /// The readable files of a range, with the rows they will have. Reads every file, but decodes
    /// only where bad ones are to be left out.
    fn rows(&self, range: std::ops::Range<usize>) -> Result<(Vec<usize>, Vec<EmbeddedRow>), Failure> {
        let (mut good, mut rows, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        for index in range {
            let read = if self.skip_bad {
                self.folder.load(index).map(|loaded| loaded.blake3)
            } else {
                self.folder.read_bytes(index).map(|(_, hash)| hash)
            };
            match read {
                Ok(blake3) => {
                    let file = &self.folder.files()[index];
                    let identity = self.embedder.identity().clone();
                    rows.push(EmbeddedRow {
                        path: file.path.clone(),
                        blake3: Some(blake3),
                        group: file.group.clone(),
                        identity,
                    });
                    good.push(index);
                }
                Err(file) => bad.push(file),
            }
        }
        self.report(&bad)?;
        Ok((good, rows))
    }

    /// Names bad files: as warnings where they are to be left out, else the first as an error.
    fn report(&self, bad: &[BadFile]) -> Result<(), Failure> {
        for file in bad {
            let error = file.to_error(self.folder.root());
            if !self.skip_bad {
                return Err(error).hint(SKIP);
            }
            self.context.talk.always(format!("warning: left out: {error}"));
        }
        Ok(())
    }
}
