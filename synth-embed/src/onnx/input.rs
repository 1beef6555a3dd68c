//! The image that a model takes.

use synth_core::{Error, Result};
use tract_onnx::pb::GraphProto;

use super::outlets::{axes, is_float32, length, list, words};

/// More images at once, each of them the same, would only take time and memory.
const MAX_BATCH: usize = 64;

/// Where the channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[batch, 3, height, width]`.
    ChannelsFirst,
    /// `[batch, height, width, 3]`.
    ChannelsLast,
}

/// What the file says of its input.
#[derive(Debug)]
pub(super) struct ImageInput {
    /// For messages: name, numbers, shape.
    pub(super) words: String,
    pub(super) layout: Layout,
    /// Images at once; 1 where the file leaves it open.
    pub(super) batch: usize,
    /// Height and width, px; `None` where the file leaves it open.
    pub(super) sides_px: [Option<usize>; 2],
}

impl ImageInput {
    /// The only input of a graph that was cut down to what its output needs.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for none, several, or one that is no float32 image of three channels.
    pub(super) fn of(graph: &GraphProto, output: &str) -> Result<Self> {
        let [input] = graph.input.as_slice() else {
            let what = format!("output `{output}`");
            let reason = match graph.input.as_slice() {
                [] => "it depends on no input".to_owned(),
                inputs => format!("it needs {}, and an embedder of images has one image", list(inputs)),
            };
            return Err(Error::Unsupported { what, reason });
        };
        let refused = |expected: &str| {
            let reason = format!("an embedder of images needs {expected}");
            Error::Unsupported { what: format!("the input {}", words(input)), reason }
        };
        let [batch, sides @ ..] = axes(input).unwrap_or_default() else {
            return Err(refused("[batch, 3, height, width] or [batch, height, width, 3]"));
        };
        if !is_float32(input) {
            return Err(refused("float32 numbers; let the model's first operator be a Cast, or none"));
        }
        let sides: Vec<Option<usize>> = sides.iter().map(length).collect();
        let (layout, sides_px) = match sides[..] {
            [Some(3), height, width] => (Layout::ChannelsFirst, [height, width]),
            [height, width, Some(3)] => (Layout::ChannelsLast, [height, width]),
            [None, height, width] => (Layout::ChannelsFirst, [height, width]),
            _ => return Err(refused("[batch, 3, height, width] or [batch, height, width, 3]")),
        };
        let batch = length(batch).unwrap_or(1);
        if batch > MAX_BATCH {
            return Err(refused(&format!("a free batch, or a fixed one of at most {MAX_BATCH}")));
        }
        Ok(Self { words: words(input), layout, batch, sides_px })
    }

    /// The shape of what the model gets, at a height and width in pixels.
    pub(super) fn shape(&self, [height, width]: [usize; 2]) -> [usize; 4] {
        match self.layout {
            Layout::ChannelsFirst => [self.batch, 3, height, width],
            Layout::ChannelsLast => [self.batch, height, width, 3],
        }
    }

    /// Whether an image of this height and width goes in.
    pub(super) fn takes(&self, px: [usize; 2]) -> bool {
        self.sides_px.iter().zip(px).all(|(own, side)| own.is_none_or(|own| own == side))
    }
}
