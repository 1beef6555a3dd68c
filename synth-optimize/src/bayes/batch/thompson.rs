//! Thompson sampling (Thompson 1933, "On the likelihood that one unknown probability exceeds another").

use synth_core::{Result, Suggestion};

use super::Batch;
use crate::gp::{Cholesky, dot};

/// At most so many candidates are drawn jointly: the cost is cubic.
const DRAWN: usize = 400;

impl Batch<'_> {
    /// Each joint draw of the function over the candidates gives its minimiser.
    pub(super) fn choose_by_draws(mut self, n: usize) -> Result<Suggestion> {
        let mut open: Vec<usize> = Vec::new();
        for (i, c) in self.candidates.iter().enumerate() {
            let (set, _) = self.space.snap(&c.at.unit);
            if !self.seen.contains(&set, &self.space.encoding)? {
                open.push(i);
            }
        }
        if let Some(region) = &self.region {
            open.sort_by_key(|i| !region.contains(&self.candidates[*i].at));
        }
        open.truncate(DRAWN);
        let draws = self.draws(&open, n - self.chosen.len())?;
        for draw in draws {
            let mut order: Vec<usize> = (0..open.len()).collect();
            order.sort_by(|a, b| draw[*a].total_cmp(&draw[*b]).then(a.cmp(b)));
            for at in order {
                let forecast = &self.members[0].forecasts[open[at]];
                let forecast = (forecast.mean, forecast.variance);
                let (set, _) = self.space.snap(&self.candidates[open[at]].at.unit);
                if self.seen.insert(&set, &self.space.encoding)? {
                    self.propose(0, set, forecast, None);
                    break;
                }
            }
        }
        self.finish(n)
    }

    fn draws(&self, open: &[usize], n: usize) -> Result<Vec<Vec<f64>>> {
        let m = open.len();
        let (candidate, forecast) =
            (|i: usize| &self.candidates[open[i]], |i: usize| &self.members[0].forecasts[open[i]]);
        let process = &self.members[0].model.process;
        let kernel = process.covariance_function();
        let mut covariance = vec![0.0; m * m];
        for i in 0..m {
            for j in 0..=i {
                let prior = kernel.between(candidate(i).at.point(), candidate(j).at.point());
                covariance[i * m + j] = prior - dot(&forecast(i).whitened, &forecast(j).whitened);
            }
        }
        let factor = Cholesky::new(&covariance, m, 0)?;
        let seed = self.seed.derive("optimize/gp/thompson");
        let draw = |index: usize| {
            let mut stream = seed.stream(((process.len() as u64) << 32) + index as u64);
            let z: Vec<f64> = (0..m).map(|_| stream.normal()).collect();
            (0..m).map(|i| forecast(i).mean + dot(factor.row(i), &z[..=i]) - candidate(i).feasible).collect()
        };
        Ok((0..n).map(draw).collect())
    }
}
