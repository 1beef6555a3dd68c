//! Laws of [`Projection`] and [`FittedProjection`].

use ndarray::{Array2, ArrayView2, Axis};

use super::check::{skip, suite};
use crate::{Error, FittedProjection, Projection, Result, Seed};

suite! {
    ($)
    /// One `#[test]` per law of [`Projection`](crate::Projection).
    ///
    /// Takes a function that makes the projection, `Fn() -> Box<dyn Projection>`, and its
    /// [`ProjectionCaps`](crate::conformance::ProjectionCaps).
    projection, projection_conformance {
        rows_come_out_with_the_fitted_dims,
        same_rows_give_same_projection,
        rows_are_transformed_alone,
        wrong_width_is_a_shape_error,
        too_few_or_nan_rows_are_an_error,
        saved_and_loaded_transforms_alike,
        garbage_does_not_load,
    }
}

/// Makes a fresh projection.
pub type MakeProjection = dyn Fn() -> Box<dyn Projection>;

/// The constructor of a fitted projection from what it saved.
pub type LoadProjection = fn(&[u8]) -> Result<Box<dyn FittedProjection>>;

/// The fixtures for a projection's checks.
#[derive(Clone, Debug)]
pub struct ProjectionCaps {
    /// Rows to learn from; no two columns alike.
    pub rows: Array2<f32>,
    /// The constructor from saved bytes.
    pub load: Option<LoadProjection>,
}

impl ProjectionCaps {
    /// Thirty normal rows of length 5, whose columns have the spreads 1 to 5.
    #[must_use]
    pub fn new(load: LoadProjection) -> Self {
        let mut stream = Seed::from_u64(1).derive("conformance/projection").stream(0);
        let rows =
            Array2::from_shape_fn((30, 5), |(_, column)| (stream.normal() * (column + 1) as f64) as f32);
        Self { rows, load: Some(load) }
    }

    fn fit(&self, make: &MakeProjection) -> Box<dyn FittedProjection> {
        make().fit(self.rows.view()).expect("the suite's rows must be accepted")
    }
}

fn transform(fitted: &dyn FittedProjection, rows: ArrayView2<'_, f32>) -> Array2<f64> {
    fitted.transform(rows).expect("rows of the fitted width must be accepted")
}

/// `[n, dims.0]` becomes `[n, dims.1]`, finite, also for n = 0.
pub fn rows_come_out_with_the_fitted_dims(make: &MakeProjection, caps: &ProjectionCaps) {
    let fitted = caps.fit(make);
    let (width, out) = fitted.dims();
    assert!(width == caps.rows.ncols() && out > 0, "it has the fitted dims: {width} to {out}");
    for n in [0, 1, 30] {
        let rows = transform(&*fitted, caps.rows.slice(ndarray::s![..n, ..]));
        assert!(rows.dim() == (n, out), "rows come out with the fitted dims: {:?} for {n}", rows.dim());
        assert!(rows.iter().all(|value| value.is_finite()), "rows come out finite");
    }
}

/// Fitted twice to the same rows, it saves the same bytes and transforms alike to the bit.
pub fn same_rows_give_same_projection(make: &MakeProjection, caps: &ProjectionCaps) {
    let [a, b] = [0, 1].map(|_| caps.fit(make));
    let same = transform(&*a, caps.rows.view()) == transform(&*b, caps.rows.view());
    assert!(same, "the same rows give the same projection: the transforms differ");
    let [a, b] = [a, b].map(|fitted| fitted.save().expect("a projection must be saved"));
    assert!(a == b, "the same rows give the same projection: the saved bytes differ");
}

/// A row's image does not depend on the other rows, to 1e-9 of the largest value.
pub fn rows_are_transformed_alone(make: &MakeProjection, caps: &ProjectionCaps) {
    let fitted = caps.fit(make);
    let whole = transform(&*fitted, caps.rows.view());
    let tolerance = 1e-9 * whole.iter().fold(1e-9_f64, |max, value| max.max(value.abs()));
    for (row, expected) in caps.rows.axis_chunks_iter(Axis(0), 1).zip(whole.outer_iter()) {
        let alone = transform(&*fitted, row);
        let close = alone.row(0).iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
        assert!(close, "rows are transformed alone: {} with others {expected}", alone.row(0));
    }
}

/// Rows of another width are [`Error::Shape`].
pub fn wrong_width_is_a_shape_error(make: &MakeProjection, caps: &ProjectionCaps) {
    let fitted = caps.fit(make);
    let width = caps.rows.ncols();
    for wrong in [width - 1, width + 1] {
        let result = fitted.transform(Array2::ones((2, wrong)).view());
        let shape = matches!(result, Err(Error::Shape { .. }));
        assert!(shape, "a wrong width is a shape error: {wrong} instead of {width} gave {result:?}");
    }
}

/// No row at all, or one with a NaN, cannot be fitted.
pub fn too_few_or_nan_rows_are_an_error(make: &MakeProjection, caps: &ProjectionCaps) {
    let none = make().fit(caps.rows.slice(ndarray::s![..0, ..]));
    assert!(none.is_err(), "too few rows are an error: fitted to none");
    let mut rows = caps.rows.clone();
    rows[[3, 1]] = f32::NAN;
    assert!(make().fit(rows.view()).is_err(), "rows with a NaN are an error: fitted to one");
}

/// What was saved loads to a projection that transforms alike to the bit and saves the same bytes.
pub fn saved_and_loaded_transforms_alike(make: &MakeProjection, caps: &ProjectionCaps) {
    let Some(load) = caps.load else {
        return skip("saved_and_loaded_transforms_alike", "caps.load is not given");
    };
    let fitted = caps.fit(make);
    let bytes = fitted.save().expect("a projection must be saved");
    let loaded = load(&bytes).expect("what was saved must load");
    let law = "saved and loaded transforms alike";
    assert!(loaded.dims() == fitted.dims(), "{law}: {:?}, saved {:?}", loaded.dims(), fitted.dims());
    let same = transform(&*fitted, caps.rows.view()) == transform(&*loaded, caps.rows.view());
    assert!(same, "{law}: the transforms differ");
    assert!(loaded.save().expect("a projection must be saved") == bytes, "{law}: the bytes differ");
}

/// Bytes of something else, or half of what was saved, are an error, not a panic.
pub fn garbage_does_not_load(make: &MakeProjection, caps: &ProjectionCaps) {
    let Some(load) = caps.load else {
        return skip("garbage_does_not_load", "caps.load is not given");
    };
    let bytes = caps.fit(make).save().expect("a projection must be saved");
    for garbage in [&[][..], b"not a projection", &[0xff; 64], &bytes[..bytes.len() / 2]] {
        assert!(load(garbage).is_err(), "garbage does not load: {} bytes did", garbage.len());
    }
}
