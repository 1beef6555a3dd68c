use synth_core::distance::Pairwise;
use synth_core::{Embeddings, Estimate, FittedDivergence, Kernel, Result, Seed};

use super::check::check_rows;
use super::design::{Design, Null};
use super::grouped::GroupedRows;
use super::jackknife::student_interval;
use super::null::null_of;
use super::quadratic::{AllSums, PairSums, Quadratic};
use super::sums::RowSums;

/// A quadratic divergence to one reference set: everything that comparisons share is fixed.
#[derive(Debug)]
pub(crate) struct FittedQuadratic<K> {
    what: &'static str,
    form: Quadratic,
    kernel: Option<K>,
    permutations: usize,
    seed: Seed,
    notes: Vec<String>,
    reference: Embeddings,
    reference_sums: RowSums,
}

impl<K: Kernel> FittedQuadratic<K> {
    pub(crate) fn new(
        what: &'static str,
        form: Quadratic,
        kernel: Option<K>,
        reference: &Embeddings,
        seed: Seed,
    ) -> Result<Self> {
        check_rows(what, 2, reference.len())?;
        let rows = GroupedRows::from(reference);
        let reference_sums = RowSums::of(&rows, &[form.function], &Pairwise::new())?;
        let (reference, notes) = (reference.clone(), Vec::new());
        Ok(Self { what, form, kernel, permutations: 0, seed, notes, reference, reference_sums })
    }

    pub(crate) fn with_permutations(mut self, permutations: usize) -> Self {
        self.permutations = permutations;
        self
    }

    pub(crate) fn with_note(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }

    fn null(&self, x: &GroupedRows<'_>, y: &GroupedRows<'_>) -> Result<(Option<Null>, Vec<String>)> {
        match Design::new(x, y, self.permutations, self.seed.derive("permutations")) {
            Ok(design) => Ok((Some(null_of(&design, &self.form, x, y, &Pairwise::new())?), design.notes)),
            Err(reason) => Ok((None, vec![reason])),
        }
    }
}

impl<K: Kernel> FittedDivergence for FittedQuadratic<K> {
    fn estimate(&self, sample: &Embeddings) -> Result<Estimate> {
        self.reference.check_comparable(sample)?;
        check_rows(self.what, 2, sample.len())?;
        let (x, y) = (GroupedRows::from(&self.reference), GroupedRows::from(sample));
        let functions = [self.form.function];
        let sums = AllSums::with_first(self.reference_sums.clone(), &x, &y, &functions, &Pairwise::new())?;
        let pairs = sums.pair_sums(&x, &y, 0, self.form.function);
        let (null, null_notes) = self.null(&x, &y)?;
        let mut estimate = point_estimate(&self.form, &pairs);
        estimate.notes.extend(self.notes.iter().cloned().chain(null_notes));
        if let Some(null) = null {
            estimate.p_value = Some(null.p_value);
            estimate.null_quantiles = null.quantiles;
        }
        Ok(estimate)
    }

    fn kernel(&self) -> Option<&dyn Kernel> {
        self.kernel.as_ref().map(|kernel| kernel as &dyn Kernel)
    }
}

/// Value, standard error and interval of a form, without a null.
pub(crate) fn point_estimate(form: &Quadratic, pairs: &PairSums<'_>) -> Estimate {
    let value = form.of(&pairs.totals());
    let std_error = pairs.std_error(form);
    let degrees = pairs.x.groups().min(pairs.y.groups()).saturating_sub(1);
    let mut notes = Vec::new();
    if std_error.is_none() {
        notes.push(
            "no standard error: both sets need two groups, and two rows without any one of them".into(),
        );
    }
    let ci95 = std_error.map(|error| student_interval(value, error, degrees));
    Estimate { value, std_error, ci95, notes, ..Estimate::default() }
}
