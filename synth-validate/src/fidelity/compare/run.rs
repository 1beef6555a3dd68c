use std::collections::BTreeMap;

use synth_core::distance::Pairwise;
use synth_core::{Cancel, Embeddings, Error, Progress, Result};

use super::neighborhood::{nearest_real_report, prdc_report, test_report};
use super::quadratics::Nulls;
use super::report::{Comparison, ComparisonVerdict, MetricReport};
use super::{CompareParams, Metric};
use crate::fidelity::bandwidth::{Bandwidth, median_bandwidth};
use crate::fidelity::check::check_rows;
use crate::fidelity::cmmd::cmmd_form;
use crate::fidelity::design::Design;
use crate::fidelity::energy::energy_form;
use crate::fidelity::fitted::point_estimate;
use crate::fidelity::grouped::GroupedRows;
use crate::fidelity::kid::{kid_form, kid_subsets};
use crate::fidelity::pair_function::PairFunction;
use crate::fidelity::pass::Pass;
use crate::fidelity::quadratic::{Estimator, Quadratic};
use crate::fidelity::shift::LEVEL;

/// Whose test the verdict rests on: the first of these that was computed and has a p-value.
const VERDICT_ORDER: [Metric; 9] = [
    Metric::Mmd2RbfUnbiased,
    Metric::Energy,
    Metric::Cmmd,
    Metric::Kid,
    Metric::SlicedW2,
    Metric::SlicedW1,
    Metric::ExactW2,
    Metric::ExactW1,
    Metric::C2st1nn,
];

/// Measures how far `synthetic` is from `real`, each figure with its uncertainty, and says what may
/// be concluded.
///
/// All figures made of distances share one pass over the pairs of rows; the full matrix of pairs
/// never exists. Standard errors leave out groups, p-values relabel groups, so rows that belong
/// together never count as independent. Above 2,000 pooled rows the median bandwidth comes from a
/// seeded subsample and p-values from a block-wise test: rows are relabelled within blocks, and the
/// mean over blocks of each block's figure is compared (the statistic of Zaremba et al. 2013, with
/// a permutation null instead of their normal one).
///
/// The verdict rests on one test, named beforehand: that of `mmd2_rbf_unbiased` where it was
/// computed, else the first of `energy`, `cmmd`, `kid`, … . It never says that two sets are
/// identical. The Fréchet distance takes no part in it.
///
/// # Errors
/// Rows of two embedders or widths; fewer than two rows; parameters out of range; a figure asked
/// for by name that cannot be had; [`Error::Interrupted`] when cancelled.
///
/// # Examples
/// ```
/// use ndarray::Array2;
/// use synth_core::{Cancel, EmbedderId, Embeddings, NoProgress, Seed};
/// use synth_validate::fidelity::{CompareParams, Metric, compare};
///
/// let id = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
/// let mut stream = Seed::from_u64(1).stream(0);
/// let mut rows = |shift: f64| {
///     let rows = Array2::from_shape_simple_fn((30, 4), || (stream.normal() + shift) as f32);
///     Embeddings::ungrouped(rows, id.clone())
/// };
/// let (real, alike, moved) = (rows(0.0)?, rows(0.0)?, rows(2.0)?);
/// let params = CompareParams::default().with_metrics([Metric::Mmd2RbfUnbiased]);
/// let report = |synthetic| compare(&real, synthetic, &params, &NoProgress, &Cancel::new());
/// assert_eq!(report(&moved)?.verdict.words, "distinguishable");
/// assert!(report(&alike)?.verdict.words.starts_with("not distinguishable at this n (smallest"));
/// # Ok::<(), synth_core::Error>(())
/// ```
/// # References
/// Zaremba, Gretton and Blaschko 2013, B-test: A Non-parametric, Low Variance Kernel Two-sample
/// Test, NeurIPS 26, 755–763.
pub fn compare(
    real: &Embeddings,
    synthetic: &Embeddings,
    params: &CompareParams,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Comparison> {
    params.check()?;
    real.check_comparable(synthetic)?;
    check_rows("the comparison, real set,", 2, real.len())?;
    check_rows("the comparison, synthetic set,", 2, synthetic.len())?;
    let (x, y) = (GroupedRows::from(real), GroupedRows::from(synthetic));
    let mut run = Run {
        x: &x,
        y: &y,
        params,
        progress,
        cancel,
        metrics: BTreeMap::new(),
        skipped: BTreeMap::new(),
        smallest_shift: None,
        no_test: "no figure with a test was asked for".into(),
    };
    run.pairs()?;
    run.sliced()?;
    run.exact()?;
    run.frechet()?;
    let verdict = run.verdict();
    Ok(Comparison {
        n_real: x.len(),
        n_synthetic: y.len(),
        groups_real: x.groups(),
        groups_synthetic: y.groups(),
        dim: x.dim(),
        metrics: run.metrics,
        skipped: run.skipped,
        verdict,
    })
}

pub(super) struct Run<'r, 'a> {
    pub(super) x: &'r GroupedRows<'a>,
    pub(super) y: &'r GroupedRows<'a>,
    pub(super) params: &'r CompareParams,
    pub(super) progress: &'r dyn Progress,
    pub(super) cancel: &'r Cancel,
    metrics: BTreeMap<String, MetricReport>,
    skipped: BTreeMap<String, String>,
    /// That of the first test of [`VERDICT_ORDER`], if it found nothing.
    smallest_shift: Option<f64>,
    no_test: String,
}

impl Run<'_, '_> {
    /// What `attempt` gives; or nothing, if it fails and the metric was not asked for by name.
    pub(super) fn if_possible<T>(&mut self, metric: Metric, attempt: Result<T>) -> Result<Option<T>> {
        match attempt {
            Ok(value) => Ok(Some(value)),
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(error) if self.params.metrics.is_empty() => {
                self.skipped.insert(metric.name().to_owned(), error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn report(&mut self, metric: Metric, report: MetricReport) {
        self.metrics.insert(metric.name().to_owned(), report);
    }

    /// Everything that needs distances or the kernels made of them, in one pass.
    fn pairs(&mut self) -> Result<()> {
        let forms = self.forms()?;
        let k = self.neighbors_needed()?;
        let wants_nearest_real = self.params.wants(Metric::NearestReal);
        let mut functions: Vec<PairFunction> = Vec::new();
        let distance = wants_nearest_real.then_some(PairFunction::Distance);
        for function in forms.iter().map(|form| form.quadratic.function).chain(distance) {
            if !functions.contains(&function) {
                functions.push(function);
            }
        }
        if functions.is_empty() && k == 0 {
            return Ok(());
        }
        let (n, m) = (self.x.len(), self.y.len());
        let tiles = Pairwise::tiles_within(n) + Pairwise::tiles_within(m) + Pairwise::tiles_between(n, m);
        self.progress.start("comparing all pairs", Some(tiles));
        let pairwise = Pairwise::new().with_progress(self.progress).with_cancel(self.cancel);
        let pass = Pass::run(self.x, self.y, &functions, k, &pairwise)?;
        self.progress.finish();
        self.quadratics(&forms, &functions, &pass)?;
        if self.params.wants(Metric::Prdc) && k == self.params.neighbors {
            self.report(Metric::Prdc, prdc_report(&pass.neighbors, self.x, self.y));
        }
        if self.params.wants(Metric::C2st1nn) {
            let (permutations, seed) = (self.params.permutations, self.params.seed.derive("c2st"));
            let report = test_report(&pass.neighbors, self.x, self.y, permutations, seed);
            self.report(Metric::C2st1nn, report);
        }
        if let Some(f) = functions.iter().position(|f| *f == PairFunction::Distance && wants_nearest_real) {
            let mean = pass.sums.xy[f].iter().sum::<f64>() / (n as f64 * m as f64);
            self.report(Metric::NearestReal, nearest_real_report(&pass.neighbors, mean, self.y));
        }
        Ok(())
    }

    /// How many neighbours the wanted figures look at.
    fn neighbors_needed(&mut self) -> Result<usize> {
        if self.params.wants(Metric::Prdc) {
            let k = self.params.neighbors;
            let enough = check_rows("prdc", k + 1, self.x.len().min(self.y.len()));
            if self.if_possible(Metric::Prdc, enough)?.is_some() {
                return Ok(k);
            }
        }
        let wants_nearest = self.params.wants(Metric::C2st1nn) || self.params.wants(Metric::NearestReal);
        Ok(usize::from(wants_nearest))
    }

    /// The wanted quadratic figures, in the order of [`VERDICT_ORDER`].
    fn forms(&mut self) -> Result<Vec<Form>> {
        let mut forms = Vec::new();
        for metric in VERDICT_ORDER.into_iter().filter(|&metric| self.params.wants(metric)) {
            let quadratic = match metric {
                Metric::Mmd2RbfUnbiased => {
                    let sigma = self.sigma();
                    let Some((sigma, note)) = self.if_possible(metric, sigma)? else { continue };
                    let function = PairFunction::Rbf { sigma };
                    let quadratic = Quadratic { function, estimator: Estimator::Unbiased, scale: 1.0 };
                    forms.push(Form { metric, quadratic, note: Some(note) });
                    continue;
                }
                Metric::Energy => energy_form(Estimator::Unbiased),
                Metric::Cmmd => cmmd_form(Estimator::Biased),
                Metric::Kid => kid_form(self.x.dim()),
                _ => continue,
            };
            forms.push(Form { metric, quadratic, note: None });
        }
        Ok(forms)
    }

    fn sigma(&self) -> Result<(f64, String)> {
        match self.params.bandwidth {
            Bandwidth::Fixed(sigma) => Ok((sigma, "sigma given".into())),
            Bandwidth::Median => {
                let median = median_bandwidth(self.x.rows(), Some(self.y.rows()), self.params.seed)?;
                let over = match median.subsample {
                    Some(rows) => format!("a seeded subsample of {rows} rows"),
                    None => "all rows".into(),
                };
                Ok((median.sigma, format!("sigma is the median distance of {over}")))
            }
        }
    }

    fn quadratics(&mut self, forms: &[Form], functions: &[PairFunction], pass: &Pass) -> Result<()> {
        if forms.is_empty() {
            return Ok(());
        }
        let quadratics: Vec<Quadratic> = forms.iter().map(|form| form.quadratic).collect();
        let design =
            Design::new(self.x, self.y, self.params.permutations, self.params.seed.derive("permutations"));
        let nulls = match &design {
            Ok(design) => {
                let (x, y) = (self.x, self.y);
                Some(Nulls::of(design, &quadratics, x, y, self.progress, self.cancel)?)
            }
            Err(reason) => {
                self.no_test.clone_from(reason);
                None
            }
        };
        self.smallest_shift = nulls.as_ref().and_then(|nulls| nulls.smallest_shift);
        for (which, form) in forms.iter().enumerate() {
            let f = functions.iter().position(|f| *f == form.quadratic.function);
            let f = f.expect("invariant: the pass was given the function of every form");
            let pairs = pass.sums.pair_sums(self.x, self.y, f, form.quadratic.function);
            let mut estimate = point_estimate(&form.quadratic, &pairs);
            estimate.notes.extend(form.note.clone());
            if let Some(null) = nulls.as_ref().map(|nulls| &nulls.nulls[which]) {
                estimate.p_value = Some(null.p_value);
                estimate.null_quantiles.clone_from(&null.quantiles);
            }
            match &design {
                Ok(design) => estimate.notes.extend(design.notes.iter().cloned()),
                Err(reason) => estimate.notes.push(reason.clone()),
            }
            let totals = pairs.totals();
            let other = |estimator| Quadratic { estimator, ..form.quadratic }.of(&totals);
            let mut report = MetricReport::new(estimate);
            report = match form.quadratic.function {
                PairFunction::Cubic { .. } => self.with_subsets(report)?,
                PairFunction::Rbf { sigma } => report.with_part("sigma", sigma),
                PairFunction::Distance => report,
            };
            let report = report
                .with_part("unbiased", other(Estimator::Unbiased))
                .with_part("biased", other(Estimator::Biased));
            self.report(form.metric, report);
        }
        Ok(())
    }

    fn with_subsets(&self, report: MetricReport) -> Result<MetricReport> {
        self.cancel.check()?;
        let seed = self.params.seed.derive("kid");
        let found = kid_subsets(self.x.rows(), self.y.rows(), self.params.kid_subsets, seed)?;
        Ok(report
            .with_part("subset_mean", found.mean)
            .with_part("subset_std", found.std)
            .with_part("subset_rows", found.rows as f64)
            .with_part("subsets", found.subsets as f64))
    }

    fn verdict(&self) -> ComparisonVerdict {
        let tested = VERDICT_ORDER.iter().find_map(|metric| {
            let estimate = self.metrics.get(metric.name())?.estimate.as_ref()?;
            Some((metric, estimate.p_value?))
        });
        match tested {
            Some((metric, p_value)) => {
                let name = metric.name();
                ComparisonVerdict::new(name, p_value, LEVEL, self.smallest_shift)
            }
            None => ComparisonVerdict::none(self.no_test.trim_start_matches("no p-value: ")),
        }
    }
}

/// A wanted quadratic figure.
struct Form {
    metric: Metric,
    quadratic: Quadratic,
    note: Option<String>,
}
