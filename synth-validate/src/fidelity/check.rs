//! What every metric asks of its input first.

use ndarray::ArrayView2;
use synth_core::{Error, Result};

/// Both sets equally wide, finite, and of at least `needed` rows.
pub(crate) fn check_sets(
    what: &str,
    needed: usize,
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
) -> Result<()> {
    if x.ncols() != y.ncols() {
        let (expected, got) = (vec![x.ncols()], vec![y.ncols()]);
        return Err(Error::Shape { what: "embedding row", expected, got });
    }
    for (name, rows) in [("first", x), ("second", y)] {
        check_rows(&format!("{what}, {name} set,"), needed, rows.nrows())?;
        if let Some(((row, column), _)) = rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let at = format!("row {row}, column {column}");
            return Err(Error::NonFinite { what: format!("the {name} set"), at });
        }
    }
    Ok(())
}

/// # Errors
/// [`Error::TooFewSamples`] if there are fewer than `needed` rows.
pub(crate) fn check_rows(what: &str, needed: usize, got: usize) -> Result<()> {
    if got < needed {
        return Err(Error::TooFewSamples { what: what.to_owned(), needed, got, unit: "rows" });
    }
    Ok(())
}
