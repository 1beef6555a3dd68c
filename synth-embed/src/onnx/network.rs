//! A model as tract runs it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use synth_core::{Error, Result};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    Datum, Framework, InferenceFact, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, TractResult,
    TypedFact, TypedSimplePlan, tvec,
};

use super::input::{ImageInput, Layout};

/// An image of three channels to a row.
pub(super) struct Network {
    plan: Arc<TypedSimplePlan>,
    input: [usize; 4],
    layout: Layout,
    dim: usize,
}

impl Network {
    /// `px` are height and width, `proto` has one input and one output.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that tract cannot run, with what tract says, or whose output is no
    /// row for each image.
    pub(super) fn new(proto: &ModelProto, input: &ImageInput, px: [usize; 2], path: &Path) -> Result<Self> {
        let shape = input.shape(px);
        let model = guarded(|| {
            let mut model = tract_onnx::onnx().model_for_proto_model(proto)?;
            model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?;
            let model = model.into_typed()?.into_decluttered()?;
            let fact = model.output_fact(0)?.clone();
            Ok((model, fact))
        });
        let refused = |reason: String| Error::Unsupported { what: format!("`{}`", path.display()), reason };
        let failed =
            |message: String| refused(format!("tract, which runs the models, refuses it: {message}"));
        let (model, output) = model.map_err(failed)?;
        let dim = row_len(&output, input.batch).map_err(refused)?;
        let plan = guarded(|| model.into_optimized()?.into_runnable()).map_err(failed)?;
        Ok(Self { plan, input: shape, layout: input.layout, dim })
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// `pixels: [3, height, width]`, of the size that the network was built for, to `[dim]`.
    ///
    /// One image at a time; a model of a fixed batch gets it as often as it takes images, so that a row
    /// cannot depend on its neighbours.
    pub(super) fn forward(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let image = match self.layout {
            Layout::ChannelsFirst => pixels.to_vec(),
            Layout::ChannelsLast => {
                let plane = pixels.len() / 3;
                (0..pixels.len()).map(|at| pixels[at % 3 * plane + at / 3]).collect()
            }
        };
        let rows = guarded(|| {
            let input = Tensor::from_shape(&self.input, &image.repeat(self.input[0]))?;
            let outputs = self.plan.run(tvec![input.into_tvalue()])?;
            let rows = outputs[0].to_plain_array_view::<f32>()?;
            Ok(rows.iter().take(self.dim).copied().collect::<Vec<f32>>())
        });
        rows.map_err(|message| Error::component("running an ONNX model", message))
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Network");
        fields.field("input", &self.input).field("layout", &self.layout).field("dim", &self.dim);
        fields.finish_non_exhaustive()
    }
}

/// What goes wrong in tract, in words. It checks models, but panics on some that break ONNX's rules; the
/// process's panic hook then has its say too.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("it panicked: {}", message.unwrap_or("without a word")))
        }
    }
}

/// The length of a row, or why the output has none.
fn row_len(output: &TypedFact, batch: usize) -> Result<usize, String> {
    let words = || {
        format!(
            "{:?} [{}]",
            output.datum_type,
            output.shape.iter().map(|axis| axis.to_string()).collect::<Vec<_>>().join(", ")
        )
        .to_lowercase()
    };
    if output.datum_type != f32::datum_type() {
        return Err(format!("its output is {}, and an embedding has float32 numbers", words()));
    }
    let found = match output.shape.as_concrete() {
        Some([images, dim]) if *images == batch => Some(*dim),
        Some([images, axes @ ..]) if *images == batch && axes.len() == 3 => {
            let dim = axes.iter().product();
            axes.contains(&dim).then_some(dim)
        }
        _ => None,
    };
    found.filter(|dim| *dim > 0).ok_or_else(|| {
        let expected = "one vector for each image: [batch, dim], or [batch, dim, 1, 1]";
        format!(
            "its output is {}, and an embedder of images needs {expected}; let the model pool it",
            words()
        )
    })
}
