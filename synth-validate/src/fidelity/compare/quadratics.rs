//! The nulls of the quadratic figures, and the verdict's smallest detectable shift.

use synth_core::distance::Pairwise;
use synth_core::{Cancel, Progress, Result};

use crate::fidelity::design::{Design, Null};
use crate::fidelity::grouped::GroupedRows;
use crate::fidelity::null::{BlockMean, BlockPairs};
use crate::fidelity::principal::PrincipalAxis;
use crate::fidelity::quadratic::Quadratic;
use crate::fidelity::shift::{KEPT_BLOCKS, KeptBlock, LEVEL, smallest_shift};

/// Rows that the principal axis is taken from, at most.
const AXIS_ROWS: usize = 2_000;

/// What relabelling found for several forms on the same blocks.
#[derive(Debug)]
pub(super) struct Nulls {
    /// One per form.
    pub(super) nulls: Vec<Null>,
    /// That of the first form, where it does not find a difference.
    pub(super) smallest_shift: Option<f64>,
}

impl Nulls {
    pub(super) fn of(
        design: &Design,
        forms: &[Quadratic],
        x: &GroupedRows<'_>,
        y: &GroupedRows<'_>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Self> {
        let mut means: Vec<BlockMean> = forms.iter().map(|_| BlockMean::default()).collect();
        let mut kept = Vec::new();
        let pass = Pairwise::new().with_cancel(cancel);
        progress.start("relabelling groups", Some(design.blocks.len() as u64));
        for (number, block) in design.blocks.iter().enumerate() {
            cancel.check()?;
            let pairs = BlockPairs::new(block, x.rows(), y.rows(), &pass)?;
            let mut of_first = Vec::new();
            for (mean, form) in means.iter_mut().zip(forms).rev() {
                of_first = pairs.statistics(block, form);
                mean.add(&of_first);
            }
            if number < KEPT_BLOCKS {
                kept.push(KeptBlock { block, pairs, statistics: of_first });
            }
            progress.advance(1);
        }
        progress.finish();
        let nulls: Vec<Null> = means.iter().map(BlockMean::null).collect();
        cancel.check()?;
        let wanted = forms.first().zip(nulls.first()).filter(|(_, null)| null.p_value > LEVEL);
        let rows = x.rows();
        let some = rows.slice(ndarray::s![..rows.nrows().min(AXIS_ROWS), ..]);
        let smallest_shift = wanted.and_then(|(form, null)| {
            smallest_shift(&kept, design.blocks.len(), form, &PrincipalAxis::of(some)?, null)
        });
        Ok(Self { nulls, smallest_shift })
    }
}
