use ndarray::{Array1, Array2, ArrayView2, s};

/// Iterations after which the direction found so far is taken.
const MAX_ITERATIONS: usize = 500;

/// The direction of largest variance of some rows, and the standard deviation along it.
#[derive(Debug)]
pub(crate) struct PrincipalAxis {
    direction: Array1<f64>,
    pub(crate) std: f64,
}

impl PrincipalAxis {
    /// By power iteration on the covariance, from the row farthest from the mean, until the
    /// variance grows by less than 1e-10 of itself. `None` if the rows do not vary.
    pub(crate) fn of(rows: ArrayView2<'_, f32>) -> Option<Self> {
        let wide = rows.mapv(f64::from);
        let centred: Array2<f64> = &wide - &wide.mean_axis(ndarray::Axis(0))?;
        let lengths = centred.rows().into_iter().map(|row| row.dot(&row));
        let (farthest, length) =
            lengths.enumerate().fold((0, 0.0), |best, now| if now.1 > best.1 { now } else { best });
        if length <= 0.0 || rows.nrows() < 2 {
            return None;
        }
        let mut direction = centred.slice(s![farthest, ..]).to_owned() / length.sqrt();
        let mut variance = 0.0;
        for _ in 0..MAX_ITERATIONS {
            let scores = centred.dot(&direction);
            let now = scores.dot(&scores) / (rows.nrows() as f64 - 1.0);
            let turned = centred.t().dot(&scores);
            let norm = turned.dot(&turned).sqrt();
            if norm > 0.0 {
                direction = turned / norm;
            }
            let settled = now - variance <= 1e-10 * now;
            variance = now;
            if settled {
                break;
            }
        }
        Some(Self { direction, std: variance.sqrt() })
    }

    /// `rows · direction`.
    pub(crate) fn scores(&self, rows: ArrayView2<'_, f32>) -> Vec<f64> {
        let score = |row: ndarray::ArrayView1<'_, f32>| {
            row.iter().zip(&self.direction).map(|(&value, axis)| f64::from(value) * axis).sum()
        };
        rows.rows().into_iter().map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn finds_the_long_axis() {
        let rows = array![[3.0_f32, 3.1], [-3.0, -3.1], [0.5, -0.5], [-0.5, 0.5]];
        let axis = PrincipalAxis::of(rows.view()).expect("they vary");
        // Eigenvalues of [[18.5, 18.1], [18.1, 19.72]] / 3: the larger is 12.406…
        let (a, b, c) = (18.5 / 3.0, 18.1 / 3.0, 19.72 / 3.0);
        let larger: f64 = (a + c) / 2.0 + f64::hypot((a - c) / 2.0, b);
        // 3.1 is not exact in float32.
        assert!((axis.std - larger.sqrt()).abs() < 1e-6);
        let scores = axis.scores(rows.view());
        assert!((scores[0] + scores[1]).abs() < 1e-9 && scores[0].abs() > 4.3);
        assert!(PrincipalAxis::of(array![[1.0_f32], [1.0]].view()).is_none());
    }
}
