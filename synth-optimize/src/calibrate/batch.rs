//! Which parameter sets to measure next.

use nalgebra::{DMatrix, DVector};
use synth_core::{ParameterSet, Result, Seed};

use super::axes::{Axes, AxisKind, Points, raw_from_unit};
use super::family::{Member, draw_points};
use super::fit::{Fit, Frame};
use super::linear::spd_inverse;
use super::record::TrialOrigin;
use crate::distinct::Seen;
use crate::{Encoding, SobolSequence};

/// Candidates among which the least sure is looked for.
const CANDIDATES: u64 = 512;
/// Points that stand for the calibrated distribution in the design criterion.
const TARGETS: u64 = 256;
/// Ridge of the design criterion, as the emulator's typical one.
const RIDGE: f64 = 3.0;

/// A chosen set with the reason.
pub(crate) type Chosen = (ParameterSet, TrialOrigin);

/// Half of `count` sets are drawn from the calibrated distribution, so that its output is measured
/// itself; the rest are those that lessen most the surrogate's variance averaged over the calibrated
/// distribution (I-optimal design; Cohn, Ghahramani & Jordan 1996, "Active learning with statistical
/// models", J. Artif. Intell. Res. 4, §2), one after the other, each counted as measured for the next.
///
/// For the polynomial basis b(θ) with A = Σ b bᵀ + ridge and Q = E_φ[b bᵀ], measuring θ with r samples
/// lowers the averaged variance by bᵀA⁻¹QA⁻¹b / (1/r + bᵀA⁻¹b).
pub(crate) fn active(
    frame: &Frame<'_>,
    fit: &Fit,
    encoding: &Encoding,
    seen: &mut Seen,
    count: usize,
    replications: usize,
    seed: Seed,
) -> Result<Vec<Chosen>> {
    let sequence = SobolSequence::new(encoding.dim().max(1), seed.derive("calibrated"));
    let mut chosen = Vec::with_capacity(count);
    let wide = fit.chosen.member.widened(1.25, 0.06, 0.1);
    let drawn = draw_points(frame.axes, Some(&wide), &sequence, 0..4 * count.max(8) as u64);
    take(
        frame,
        encoding,
        seen,
        &drawn,
        0..drawn.len,
        count.div_ceil(2),
        TrialOrigin::Calibrated,
        &mut chosen,
    )?;
    let mut inverse = design_inverse(&fit.surrogate.basis);
    for (set, _) in &chosen {
        let points = frame.axes.points(frame.space, std::slice::from_ref(set))?;
        update(&mut inverse, &frame.axes.basis(&points).row(0).transpose(), replications);
    }
    let candidates = candidates(frame, &fit.chosen.member, seed);
    let bases = frame.axes.basis(&candidates);
    let targets = frame.axes.basis(&draw_points(
        frame.axes,
        Some(&fit.chosen.member),
        &frame.sequence("design"),
        0..TARGETS,
    ));
    let wanted = targets.transpose() * &targets / TARGETS as f64;
    while chosen.len() < count {
        let order = by_gain(&bases, &inverse, &wanted, replications);
        let before = chosen.len();
        take(
            frame,
            encoding,
            seen,
            &candidates,
            order.iter().copied(),
            before + 1,
            TrialOrigin::Uncertain,
            &mut chosen,
        )?;
        if chosen.len() == before {
            break;
        }
        let points = frame.axes.points(frame.space, std::slice::from_ref(&chosen[before].0))?;
        update(&mut inverse, &frame.axes.basis(&points).row(0).transpose(), replications);
    }
    Ok(chosen)
}

/// `count` sets drawn from a member as it stands, for measuring it; a set may be one that was measured
/// before, or come twice.
pub(crate) fn drawn(frame: &Frame<'_>, member: &Member, count: usize, seed: Seed) -> Result<Vec<Chosen>> {
    let sequence = SobolSequence::new(frame.sequence_width(), seed);
    let points = draw_points(frame.axes, Some(member), &sequence, 0..count as u64);
    (0..count).map(|at| Ok((set_of(frame, &points, at)?, TrialOrigin::Finalist))).collect()
}

/// Candidates: two thirds around the calibrated distribution at twice its width, one third anywhere.
fn candidates(frame: &Frame<'_>, member: &Member, seed: Seed) -> Points {
    let sequence = SobolSequence::new(frame.sequence_width(), seed.derive("candidates"));
    let near = CANDIDATES * 2 / 3;
    let mut points = draw_points(frame.axes, Some(&member.widened(1.6, 0.1, 0.3)), &sequence, 0..near);
    points.append(draw_points(frame.axes, None, &sequence, near..CANDIDATES));
    points
}

pub(crate) fn design_inverse(basis: &DMatrix<f64>) -> DMatrix<f64> {
    let p = basis.ncols();
    let mut information = basis.transpose() * basis + DMatrix::identity(p, p) * RIDGE;
    information[(0, 0)] -= RIDGE * 0.999;
    spd_inverse(&information)
}

/// (A + r b bᵀ)⁻¹ by the Sherman–Morrison formula.
fn update(inverse: &mut DMatrix<f64>, b: &DVector<f64>, replications: usize) {
    let v = &*inverse * b;
    let scale = 1.0 / (1.0 / replications as f64 + b.dot(&v));
    *inverse -= (&v * v.transpose()) * scale;
}

/// Candidates by what measuring them would gain, most first.
fn by_gain(
    bases: &DMatrix<f64>,
    inverse: &DMatrix<f64>,
    wanted: &DMatrix<f64>,
    replications: usize,
) -> Vec<usize> {
    let projected = bases * inverse;
    let gained = &projected * wanted;
    let gain = |i: usize| {
        let spread: f64 = projected.row(i).dot(&bases.row(i));
        gained.row(i).dot(&projected.row(i)) / (1.0 / replications as f64 + spread)
    };
    let gains: Vec<f64> = (0..bases.nrows()).map(gain).collect();
    let mut order: Vec<usize> = (0..gains.len()).collect();
    order.sort_by(|&a, &b| gains[b].total_cmp(&gains[a]).then(a.cmp(&b)));
    order
}

/// Adds unseen points to `chosen` until it holds `until`.
#[expect(clippy::too_many_arguments, reason = "a loop body, shared by all that choose sets")]
pub(crate) fn take(
    frame: &Frame<'_>,
    encoding: &Encoding,
    seen: &mut Seen,
    points: &Points,
    order: impl IntoIterator<Item = usize>,
    until: usize,
    origin: TrialOrigin,
    chosen: &mut Vec<Chosen>,
) -> Result<()> {
    for at in order {
        if chosen.len() >= until {
            break;
        }
        let set = set_of(frame, points, at)?;
        if seen.insert(&set, encoding)? {
            chosen.push((set, origin));
        }
    }
    Ok(())
}

/// The parameter set of a point.
pub(crate) fn set_of(frame: &Frame<'_>, points: &Points, at: usize) -> Result<ParameterSet> {
    let axes: &Axes = frame.axes;
    let (row, exists, levels) =
        (points.row(at, axes), points.exists_row(at, axes), points.levels_of(at, axes));
    let mut set = ParameterSet::new();
    for (kind, parameter) in axes.kinds().zip(frame.space.parameters()) {
        let value = match kind {
            AxisKind::Choice { column, .. } if levels[*column] != usize::MAX => {
                let synth_core::Domain::Choice { choices } = &parameter.domain else { continue };
                synth_core::ParameterValue::Choice(choices[levels[*column]].clone())
            }
            AxisKind::Number { column, whole, .. } if exists[*column] => {
                let raw = raw_from_unit(kind, row[*column]);
                if *whole { (raw as i64).into() } else { clamped(&parameter.domain, raw).into() }
            }
            AxisKind::Simplex { parts, column } if exists[*column] => {
                let mut shares: Vec<f64> = row[*column..column + parts - 1].to_vec();
                shares.push((1.0 - shares.iter().sum::<f64>()).max(0.0));
                synth_core::ParameterValue::Simplex(shares)
            }
            _ => continue,
        };
        set.insert(&parameter.name, value);
    }
    frame.space.resolve(&set)
}

/// Rounding of the logarithm must not carry a value out of its bounds.
fn clamped(domain: &synth_core::Domain, raw: f64) -> f64 {
    match domain {
        synth_core::Domain::Float { low, high, .. } => raw.clamp(*low, *high),
        _ => raw,
    }
}
