//! The verdict: can the real set be told from the calibrated distribution's output?

use nalgebra::{DMatrix, DVector};
use synth_core::{Result, Seed};

use super::data::{Generated, Real};
use super::fit::{Fit, Frame, grouped_std_error};
use super::linear::members;
use super::matching::null_scale;
use super::record::{CalibrationVerdict, Conclusion, FitMethod, Measurement};
use super::worlds::{Judge, Likeness, POOL_ROWS, SHIFTS, Samples, World, Worlds, divergence};

/// Groups below which there is no p-value.
pub(crate) const LEAST_GROUPS: usize = 6;
/// Groups that the test looks at, at most.
const MOST_GROUPS: usize = 300;
const LEVEL: f64 = 0.05;
const POWER: f64 = 0.8;

/// The verdict, and what came out on its way.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: CalibrationVerdict,
    /// Errors of the fit on pseudo-real sets of known truth: fitted − true, in the order of
    /// [`Member::to_vector`].
    pub(crate) errors: Vec<Vec<f64>>,
}

/// Tests the fit by parametric bootstrap: pseudo-real sets of the same groups are drawn through the
/// surrogate from distributions that the real set leaves possible, surrogate and family are fitted anew
/// to each, and the divergence of the real set takes its rank among theirs (Davison & Hinkley 1997,
/// "Bootstrap methods and their application", §4.2.3: parametric tests with fitted parameters).
pub(crate) fn verdict(
    frame: &Frame<'_>,
    fit: &Fit,
    generated: &Generated,
    real: &Real,
    replicates: usize,
    seed: Seed,
) -> Result<Judgement> {
    let groups = real.members.len();
    let unit = null_scale(real);
    let judge = Judge::new(frame, fit, &fit.surrogate.mean, unit);
    let most = (POOL_ROWS / (2 * groups.min(MOST_GROUPS))).max(1);
    let rows: Vec<usize> = real.members.iter().flat_map(|rows| rows.iter().take(most).copied()).collect();
    let samples = Samples { likelihood: &fit.likelihood, gram: &real.gram, cross: &fit.surrogate.cross };
    let group_of: Vec<usize> = rows.iter().map(|&row| real.groups[row]).collect();
    let drawn = measured(fit);
    let (refitted, _) = judge.refitted(&samples, &rows, &group_of);
    let statistic = drawn.map_or(refitted, |drawn| drawn.divergence.value);
    let mut verdict = CalibrationVerdict {
        conclusion: Conclusion::NotTested,
        text: String::new(),
        statistic,
        p_value: None,
        null_quantiles: Vec::new(),
        smallest_detectable_shift: None,
        groups,
        samples: rows.len(),
        replicates: 0,
        notes: Vec::new(),
    };
    if groups > MOST_GROUPS {
        verdict.notes.push(format!(
            "the null is that of {MOST_GROUPS} groups, scaled to {groups}: pseudo-real sets of all groups would \
             take too long; the smallest detectable shift is that of {MOST_GROUPS} groups, so the true one is \
             smaller"
        ));
    }
    if rows.len() < real.len() {
        verdict.notes.push(format!("the test looks at {most} samples of each group at most"));
    }
    let sizes: Vec<usize> =
        real.members.iter().take(MOST_GROUPS).map(|members| members.len().min(most)).collect();
    let shrink = if drawn.is_some() { 1.0 } else { sizes.len() as f64 / groups as f64 };
    let drawn = drawn.map(|drawn| drawn.samples);
    let likeness = Likeness { sizes: &sizes, unit, drawn };
    let worlds = Worlds::new(frame, fit, generated, likeness, seed).explore_all(replicates)?;
    // Errors of few groups shrink with the root of their number.
    let smaller = |error: &Vec<f64>| error.iter().map(|e| e * shrink.sqrt()).collect();
    let errors = worlds.iter().flat_map(|world| world.errors.iter().map(smaller)).collect();
    if groups < LEAST_GROUPS {
        let note = format!(
            "no p-value: {groups} independent real groups, and the test needs at least {LEAST_GROUPS}"
        );
        verdict.text = format!("not tested: {groups} independent real groups are fewer than {LEAST_GROUPS}");
        verdict.notes.push(note);
        return Ok(Judgement { verdict, errors });
    }
    let mut null: Vec<f64> = worlds.iter().flat_map(|world| &world.null).map(|t| t * shrink).collect();
    null.sort_by(f64::total_cmp);
    let above = null.iter().filter(|&&t| t >= statistic).count();
    let p_value = (1 + above) as f64 / (1 + replicates) as f64;
    verdict.null_quantiles = [0.5, 0.9, 0.95, 0.99].map(|level| (level, quantile(&null, level))).to_vec();
    verdict.replicates = replicates;
    verdict.p_value = Some(p_value);
    verdict.smallest_detectable_shift = smallest_shift(&worlds);
    if verdict.smallest_detectable_shift.is_some() {
        verdict.notes.push(
            "the smallest detectable shift is that of a test of the calibrated distribution as it stands; a \
             distribution that is fitted anew, as for the p-value, follows part of a shift"
                .to_owned(),
        );
    }
    verdict.conclusion =
        if p_value <= LEVEL { Conclusion::Distinguishable } else { Conclusion::NotDistinguishable };
    verdict.text = text(verdict.conclusion, verdict.smallest_detectable_shift);
    Ok(Judgement { verdict, errors })
}

/// What samples of its own say of a distribution fitted by mean embedding. That fit is begun from many
/// places and follows the surrogate's errors where they are in its favour, so the surrogate's word on it
/// is not taken: the statistic is measured. A fit by likelihood does not look at the divergence, and its
/// statistic is the surrogate's, which has less noise.
fn measured(fit: &Fit) -> Option<&Measurement> {
    let winner = fit.winner.filter(|_| fit.chosen.method == FitMethod::MeanEmbedding)?;
    fit.measured.get(winner)
}

fn text(conclusion: Conclusion, shift: Option<f64>) -> String {
    match (conclusion, shift) {
        (Conclusion::Distinguishable, _) => "distinguishable".to_owned(),
        (_, Some(shift)) => {
            format!("not distinguishable at this n (smallest detectable shift {shift:.2})")
        }
        (_, None) => {
            "not distinguishable at this n (smallest detectable shift above 1: even the uniform distribution \
             would pass)"
                .to_owned()
        }
    }
}

/// The smallest ε at which (1 − ε)·calibrated + ε·uniform is told from calibrated, as it stands, at
/// 5 % with 80 % power; interpolated between steps.
fn smallest_shift(worlds: &[World]) -> Option<f64> {
    let sets = |step: usize| -> Vec<f64> { worlds.iter().flat_map(|w| w.shifted[step].clone()).collect() };
    let mut null = sets(0);
    null.sort_by(f64::total_cmp);
    let critical = quantile(&null, 1.0 - LEVEL);
    let mut before = (0.0, LEVEL);
    for step in 1..=SHIFTS {
        let shift = step as f64 / SHIFTS as f64;
        let values = sets(step);
        let power = values.iter().filter(|&&t| t > critical).count() as f64 / values.len() as f64;
        if power >= POWER {
            let share = (POWER - before.1) / (power - before.1);
            return Some(before.0 + share * (shift - before.0));
        }
        before = (shift, power);
    }
    None
}

/// Divergence of samples outside the fit, with its standard error over groups.
pub(crate) fn held_out(
    fit: &Fit,
    alpha: &DVector<f64>,
    gram: &DMatrix<f64>,
    cross: &DMatrix<f64>,
    groups: &[usize],
) -> synth_core::Estimate {
    let rows: Vec<usize> = (0..groups.len()).collect();
    let value = divergence(&fit.surrogate.mean.gram, alpha, &rows, gram, cross, groups);
    let n = (rows.len() as f64 - 1.0).max(1.0);
    let influence: Vec<f64> = rows
        .iter()
        .map(|&i| 2.0 * (gram.row(i).sum() - gram[(i, i)]) / n - 2.0 * cross.row(i).transpose().dot(alpha))
        .collect();
    let std_error = grouped_std_error(&influence, &members(groups));
    let ci95 = std_error.map(|se| [value - 1.96 * se, value + 1.96 * se]);
    synth_core::Estimate { value, std_error, ci95, ..synth_core::Estimate::default() }
}

fn quantile(sorted: &[f64], level: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = level * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}
