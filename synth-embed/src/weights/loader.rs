use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};
use synth_core::{Error, Result};

use super::checkpoint::Checkpoint;
use super::hash::{WeightsHash, WeightsHasher};
use super::layout::Source;
use super::mismatch::Mismatch;
use super::storage::elements;

/// Differences after which a model is not read on.
const MAX_DIFFERENCES: usize = 1000;

type Layout<'a> = Box<dyn Fn(&str) -> Source + 'a>;
type Ignored<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// Reads a model from a checkpoint, and compares the two tensor by tensor.
///
/// # Examples
/// ```
/// use ndarray::ArrayD;
/// use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
/// use synth_core::Result;
/// use synth_embed::weights::{Checkpoint, Loader, Source, Weights};
///
/// struct Linear {
///     weight: ArrayD<f32>,
/// }
///
/// fn linear(weights: &mut Weights<'_>) -> Result<Linear> {
///     Ok(Linear { weight: weights.tensor("weight", &[1, 2])? })
/// }
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let numbers: Vec<u8> = [1.0_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
/// let view = TensorView::new(Dtype::F32, vec![1, 2], &numbers)?;
/// serialize_to_file([("encoder.weight", view)], None, &path)?;
///
/// let checkpoint = Checkpoint::open(&path)?;
/// let loader = Loader::new(&checkpoint).with_layout(|name| Source::tensor(format!("encoder.{name}")));
/// let loaded = loader.load(linear)?;
/// assert_eq!(loaded.model.weight[[0, 1]], -2.0);
///
/// let error = Loader::new(&checkpoint).load(linear).map(|_| ()).expect_err("other names");
/// assert!(error.to_string().contains("1 missing (weight)"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loader<'a> {
    checkpoint: &'a Checkpoint,
    layout: Layout<'a>,
    ignored: Ignored<'a>,
}

impl<'a> Loader<'a> {
    /// Reads `checkpoint` under its own names, every float tensor of which the model must ask for.
    #[must_use]
    pub fn new(checkpoint: &'a Checkpoint) -> Self {
        let layout = Box::new(|name: &str| Source::tensor(name));
        Self { checkpoint, layout, ignored: Box::new(|_name: &str| false) }
    }

    /// Finds what the model asks for where `layout` says.
    #[must_use]
    pub fn with_layout(mut self, layout: impl Fn(&str) -> Source + 'a) -> Self {
        self.layout = Box::new(layout);
        self
    }

    /// Lets the checkpoint hold tensors that the model does not ask for, by the names they have in the
    /// checkpoint: a `mask_token`, the other tower. Tensors of integers (`position_ids`,
    /// `num_batches_tracked`) never need this.
    #[must_use]
    pub fn ignoring(mut self, ignored: impl Fn(&str) -> bool + 'a) -> Self {
        self.ignored = Box::new(ignored);
        self
    }

    /// Builds the model with `build`, which asks for tensors one by one, and then compares.
    ///
    /// Where the checkpoint lacks something, `build` is given zeros so that it goes on and everything
    /// that differs is listed; the model it makes then is dropped. From the first difference on no
    /// numbers are read.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] named `weights` that lists all tensors that are missing, misshapen,
    /// without floats or not asked for, eight of each kind by name; it comes at once where a missing
    /// tensor would be larger than all of the checkpoint, or after 1,000 differences.
    /// [`Error::NonFinite`] for a weight that is NaN or infinite; what [`Checkpoint::read`] and `build`
    /// return.
    pub fn load<M>(&self, build: impl FnOnce(&mut Weights<'_>) -> Result<M>) -> Result<Loaded<M>> {
        let mut weights = Weights {
            loader: self,
            hasher: WeightsHasher::default(),
            mismatch: Mismatch::default(),
            asked: BTreeSet::new(),
        };
        let model = build(&mut weights)?;
        weights.find_extra();
        if weights.mismatch.is_empty() {
            Ok(Loaded { model, hash: weights.hasher.finish() })
        } else {
            Err(weights.difference())
        }
    }
}

impl fmt::Debug for Loader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// A model with the identity of its weights.
#[derive(Clone, Debug)]
pub struct Loaded<M> {
    /// What was built.
    pub model: M,
    /// Of everything that it read.
    pub hash: WeightsHash,
}

/// The tensors of a checkpoint under the names that the model gives them; see [`Loader`].
#[derive(Debug)]
pub struct Weights<'a> {
    loader: &'a Loader<'a>,
    hasher: WeightsHasher,
    mismatch: Mismatch,
    /// Names of the checkpoint.
    asked: BTreeSet<String>,
}

impl Weights<'_> {
    /// The file or index of the checkpoint.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.loader.checkpoint.path()
    }

    /// Whether the checkpoint has the tensor; asking does not count as reading it.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let source = (self.loader.layout)(name);
        !source.names().is_empty()
            && source.names().iter().all(|name| self.loader.checkpoint.info(name).is_some())
    }

    /// The shape of a tensor, if the checkpoint has it; asking does not count as reading it.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let source = (self.loader.layout)(name);
        source.shape(&self.shapes(&source)?)
    }

    fn shapes(&self, source: &Source) -> Option<Vec<&[usize]>> {
        let info = |name: &String| self.loader.checkpoint.info(name).map(|info| info.shape.as_slice());
        source.names().iter().map(info).collect()
    }

    /// A tensor, which must have this shape, in row-major order.
    ///
    /// What is missing or of another shape is remembered for the error of [`Loader::load`], and zeros
    /// are returned.
    ///
    /// # Errors
    /// Those of [`Loader::load`].
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<ArrayD<f32>> {
        let source = (self.loader.layout)(name);
        self.asked.extend(source.names().iter().cloned());
        self.compare(name, shape, &source);
        if !self.mismatch.is_empty() {
            return self.placeholder(shape);
        }
        let tensor = self.read(&source)?;
        if let Some(at) = tensor.iter().position(|value| !value.is_finite()) {
            let what = format!("tensor `{name}` of `{}`", self.loader.checkpoint.path().display());
            return Err(Error::NonFinite { what, at: format!("number {at}, counted row by row from 0") });
        }
        self.hasher.add(name, &tensor);
        Ok(tensor)
    }

    fn compare(&mut self, name: &str, shape: &[usize], source: &Source) {
        let Some(found) = self.shapes(source).filter(|found| !found.is_empty()) else {
            self.mismatch.missing.insert(described(name, source));
            return;
        };
        if source.shape(&found).as_deref() != Some(shape) {
            let found = found.into_iter().map(<[usize]>::to_vec).collect();
            self.mismatch.misshapen.insert(described(name, source), (shape.to_vec(), found));
            return;
        }
        let infos = source.names().iter().filter_map(|name| self.loader.checkpoint.info(name));
        if let Some(dtype) = infos.map(|info| info.dtype).find(|dtype| !dtype.is_readable()) {
            self.mismatch.unreadable.insert(described(name, source), dtype);
        }
    }

    fn placeholder(&self, shape: &[usize]) -> Result<ArrayD<f32>> {
        let fits = elements(shape).is_some_and(|elements| elements <= self.loader.checkpoint.elements());
        if fits && self.mismatch.len() <= MAX_DIFFERENCES {
            Ok(ArrayD::zeros(IxDyn(shape)))
        } else {
            Err(self.difference())
        }
    }

    fn read(&self, source: &Source) -> Result<ArrayD<f32>> {
        let checkpoint = self.loader.checkpoint;
        match source {
            Source::Tensor(name) => checkpoint.read(name),
            Source::Part { name, index, of } => {
                let whole = checkpoint.read(name)?;
                let rows = whole.len_of(Axis(0)) / of;
                let part = Slice::from(index * rows..(index + 1) * rows);
                Ok(whole.slice_axis(Axis(0), part).as_standard_layout().into_owned())
            }
            Source::Stacked(names) => {
                let tensors = names.iter().map(|name| checkpoint.read(name)).collect::<Result<Vec<_>>>()?;
                let views: Vec<_> = tensors.iter().map(|tensor| tensor.view()).collect();
                concatenate(Axis(0), &views).map_err(|error| Error::component("stacking tensors", error))
            }
            Source::Transposed(name) => {
                let matrix = checkpoint.read(name)?.reversed_axes();
                Ok(matrix.as_standard_layout().into_owned())
            }
        }
    }

    fn find_extra(&mut self) {
        let checkpoint = self.loader.checkpoint;
        let is_weight = |name: &str| checkpoint.info(name).is_some_and(|info| !info.dtype.is_integer());
        let extra = checkpoint
            .names()
            .filter(|name| is_weight(name) && !self.asked.contains(*name) && !(self.loader.ignored)(name));
        self.mismatch.extra = extra.map(str::to_owned).collect();
    }

    fn difference(&self) -> Error {
        let got = format!("`{}`: {}", self.loader.checkpoint.path().display(), self.mismatch);
        Error::invalid("weights", "a checkpoint with the tensors of the model", got)
    }
}

/// The model's name of a tensor, and where the checkpoint has it if that differs.
fn described(name: &str, source: &Source) -> String {
    match source {
        Source::Tensor(found) if found == name => name.to_owned(),
        source => format!("{name} from {}", source.names().join(" + ")),
    }
}
