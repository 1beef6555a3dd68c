//! In which direction the calibrated distribution misses the real set.

use nalgebra::RowDVector;

use super::action::FeatureBlock;
use super::data::{Generated, Real};
use super::fit::Fit;
use super::record::{CalibrationVerdict, Conclusion, Miss, MissBlock};

/// Samples named, of either kind.
const NAMED: usize = 5;
/// Parts of the embedding put into words.
const WORDED: usize = 3;

pub(crate) fn describe(
    fit: &Fit,
    generated: &Generated,
    real: &Real,
    blocks: &[FeatureBlock],
    verdict: &CalibrationVerdict,
) -> Miss {
    let blocks = block_shifts(fit, generated, real, blocks);
    Miss {
        text: text(&blocks, verdict, fit),
        blocks,
        unlike_real_ids: unlike_real(fit, real),
        unlike_synthetic_ids: unlike_synthetic(fit, generated, real),
    }
}

/// Standardised differences of means by block. From each column's square the share expected by chance
/// alone, 1/groups, is taken away before shares are formed.
fn block_shifts(fit: &Fit, generated: &Generated, real: &Real, blocks: &[FeatureBlock]) -> Vec<MissBlock> {
    let rows = generated.matrix();
    let alpha = &fit.alpha;
    let mean: RowDVector<f64> = alpha.transpose() * &rows;
    let second: RowDVector<f64> = alpha.transpose() * rows.component_mul(&rows);
    let overall = rows.row_variance();
    let real_mean = real.rows.row_mean();
    let chance = 1.0 / real.members.len() as f64;
    let shift = |j: usize| {
        let variance = (second[j] - mean[j] * mean[j]).max(0.1 * overall[j]).max(1e-12);
        (real_mean[j] - mean[j]) / variance.sqrt()
    };
    let mut found: Vec<MissBlock> = blocks
        .iter()
        .filter(|block| !block.columns.is_empty() && block.columns.end <= rows.ncols())
        .map(|block| {
            let shifts: Vec<f64> = block.columns.clone().map(shift).collect();
            let excess: f64 = shifts.iter().map(|z| z * z - chance).sum();
            MissBlock {
                name: block.name.clone(),
                share: excess.max(0.0),
                shift: shifts.iter().sum::<f64>() / shifts.len() as f64,
            }
        })
        .collect();
    let total: f64 = found.iter().map(|block| block.share).sum();
    if total > 0.0 {
        found.iter_mut().for_each(|block| block.share /= total);
    }
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    found
}

fn text(blocks: &[MissBlock], verdict: &CalibrationVerdict, fit: &Fit) -> Vec<String> {
    let mut text = Vec::new();
    let critical = verdict.null_quantiles.iter().find(|(level, _)| *level > 0.98).map(|(_, value)| *value);
    if verdict.conclusion == Conclusion::Distinguishable {
        let clearly = critical.is_some_and(|critical| verdict.statistic > critical);
        let confirmed = fit.winner.is_some() && fit.rival.is_none();
        text.push(
            match (clearly, confirmed) {
                (true, true) => {
                    "the generator cannot reach the real data: even the best distribution found, confirmed on \
                     samples of its own, is clearly distinguishable"
                }
                (true, false) => {
                    "the best distribution found is clearly distinguishable, but nothing has confirmed that it is \
                     the best there is: more iterations may find a better one"
                }
                (false, _) => {
                    "the real data differ from the calibrated distribution's output, though not by much"
                }
            }
            .to_owned(),
        );
    }
    let named: Vec<&MissBlock> = blocks.iter().filter(|block| block.share > 0.0).take(WORDED).collect();
    match (verdict.conclusion, named.is_empty()) {
        (Conclusion::Distinguishable, false) => {}
        (Conclusion::Distinguishable, true) => {
            text.push(
                "no named part of the embedding differs by more than chance; the miss is spread".to_owned(),
            );
        }
        // No test has shown a difference, so none may be read as a direction.
        _ => {
            text.push(
                "no difference is shown; what follows is no larger than chance may give at this n".to_owned(),
            );
        }
    }
    for block in named {
        let more = if block.shift >= 0.0 { "more" } else { "less" };
        text.push(format!(
            "real samples have {more} {} ({:+.2} standard deviations on average; {:.0} % of the difference)",
            block.name,
            block.shift,
            100.0 * block.share
        ));
    }
    text
}

/// Real samples least similar to the calibrated output.
fn unlike_real(fit: &Fit, real: &Real) -> Vec<String> {
    let similarity: Vec<f64> =
        (0..real.len()).map(|i| fit.surrogate.cross.row(i).transpose().dot(&fit.alpha)).collect();
    let order = ascending(&similarity, (0..real.len()).collect());
    order.into_iter().take(NAMED).map(|i| real.embeddings.ids()[i].clone()).collect()
}

/// Of the samples that make up the calibrated output, those least similar to the real set.
fn unlike_synthetic(fit: &Fit, generated: &Generated, real: &Real) -> Vec<String> {
    let mean = 1.0 / generated.len() as f64;
    let near: Vec<usize> = (0..generated.len()).filter(|&j| fit.alpha[j] > mean).collect();
    let similarity: Vec<f64> =
        (0..generated.len()).map(|j| fit.surrogate.cross.column(j).sum() / real.len() as f64).collect();
    ascending(&similarity, near).into_iter().take(NAMED).map(|j| generated.ids[j].clone()).collect()
}

fn ascending(values: &[f64], mut order: Vec<usize>) -> Vec<usize> {
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    order
}
