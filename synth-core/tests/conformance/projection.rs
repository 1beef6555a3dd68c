use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use synth_core::conformance::ProjectionCaps;
use synth_core::conformance::projection::LoadProjection;
use synth_core::{Error, FittedProjection, Projection, Result, projection_conformance};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Flaw {
    #[default]
    None,
    LosesAColumn,
    HasEntropy,
    CentresTheBatch,
    IgnoresTheWidth,
    FitsAnything,
    SavesRounded,
    LoadsAnything,
}

static ALL_CALLS: AtomicU64 = AtomicU64::new(0);

/// The first two columns, less their means.
#[derive(Debug)]
struct Toy(Flaw);

#[derive(Debug, Serialize, Deserialize)]
struct Fitted {
    width: usize,
    means: [f64; 2],
    #[serde(skip)]
    flaw: Flaw,
}

impl Projection for Toy {
    fn fit(&self, rows: ArrayView2<'_, f32>) -> Result<Box<dyn FittedProjection>> {
        let flaw = self.0;
        if flaw != Flaw::FitsAnything {
            if rows.nrows() < 2 || rows.ncols() < 2 {
                let (expected, got) = (vec![2, 2], rows.shape().to_vec());
                return Err(Error::Shape { what: "rows", expected, got });
            }
            if rows.iter().any(|value| !value.is_finite()) {
                return Err(Error::NonFinite { what: "rows".into(), at: "a row".into() });
            }
        }
        let mut means = means(rows);
        if flaw == Flaw::HasEntropy {
            means[0] += ALL_CALLS.fetch_add(1, Ordering::Relaxed) as f64;
        }
        Ok(Box::new(Fitted { width: rows.ncols(), means, flaw }))
    }
}

fn means(rows: ArrayView2<'_, f32>) -> [f64; 2] {
    let n = rows.nrows().max(1) as f64;
    [0, 1].map(|column| rows.index_axis(Axis(1), column).iter().map(|x| f64::from(*x)).sum::<f64>() / n)
}

impl FittedProjection for Fitted {
    fn dims(&self) -> (usize, usize) {
        (self.width, if self.flaw == Flaw::LosesAColumn { 3 } else { 2 })
    }

    fn transform(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        if rows.ncols() != self.width && self.flaw != Flaw::IgnoresTheWidth {
            let (expected, got) = (vec![self.width], vec![rows.ncols()]);
            return Err(Error::Shape { what: "row", expected, got });
        }
        let means = if self.flaw == Flaw::CentresTheBatch { means(rows) } else { self.means };
        let value = |(row, column)| f64::from(rows[[row, column]]) - means[column];
        Ok(Array2::from_shape_fn((rows.nrows(), 2), value))
    }

    fn save(&self) -> Result<Vec<u8>> {
        let means = if self.flaw == Flaw::SavesRounded { self.means.map(f64::round) } else { self.means };
        let saved = Self { width: self.width, means, flaw: self.flaw };
        serde_json::to_vec(&saved).map_err(|source| Error::component("toy", source))
    }
}

fn load(bytes: &[u8]) -> Result<Box<dyn FittedProjection>> {
    let fitted: Fitted = serde_json::from_slice(bytes).map_err(|source| Error::component("toy", source))?;
    Ok(Box::new(fitted))
}

fn load_anything(bytes: &[u8]) -> Result<Box<dyn FittedProjection>> {
    load(bytes).or_else(|_| Ok(Box::new(Fitted { width: 5, means: [0.0; 2], flaw: Flaw::None })))
}

fn make(flaw: Flaw) -> impl Fn() -> Box<dyn Projection> {
    move || Box::new(Toy(flaw))
}

fn caps(flaw: Flaw) -> ProjectionCaps {
    let load: LoadProjection = if flaw == Flaw::LoadsAnything { load_anything } else { load };
    ProjectionCaps::new(load)
}

mod sound {
    use super::*;
    projection_conformance!(make(Flaw::None), caps(Flaw::None));
}

broken! { projection, |flaw| caps(flaw);
    rows_come_out_with_the_fitted_dims: LosesAColumn => "rows come out with the fitted dims: (0, 2) for 0",
    same_rows_give_same_projection: HasEntropy => "the same rows give the same projection",
    rows_are_transformed_alone: CentresTheBatch => "rows are transformed alone",
    wrong_width_is_a_shape_error: IgnoresTheWidth => "a wrong width is a shape error: 4 instead of 5",
    too_few_or_nan_rows_are_an_error: FitsAnything => "too few rows are an error",
    saved_and_loaded_transforms_alike: SavesRounded => "saved and loaded transforms alike: the transforms differ",
    garbage_does_not_load: LoadsAnything => "garbage does not load: 0 bytes did",
}
