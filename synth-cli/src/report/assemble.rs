//! From what a calibration found to what the report says: the words and the figures.

use std::collections::BTreeMap;

use synth_core::{Domain, Marginal as Distribution, ParameterDistribution, ParameterSpace, ParameterValue};
use synth_optimize::calibrate::{CalibrationResult, Conclusion, IterationRecord, MarginalCurve, StopReason};

use super::data::{
    Band, Convergence, Marginal, MarginalShape, PointSet, ReportData, Strip, Table, Tone, VerdictText,
};

/// A finished run as the report sees it.
#[derive(Debug)]
pub(crate) struct RunView<'a> {
    /// Name of the experiment.
    pub(crate) experiment: &'a str,
    /// When the run was first started.
    pub(crate) created_at: &'a str,
    /// Name of the generator, for the same.
    pub(crate) generator: &'a str,
    /// What was run: label and value.
    pub(crate) facts: Vec<(String, String)>,
    /// The generator's parameters.
    pub(crate) space: &'a ParameterSpace,
    /// The distribution that the real set was drawn from, where the experiment knows it.
    pub(crate) truth: Option<&'a ParameterDistribution>,
    /// One record per iteration.
    pub(crate) records: &'a [IterationRecord],
    /// The user's own files of the real set by sample.
    pub(crate) real_files: BTreeMap<String, String>,
    /// How it ended.
    pub(crate) result: &'a CalibrationResult,
    /// Principal components of the embeddings.
    pub(crate) scatter: Vec<PointSet>,
    /// Share of variance along them.
    pub(crate) explained: [f64; 2],
    /// Rows of images.
    pub(crate) strips: Vec<Strip>,
}

/// Puts the run into words.
pub(crate) fn assemble(view: RunView<'_>) -> ReportData {
    let result = view.result;
    let mut facts = view.facts;
    facts.push(("Ended".to_owned(), ending(result)));
    ReportData {
        experiment: view.experiment.to_owned(),
        created_at: view.created_at.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facts,
        verdict: verdict(result),
        figures: figures(result),
        scatter: view.scatter,
        explained: view.explained,
        convergence: convergence(view.records, result),
        marginals: result.marginals.iter().map(|curve| marginal(curve, view.space, view.truth)).collect(),
        strips: view.strips,
        best: best(result, view.space),
        misses: misses(result, &view.real_files),
        next_steps: next_steps(view.generator),
    }
}

fn ending(result: &CalibrationResult) -> String {
    let why = match result.stop {
        StopReason::IterationLimit => "all planned iterations were made",
        StopReason::Plateau => "the divergence no longer fell by more than its standard error",
        StopReason::Threshold => "the upper 95 % bound of the divergence fell below `convergence_threshold`",
        StopReason::Exhausted => "every parameter set of the space was measured",
    };
    format!("after iteration {}: {why}", result.iterations.saturating_sub(1))
}

fn verdict(result: &CalibrationResult) -> VerdictText {
    let verdict = &result.verdict;
    let tone = match verdict.conclusion {
        Conclusion::Distinguishable => Tone::Bad,
        Conclusion::NotTested => Tone::Open,
        // A test that would have missed half the way back to the prior has not shown much.
        Conclusion::NotDistinguishable
            if verdict.smallest_detectable_shift.is_some_and(|shift| shift <= 0.5) =>
        {
            Tone::Good
        }
        Conclusion::NotDistinguishable => Tone::Open,
    };
    let mut paragraphs = vec![meaning(result)];
    paragraphs.extend(verdict.notes.iter().chain(&result.notes).map(|note| sentence(note)));
    VerdictText { headline: capitalised(&verdict.text), tone, paragraphs }
}

fn meaning(result: &CalibrationResult) -> String {
    let verdict = &result.verdict;
    let size = format!("{} real samples in {} independent groups", verdict.samples, verdict.groups);
    match (verdict.conclusion, verdict.p_value) {
        (Conclusion::Distinguishable, Some(p)) => format!(
            "The {size} differ from what the calibrated distribution makes: only {} of pseudo-real sets of the same \
             size, drawn from distributions that the real samples leave possible and refitted, lie as far away.",
            percent(p)
        ),
        (Conclusion::NotDistinguishable, Some(p)) => {
            let shift = verdict.smallest_detectable_shift.map_or_else(
                || "Even the uniform prior in its place would not have been noticed at this number.".to_owned(),
                |shift| {
                    format!(
                        "A mixture with {} of the uniform prior in it would have been noticed in four of five such \
                         tests; less than that would not.",
                        percent(shift)
                    )
                },
            );
            format!(
                "Against {size}, {} of the pseudo-real sets lie at least as far \
                 away as the real set does. {shift} This is not a proof that the two are the same.",
                percent(p)
            )
        }
        _ => format!("With {size} no test of the calibrated distribution was made."),
    }
}

fn figures(result: &CalibrationResult) -> Vec<[String; 3]> {
    let mut figures = Vec::new();
    let mut add = |label: &str, value: String, meaning: &str| {
        figures.push([label.to_owned(), value, meaning.to_owned()]);
    };
    let estimate = |e: &synth_core::Estimate| with_error(e.value, e.std_error);
    add("Calibrated, MMD²", estimate(&result.calibrated), "cross-validated over groups of the real set");
    add("Uniform prior, MMD²", estimate(&result.uniform), "the same before calibration");
    if let Some(ratio) = result.ratio {
        add("Ratio to the prior", number(ratio), "0 would be a perfect generator, 1 no gain");
    }
    if let Some(p) = result.verdict.p_value {
        let meaning = format!("parametric bootstrap, {} pseudo-real sets", result.verdict.replicates);
        add("p-value", number(p), &meaning);
    }
    if let Some(shift) = result.verdict.smallest_detectable_shift {
        add("Smallest detectable shift", number(shift), "share of the prior mixed in, seen with 80 % power");
    }
    if let Some(holdout) = &result.holdout {
        let meaning = format!("{} samples that no fit has seen", holdout.samples);
        add("Held out, MMD²", estimate(&holdout.calibrated), &meaning);
    }
    figures
}

fn convergence(records: &[IterationRecord], result: &CalibrationResult) -> Convergence {
    let points = records
        .iter()
        .map(|record| {
            let estimate = &record.calibrated;
            [record.iteration as f64, estimate.value, estimate.std_error.unwrap_or(0.0)]
        })
        .collect();
    let quantiles = records.last().map_or(&[][..], |record| &record.calibrated.null_quantiles);
    let null = match quantiles {
        [(_, low), .., (_, high)] => Some(Band { low: *low, high: *high }),
        _ => None,
    };
    Convergence { divergence: "MMD²".to_owned(), points, null, prior: Some(result.uniform.value) }
}

fn marginal(
    curve: &MarginalCurve,
    space: &ParameterSpace,
    truth: Option<&ParameterDistribution>,
) -> Marginal {
    match curve {
        MarginalCurve::Numeric { parameter, grid, density, lower, upper, uniform } => {
            let whole = matches!(space.get(parameter).map(|p| &p.domain), Some(Domain::Int { .. }));
            let value =
                |x: f64| if whole { ParameterValue::Int(x.round() as i64) } else { ParameterValue::Float(x) };
            let truth = truth_of(parameter, space, truth).map(|(domain, marginal)| {
                grid.iter().map(|&x| marginal.density_at(domain, &value(x))).collect()
            });
            let shape = MarginalShape::Numeric {
                grid: grid.clone(),
                calibrated: density.clone(),
                lower: lower.clone(),
                upper: upper.clone(),
                prior: uniform.clone(),
                truth,
            };
            Marginal { name: parameter.clone(), shape }
        }
        MarginalCurve::Categorical { parameter, choices, probability, .. } => {
            let truth = truth_of(parameter, space, truth).map(|(domain, marginal)| {
                choices.iter().map(|choice| marginal.density_at(domain, &choice.as_str().into())).collect()
            });
            let shape = MarginalShape::Categorical {
                names: choices.clone(),
                calibrated: probability.clone(),
                prior: vec![1.0 / choices.len().max(1) as f64; choices.len()],
                truth,
            };
            Marginal { name: parameter.clone(), shape }
        }
    }
}

fn truth_of<'a>(
    name: &str,
    space: &'a ParameterSpace,
    truth: Option<&'a ParameterDistribution>,
) -> Option<(&'a Domain, &'a Distribution)> {
    let ParameterDistribution::Independent { marginals } = truth? else { return None };
    Some((&space.get(name)?.domain, marginals.get(name)?))
}

fn best(result: &CalibrationResult, space: &ParameterSpace) -> Table {
    let names: Vec<&str> = space.parameters().iter().map(|p| p.name.as_str()).collect();
    let mut columns = vec!["set".to_owned(), "MMD², smoothed".to_owned(), "MMD², measured".to_owned()];
    columns.extend(names.iter().map(|&name| name.to_owned()));
    let rows = result.best.iter().map(|set| {
        let measured = set.measured.map_or_else(|| "–".to_owned(), number);
        let mut row = vec![set.param_set_id.clone(), number(set.predicted), measured];
        row.extend(names.iter().map(|name| set.params.get(name).map_or_else(|| "–".to_owned(), value)));
        row
    });
    Table { columns, rows: rows.collect() }
}

fn misses(result: &CalibrationResult, real_files: &BTreeMap<String, String>) -> Vec<String> {
    let miss = &result.miss;
    let mut texts: Vec<String> = miss.text.iter().map(|text| sentence(text)).collect();
    if !miss.unlike_real_ids.is_empty() {
        let name = |id: &String| match real_files.get(id) {
            Some(file) => format!("{file} ({id})"),
            None => id.clone(),
        };
        let ids: Vec<String> = miss.unlike_real_ids.iter().take(5).map(name).collect();
        texts.push(format!("Least explained real samples: {}.", ids.join(", ")));
    }
    texts
}

fn next_steps(generator: &str) -> Vec<(String, String)> {
    vec![
        (
            "Make a labelled dataset from the calibrated distribution; RUN is the folder of this report:".to_owned(),
            format!("synth generate {generator} --from-run RUN --count 5000 --out dataset"),
        ),
        (
            "Judge it against real images that the calibration has not seen (against those it was fitted to, the \
             test is too lenient):"
                .to_owned(),
            "synth compare path/to/new/real dataset/images --fail-on distinguishable".to_owned(),
        ),
    ]
}

fn value(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Float(x) => number(*x),
        other => other.to_string(),
    }
}

fn with_error(value: f64, std_error: Option<f64>) -> String {
    std_error.map_or_else(|| number(value), |error| format!("{} ± {}", number(value), number(error)))
}

/// Three significant digits, without an exponent where people would not use one.
fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let magnitude = x.abs().log10().floor() as i32;
    if (-5..6).contains(&magnitude) {
        format!("{x:.*}", usize::try_from(2 - magnitude).unwrap_or(0))
    } else {
        format!("{x:.2e}")
    }
}

fn percent(share: f64) -> String {
    let digits = usize::from(share < 0.1);
    format!("{:.digits$} %", 100.0 * share)
}

fn sentence(text: &str) -> String {
    let text = capitalised(text.trim());
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(number(0.012_345), "0.0123");
        assert_eq!(number(-123.456), "-123");
        assert_eq!(number(1.0), "1.00");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(1.5e-9), "1.50e-9");
    }

    #[test]
    fn notes_become_sentences() {
        assert_eq!(sentence("below 6 groups there is no p-value"), "Below 6 groups there is no p-value.");
    }
}
