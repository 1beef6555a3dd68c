use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use image::DynamicImage;
use synth_core::{Annotation, Instance, ParameterValue, Segmentation};

use super::blur::Blur;
use super::blur_rows::{SoftRows, UnionMask};
use super::labels::{Labels, Visible};
use super::layout::{Layout, Void, VoidShape};
use super::outline::{Point, trace};
use super::params::VoidsParams;
use super::raster::{FULL, Rasterizer, RowSink};
use super::shade::{Tone, shade};

/// An instance is where the coverage before the blur is at least this.
const INSTANCE_COVERAGE: i32 = FULL / 2;

/// Scratch memory that waits for the next thread.
#[derive(Debug, Default)]
pub(super) struct ScratchPool(Mutex<Vec<Scratch>>);

impl ScratchPool {
    /// Some memory, given back when dropped.
    pub(super) fn borrow(&self) -> Borrowed<'_> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Borrowed { pool: self, scratch: free.unwrap_or_default() }
    }
}

impl Clone for ScratchPool {
    /// A pool of its own: memory is not shared.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Memory borrowed from a pool.
#[derive(Debug)]
pub(super) struct Borrowed<'a> {
    pool: &'a ScratchPool,
    scratch: Scratch,
}

impl Deref for Borrowed<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        &self.scratch
    }
}

impl DerefMut for Borrowed<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        &mut self.scratch
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        // After a panic the memory may be half used: let it go.
        if !std::thread::panicking() {
            let scratch = std::mem::take(&mut self.scratch);
            self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        }
    }
}

/// Memory that one thread uses again from image to image; nothing in it outlives an image.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    polygon: Vec<Point>,
    rasterizer: Rasterizer,
    canvas: Canvas,
    soft: SoftRows,
}

impl Scratch {
    /// Draws all voids into the mask, the topmost first, and returns their labels.
    pub(super) fn lay_down(
        &mut self,
        layout: &Layout,
        size: [u32; 2],
        params: &VoidsParams,
    ) -> Vec<Annotation> {
        let size = size.map(|side| side as usize);
        self.canvas.begin(size, params.labels);
        let mut annotations = Vec::with_capacity(layout.voids.len());
        for void in layout.voids.iter().rev() {
            trace(void, layout.rotation_deg, params.outline, &mut self.polygon);
            let visited = self.rasterizer.fill(&self.polygon, size, &mut self.canvas);
            if params.labels {
                let visible = self.canvas.labels.finish(visited);
                annotations.push(annotation(void, layout.rotation_deg, visible));
            }
        }
        annotations.reverse();
        annotations
    }

    /// Shades what lies under the mask.
    pub(super) fn shade(&mut self, image: &mut DynamicImage, blur: &Blur, tone: Tone) {
        macro_rules! shade_samples {
            ($buffer:expr, $channels:expr) => {{
                let width = $buffer.width() as usize;
                let samples: &mut [_] = &mut *$buffer;
                self.soft.visit(&mut self.canvas.mask, blur, |y, x, alpha| {
                    let first = (y * width + x) * $channels;
                    shade(&mut samples[first..first + alpha.len() * $channels], $channels, alpha, tone);
                });
            }};
        }
        match image {
            DynamicImage::ImageLuma8(buffer) => shade_samples!(buffer, 1),
            DynamicImage::ImageLuma16(buffer) => shade_samples!(buffer, 1),
            DynamicImage::ImageRgb8(buffer) => shade_samples!(buffer, 3),
            DynamicImage::ImageRgb16(buffer) => shade_samples!(buffer, 3),
            _ => unreachable!("invariant: building the generator refused every other pixel type"),
        }
    }
}

/// Where the rasteriser draws.
#[derive(Debug, Default)]
struct Canvas {
    mask: UnionMask,
    labels: Labels,
    labelled: bool,
}

impl Canvas {
    fn begin(&mut self, size: [usize; 2], labelled: bool) {
        self.labelled = labelled;
        self.mask.begin(size);
        if labelled {
            self.labels.begin(size);
        }
    }
}

impl RowSink for Canvas {
    fn begin_row(&mut self, y: usize, from: usize, to: usize) {
        self.mask.begin_row(y, from, to);
    }

    fn cover(&mut self, from: usize, to: usize, coverage: i32) {
        self.mask.cover(from, to, ((coverage * 255 + FULL / 2) / FULL) as u8);
        if self.labelled && coverage >= INSTANCE_COVERAGE {
            self.labels.cover(from, to);
        }
    }

    fn end_row(&mut self, y: usize) {
        if self.labelled {
            self.labels.end_row(y);
        }
    }
}

fn annotation(void: &Void, rotation_deg: f64, visible: Visible) -> Annotation {
    Annotation::Instance(Instance {
        category: "void".to_owned(),
        bbox: visible.bbox,
        area: visible.area,
        visible: visible.area > 0,
        segmentation: Segmentation::Rle(visible.rle),
        attributes: attributes(void, rotation_deg),
    })
}

fn attributes(void: &Void, rotation_deg: f64) -> BTreeMap<String, ParameterValue> {
    let numbers = [
        ("angle_deg", rotation_deg),
        ("centre_x", void.centre[0]),
        ("centre_y", void.centre[1]),
        ("radius", void.radius),
        ("radius_minor", void.radius_minor()),
    ];
    let mut attributes: BTreeMap<String, ParameterValue> =
        numbers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    attributes.insert("shape".to_owned(), void.shape.name().into());
    if void.shape == VoidShape::Irregular {
        let corners = void.corners.iter().enumerate();
        attributes.extend(corners.map(|(at, &radius)| (format!("radius_{at:02}"), radius.into())));
    }
    attributes
}
