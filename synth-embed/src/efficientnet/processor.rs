use super::architecture::same_padding;
use super::layers::{BlockLayers, Convolution, Layers};
use crate::nn::Threads;
use crate::nn::convolution::{
    After, Buffers, Depthwise, Layout, Part, Planes, Pointwise, Source, Stem, TILE_PANELS, Target, lanes,
};

/// Places of the depthwise convolution's source that are held at once, so that they stay in the cache.
const SOURCE_PLACES: usize = 2400;
/// Places of a block's result that are made at once.
const RESULT_PLACES: usize = 784;

/// EfficientNet-Lite on the processor's own kernels, up to the mean over the places.
///
/// The wide middle of a block is never whole: a few panels of a band of rows are widened, with zeros
/// around them, and filtered at once.
#[derive(Debug)]
pub(super) struct Processor {
    /// Rows and columns of the image.
    size: [usize; 2],
    stem: Stem,
    /// Rows and columns of the image with zeros around it.
    padded: [usize; 2],
    steps: Vec<Step>,
    head: Pointwise,
    channels: usize,
    of_head: Layout,
    /// Of whole images, and of the middle of blocks.
    buffers: [Buffers; 2],
}

/// A block.
#[derive(Debug)]
struct Step {
    /// The first block has none: what it filters is what the stem makes.
    expand: Option<Pointwise>,
    /// Of what comes in: the first block's source has the channels of the stem.
    source: Layout,
    depthwise: Depthwise,
    /// Zeros above and left of what is filtered.
    before: [usize; 2],
    hidden: Layout,
    project: Pointwise,
    result: Layout,
    is_residual: bool,
}

impl Processor {
    /// For images of this height and width.
    pub(super) fn new(layers: &Layers, size: [usize; 2]) -> Self {
        let stem = Stem::new(&layers.stem.weight, &layers.stem.bias);
        let [rows, columns] = size.map(|length| length.div_ceil(layers.stem.stride));
        let mut source = banded([rows, columns], layers.stem.bias.len(), RESULT_PLACES);
        let mut steps = Vec::with_capacity(layers.blocks.len());
        for block in &layers.blocks {
            let step = Step::new(block, source);
            source = step.result;
            steps.push(step);
        }
        let channels = layers.head.bias.len();
        Self {
            size,
            stem,
            padded: [rows, columns].map(Stem::needs),
            steps,
            head: Pointwise::new(&layers.head.weight, &layers.head.bias),
            channels,
            of_head: banded([source.rows, source.columns], channels, usize::MAX),
            buffers: [Buffers::default(), Buffers::default()],
        }
    }

    /// `pixels: [3, height, width]` to `[channels]`.
    pub(super) fn forward(&self, pixels: &[f32], threads: Threads) -> Vec<f32> {
        let of_planes = (3 * self.padded[0] * self.padded[1]).next_multiple_of(lanes());
        let of_result = self.steps.iter().map(|step| step.result.len()).max().unwrap_or(0);
        let of_hidden = self.steps.iter().map(|step| step.hidden.len()).max().unwrap_or(0);
        let of_hidden = of_hidden.max(self.of_head.len());
        self.buffers[0].with(of_planes + 2 * of_result + of_hidden, |memory| {
            let (planes, memory) = memory.split_at_mut(of_planes);
            let (mut x, memory) = memory.split_at_mut(of_result);
            let (mut y, hidden) = memory.split_at_mut(of_result);
            self.pad(pixels, planes);
            for step in &self.steps {
                step.hidden.for_each_part(TILE_PANELS, hidden, threads, |part, out| {
                    self.buffers[1]
                        .with(step.padded_len(), |padded| self.filter(step, part, [planes, x], padded, out));
                });
                step.result
                    .for_each_part(TILE_PANELS, y, threads, |part, out| step.project(part, hidden, x, out));
                std::mem::swap(&mut x, &mut y);
            }
            self.pooled(x, hidden, threads)
        })
    }

    /// The image with the stem's zeros around it.
    fn pad(&self, pixels: &[f32], planes: &mut [f32]) {
        let [height, width] = self.size;
        let [rows, columns] = self.padded;
        let [top, left] = self.size.map(|length| same_padding(length, 3, 2).0);
        planes.fill(0.0);
        for (plane, pixels) in planes.chunks_mut(rows * columns).zip(pixels.chunks(height * width)) {
            for (line, pixels) in plane.chunks_mut(columns).skip(top).zip(pixels.chunks(width)) {
                line[left..][..width].copy_from_slice(pixels);
            }
        }
    }

    /// Widens and filters: `out` is the part of `step.hidden`.
    fn filter(
        &self,
        step: &Step,
        part: &Part,
        [planes, x]: [&[f32]; 2],
        padded: &mut [f32],
        out: &mut [f32],
    ) {
        let Step { source, depthwise, hidden, .. } = step;
        let (rows, width) = (depthwise.needs(part.rows.len()), depthwise.needs(hidden.columns));
        let panel_step = rows * width * hidden.lanes;
        let start = part.rows.start * depthwise.stride();
        let (first, above) = (start.saturating_sub(step.before[0]), step.before[0].saturating_sub(start));
        let there = first..source.rows.min(first + rows - above);
        let planes = Planes { values: planes, rows: self.padded[0], columns: self.padded[1] };
        let padded = &mut padded[..panel_step * part.panels.len()];
        for panel in padded.chunks_mut(panel_step) {
            step.frame(panel, width, above..above + there.len());
        }
        for row in there {
            let at = ((row + above - first) * width + step.before[1]) * hidden.lanes;
            let target = Target { values: &mut padded[at..], panel_step };
            match &step.expand {
                None => self.stem.apply(part.panels.start, planes, row, source.columns, target),
                Some(expand) => {
                    let from = Source {
                        values: &x[source.row_start(row)..],
                        panel_step: source.panel_step(&source.band_of(row)),
                        places: source.columns,
                    };
                    expand.apply(part.panels.start, from, target, After::Relu6);
                }
            }
        }
        let of_panel = hidden.panel_step(&part.rows);
        for ((panel, from), out) in
            part.panels.clone().zip(padded.chunks(panel_step)).zip(out.chunks_mut(of_panel))
        {
            depthwise.apply(panel, from, out, hidden.columns);
        }
    }

    /// The last convolution, and the mean over the places.
    fn pooled(&self, x: &[f32], hidden: &mut [f32], threads: Threads) -> Vec<f32> {
        let Some(source) = self.steps.last().map(|step| step.result) else { return Vec::new() };
        self.of_head.for_each_part(TILE_PANELS, hidden, threads, |part, out| {
            let panel_step = self.of_head.panel_step(&part.rows);
            multiply(&self.head, part, (&source, x), Target { values: out, panel_step }, |_| After::Relu6);
        });
        let places = self.of_head.rows * self.of_head.columns;
        let lanes = self.of_head.lanes;
        let mut means = Vec::with_capacity(self.of_head.panels() * lanes);
        for panel in hidden[..self.of_head.len()].chunks(places * lanes) {
            let start = means.len();
            means.resize(start + lanes, 0.0);
            for place in panel.chunks(lanes) {
                means[start..].iter_mut().zip(place).for_each(|(sum, value)| *sum += value);
            }
        }
        means.truncate(self.channels);
        means.iter_mut().for_each(|sum| *sum /= places as f32);
        means
    }
}

impl Step {
    fn new(block: &BlockLayers, source: Layout) -> Self {
        let of = block.of;
        let layer = &block.depthwise;
        let depthwise = Depthwise::new(&layer.weight, &layer.bias, of.side, of.stride);
        let [rows, columns] = [source.rows, source.columns].map(|length| length.div_ceil(of.stride));
        let held = SOURCE_PLACES / depthwise.needs(columns);
        let band = (held.saturating_sub(of.side) / of.stride + 1) * columns;
        let pointwise = |layer: &Convolution| Pointwise::new(&layer.weight, &layer.bias);
        Self {
            expand: block.expand.as_ref().map(pointwise),
            source,
            depthwise,
            before: [source.rows, source.columns].map(|length| same_padding(length, of.side, of.stride).0),
            hidden: banded([rows, columns], of.hidden, band),
            project: pointwise(&block.project),
            result: banded([rows, columns], of.outputs, RESULT_PLACES),
            is_residual: of.is_residual(),
        }
    }

    /// Numbers of some panels of a band, widened.
    fn padded_len(&self) -> usize {
        let Layout { columns, band, lanes, .. } = self.hidden;
        TILE_PANELS * self.depthwise.needs(band) * self.depthwise.needs(columns) * lanes
    }

    /// Zeros around the places that are filled: `rows` of `width`, in each the source's columns.
    fn frame(&self, panel: &mut [f32], width: usize, rows: std::ops::Range<usize>) {
        let lanes = self.source.lanes;
        let (left, columns) = (self.before[1] * lanes, self.source.columns * lanes);
        for (row, line) in panel.chunks_mut(width * lanes).enumerate() {
            if rows.contains(&row) {
                line[..left].fill(0.0);
                line[left + columns..].fill(0.0);
            } else {
                line.fill(0.0);
            }
        }
    }

    /// `out` is the part of `result`.
    fn project(&self, part: &Part, hidden: &[f32], x: &[f32], out: &mut [f32]) {
        let target = Target { values: out, panel_step: self.result.panel_step(&part.rows) };
        let residual = self.is_residual.then(|| &x[self.result.part_start(part)..]);
        multiply(&self.project, part, (&self.hidden, hidden), target, |start| {
            residual.map_or(After::Nothing, |residual| After::Add(&residual[start..]))
        });
    }
}

/// A part of a product, piece by piece of its source; `after` of where in the part a piece begins.
fn multiply<'a>(
    layer: &Pointwise,
    part: &Part,
    (layout, values): (&Layout, &[f32]),
    target: Target<'_>,
    after: impl Fn(usize) -> After<'a>,
) {
    for rows in layout.pieces(part.rows.clone()) {
        let start = (rows.start - part.rows.start) * layout.columns * layout.lanes;
        let source = Source {
            values: &values[layout.row_start(rows.start)..],
            panel_step: layout.panel_step(&layout.band_of(rows.start)),
            places: rows.len() * layout.columns,
        };
        let target = Target { values: &mut target.values[start..], panel_step: target.panel_step };
        layer.apply(part.panels.start, source, target, after(start));
    }
}

/// In bands as equal as can be, of at most so many places if a row has no more.
fn banded([rows, columns]: [usize; 2], channels: usize, places: usize) -> Layout {
    let most = (places / columns).clamp(1, rows);
    let band = rows.div_ceil(rows.div_ceil(most));
    Layout { rows, columns, channels, lanes: lanes(), band }
}
