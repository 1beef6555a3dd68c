use image::{DynamicImage, GrayImage};
use ndarray::Array2;
use synth_benches::SIDE_PX;
use synth_core::{Embedder, EmbedderId, Result};

/// The second, fixed embedder: a pixel histogram beside histograms of oriented gradients.
///
/// 32 grey-level frequencies over [0, 255], their square roots; and Dalal & Triggs' descriptor with
/// 28 px cells, 9 unsigned orientations, 2 × 2 cells a block, L2-normalised blocks, divided by the
/// square root of their number so that both parts have about unit length.
#[derive(Debug)]
pub(crate) struct HistHog {
    identity: EmbedderId,
}

const LEVELS: usize = 32;
const ORIENTATIONS: usize = 9;
const CELL_PX: usize = 28;
const CELLS: usize = SIDE_PX as usize / CELL_PX;
const BLOCKS: usize = CELLS - 1;

impl HistHog {
    pub(crate) fn new() -> Self {
        let name = "hist-hog-1".to_owned();
        Self { identity: EmbedderId { name, weights: None, preprocessing: "grey".into() } }
    }

    fn describe(image: &GrayImage) -> Vec<f32> {
        let mut levels = [0.0_f64; LEVELS];
        image.pixels().for_each(|p| levels[usize::from(p.0[0]) * LEVELS / 256] += 1.0);
        let pixels = f64::from(image.width() * image.height());
        let mut row: Vec<f32> = levels.iter().map(|count| (count / pixels).sqrt() as f32).collect();
        let cells = Self::cells(image);
        for by in 0..BLOCKS {
            for bx in 0..BLOCKS {
                let corners = [(by, bx), (by, bx + 1), (by + 1, bx), (by + 1, bx + 1)];
                let block: Vec<f64> = corners.iter().flat_map(|&(y, x)| cells[y * CELLS + x]).collect();
                let length = (block.iter().map(|v| v * v).sum::<f64>() + 1.0).sqrt() * BLOCKS as f64;
                row.extend(block.iter().map(|v| (v / length) as f32));
            }
        }
        row
    }

    /// Gradient magnitudes by orientation in each cell, averaged over its pixels.
    fn cells(image: &GrayImage) -> Vec<[f64; ORIENTATIONS]> {
        let at = |x: u32, y: u32| f64::from(image.get_pixel(x, y).0[0]);
        let mut cells = vec![[0.0; ORIENTATIONS]; CELLS * CELLS];
        for y in 1..image.height() - 1 {
            for x in 1..image.width() - 1 {
                let (gx, gy) = (at(x + 1, y) - at(x - 1, y), at(x, y + 1) - at(x, y - 1));
                let angle = gy.atan2(gx).rem_euclid(std::f64::consts::PI) / std::f64::consts::PI;
                let bin = ((angle * ORIENTATIONS as f64) as usize).min(ORIENTATIONS - 1);
                let cell =
                    (y as usize / CELL_PX).min(CELLS - 1) * CELLS + (x as usize / CELL_PX).min(CELLS - 1);
                cells[cell][bin] += gx.hypot(gy) / (CELL_PX * CELL_PX) as f64;
            }
        }
        cells
    }
}

impl Embedder<DynamicImage> for HistHog {
    fn identity(&self) -> &EmbedderId {
        &self.identity
    }

    fn dim(&self) -> usize {
        LEVELS + BLOCKS * BLOCKS * 4 * ORIENTATIONS
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        let mut rows = Array2::zeros((items.len(), self.dim()));
        for (i, item) in items.iter().enumerate() {
            let row = Self::describe(&item.to_luma8());
            rows.row_mut(i).iter_mut().zip(row).for_each(|(to, from)| *to = from);
        }
        Ok(rows)
    }
}
