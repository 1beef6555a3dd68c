//! Choosing a batch, one point after another.

use synth_core::{ParameterSet, Proposal, Result, Seed, Stream, Suggestion};

use super::GpParams;
use super::feasibility::Feasibility;
use super::model::Model;
use super::outcome::Outcomes;
use super::search::{Effort, Found, climb};
use super::space::{Located, ModelSpace};
use super::surface::{Goal, Surface};
use crate::acquisition::Acquisition;
use crate::distinct::{Seen, size_at_most, unseen};
use crate::encoding::UnitColumn;
use crate::gp::{GaussianProcess, dot};
use crate::sobol::SobolSequence;

/// A point that may be proposed, with its prediction under the process as it grows.
#[derive(Clone, Debug)]
struct Candidate {
    at: Located,
    whitened: Vec<f64>,
    mean: f64,
    variance: f64,
    feasible: f64,
}

/// A batch in the making: the process believes its own predictions of what was chosen already, so
/// that the next point looks elsewhere.
pub(crate) struct Batch<'a> {
    params: &'a GpParams,
    space: &'a ModelSpace,
    model: Model,
    feasibility: Option<Feasibility>,
    candidates: Vec<Candidate>,
    best: f64,
    seen: Seen,
    seed: Seed,
    chosen: Vec<Proposal>,
}

const EFFORT: Effort = Effort { iterations: 24, rounds: 2, levels: 4 };
/// Candidates from which climbs start.
const CLIMBS: usize = 3;
/// A discrete space up to this size is looked at whole.
const WHOLE: u64 = 2048;

impl<'a> Batch<'a> {
    pub(crate) fn new(
        params: &'a GpParams,
        space: &'a ModelSpace,
        outcomes: &Outcomes,
        seen: Seen,
        n: usize,
        seed: Seed,
    ) -> Result<Self> {
        let mut model = Model::fit(space, outcomes, params.noise, outcomes.pending.len() + n)?;
        let best = least(&model.process.means_at_inputs());
        for at in &outcomes.pending {
            believe(&mut model.process, at);
        }
        let worked: Vec<Located> = outcomes.measured.iter().map(|m| m.at.clone()).collect();
        let feasibility = Feasibility::new(space, &worked, &outcomes.failed)?;
        let mut batch =
            Self { params, space, model, feasibility, candidates: vec![], best, seen, seed, chosen: vec![] };
        batch.candidates = batch.candidates(&worked)?;
        Ok(batch)
    }

    /// Chooses up to `n` points.
    pub(crate) fn choose(mut self, n: usize) -> Result<Suggestion> {
        if self.params.acquisition == Acquisition::Thompson {
            return self.choose_by_draws(n);
        }
        while self.chosen.len() < n {
            let surface = self.surface(self.goal());
            let mut found = self.climbs(&surface);
            found.sort_by(|a, b| b.score.total_cmp(&a.score));
            let Some(next) = self.first_new(found)? else { break };
            self.take(next)?;
        }
        self.finish(n)
    }

    fn goal(&self) -> Goal {
        if self.chosen.is_empty() && self.params.exploit {
            return Goal::Mean;
        }
        Goal::Acquisition { kind: self.params.acquisition, best: self.best, beta: self.params.ucb_beta }
    }

    fn surface(&self, goal: Goal) -> Surface<'_> {
        Surface {
            space: self.space,
            process: &self.model.process,
            feasibility: self.feasibility.as_ref(),
            goal,
        }
    }

    /// Ends of climbs from the best candidates, then the candidates themselves.
    fn climbs(&self, surface: &Surface<'_>) -> Vec<Found> {
        let mut found: Vec<Found> = self
            .candidates
            .iter()
            .map(|c| Found { at: c.at.clone(), score: surface.score(c.mean, c.variance) + c.feasible })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let ends: Vec<Found> =
            found.iter().take(CLIMBS).map(|f| climb(surface, &f.at.unit, EFFORT)).collect();
        found.extend(ends);
        found
    }

    fn first_new(&self, found: Vec<Found>) -> Result<Option<Found>> {
        for one in found {
            let (set, _) = self.space.snap(&one.at.unit);
            if one.score.is_finite() && !self.seen.contains(&set, &self.space.encoding)? {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }

    fn take(&mut self, next: Found) -> Result<()> {
        let (set, at) = self.space.snap(&next.at.unit);
        self.seen.insert(&set, &self.space.encoding)?;
        let goal =
            Goal::Acquisition { kind: self.params.acquisition, best: self.best, beta: self.params.ucb_beta };
        let (mean, variance) = self.predict(&at);
        let score = self.surface(goal).score(mean, variance);
        self.propose(set, mean, variance, Some(self.params.acquisition.value_of(score)));
        self.best = self.best.min(mean);
        believe(&mut self.model.process, &at);
        self.update_candidates(&at);
        Ok(())
    }

    fn predict(&self, at: &Located) -> (f64, f64) {
        self.model.process.posterior(at.point(), &mut vec![0.0; self.model.process.len()])
    }

    fn propose(&mut self, set: ParameterSet, mean: f64, variance: f64, acquisition: Option<f64>) {
        let warp = &self.model.warp;
        let finite = |x: f64| x.is_finite().then_some(x);
        self.chosen.push(Proposal {
            params: set,
            mean: finite(warp.undo(mean)),
            std: finite(warp.stretch(mean) * libm::sqrt(variance)),
            acquisition: acquisition.and_then(finite),
        });
    }

    /// Lets the candidates know of the point that the process was just given.
    fn update_candidates(&mut self, at: &Located) {
        let process = &self.model.process;
        let row = process.last_factor_row();
        let (pivot, row) = (row[row.len() - 1], &row[..row.len() - 1]);
        for candidate in &mut self.candidates {
            let covariance = process.covariance_function().between(candidate.at.point(), at.point());
            let next = (covariance - dot(&candidate.whitened, row)) / pivot;
            candidate.whitened.push(next);
            candidate.variance = (candidate.variance - next * next).max(0.0);
        }
    }

    fn candidates(&self, worked: &[Located]) -> Result<Vec<Candidate>> {
        let points = match size_at_most(self.space.encoding.space()) {
            Some(size) if size <= WHOLE => self.all_new()?,
            _ => self.drawn(worked),
        };
        let inputs = self.space.inputs(&points);
        let rows = self.model.process.whitened_rows(&inputs);
        let variance = self.model.process.covariance_function().variance;
        let candidate = |(at, whitened): (Located, Vec<f64>)| Candidate {
            mean: self.model.process.mean_from(&whitened),
            variance: (variance - dot(&whitened, &whitened)).max(0.0),
            feasible: self.feasibility.as_ref().map_or(0.0, |f| f.log_probability(at.point())),
            at,
            whitened,
        };
        Ok(points.into_iter().zip(rows).map(candidate).collect())
    }

    fn all_new(&self) -> Result<Vec<Located>> {
        let sets = unseen(&self.space.encoding, &self.seen, WHOLE as usize, self.seed)?;
        sets.iter().map(|set| Ok(self.space.locate(self.space.encoding.encode(set)?))).collect()
    }

    /// Scrambled Sobol points over the whole cube, and steps of every size from the best points.
    fn drawn(&self, worked: &[Located]) -> Vec<Located> {
        let seed = self.seed.derive("optimize/gp/candidates");
        let sobol = SobolSequence::new(self.space.dim(), seed.derive(&worked.len().to_string()));
        let mut points: Vec<Located> =
            (0..self.params.candidates as u64).map(|i| self.space.snap(&sobol.point(i)).1).collect();
        let means = self.model.process.means_at_inputs();
        let mut order: Vec<usize> = (0..worked.len()).collect();
        order.sort_by(|a, b| means[*a].total_cmp(&means[*b]).then(a.cmp(b)));
        let mut stream = seed.stream(worked.len() as u64);
        for i in 0..self.params.candidates / 2 {
            let from = &worked[order[i % order.len().min(4)]];
            points.push(self.space.snap(&self.step(&from.unit, &mut stream)).1);
        }
        points.extend(order.iter().take(2).map(|i| worked[*i].clone()));
        points
    }

    /// A random step: some columns, normal for numbers, uniform for categories, of a random size.
    fn step(&self, from: &[f64], stream: &mut Stream) -> Vec<f64> {
        let size = libm::exp(stream.uniform(libm::log(1e-4), libm::log(0.3)));
        let share = stream.unit();
        let mut unit = from.to_vec();
        for (u, column) in unit.iter_mut().zip(self.space.encoding.columns()) {
            let (moves, z, fresh) = (stream.unit() < share, stream.normal(), stream.unit());
            match column {
                UnitColumn::Category { .. } if moves && size > 0.05 => *u = fresh,
                UnitColumn::Category { .. } => {}
                _ if moves => *u = (*u + size * z).clamp(0.0, 1.0),
                _ => {}
            }
        }
        unit
    }

    /// Thompson sampling: each draw of the function over the candidates gives its minimiser.
    fn choose_by_draws(mut self, n: usize) -> Result<Suggestion> {
        let mut open: Vec<usize> = Vec::new();
        for (i, c) in self.candidates.iter().enumerate() {
            let (set, _) = self.space.snap(&c.at.unit);
            if !self.seen.contains(&set, &self.space.encoding)? {
                open.push(i);
            }
        }
        open.truncate(400);
        let draws = self.draws(&open, n)?;
        for draw in draws {
            let mut order: Vec<usize> = (0..open.len()).collect();
            order.sort_by(|a, b| draw[*a].total_cmp(&draw[*b]).then(a.cmp(b)));
            for at in order {
                let candidate = &self.candidates[open[at]];
                let (mean, variance) = (candidate.mean, candidate.variance);
                let (set, _) = self.space.snap(&candidate.at.unit);
                if self.seen.insert(&set, &self.space.encoding)? {
                    self.propose(set, mean, variance, None);
                    break;
                }
            }
        }
        self.finish(n)
    }

    fn draws(&self, open: &[usize], n: usize) -> Result<Vec<Vec<f64>>> {
        let m = open.len();
        let candidate = |i: usize| &self.candidates[open[i]];
        let kernel = self.model.process.covariance_function();
        let mut covariance = vec![0.0; m * m];
        for i in 0..m {
            for j in 0..=i {
                let (a, b) = (candidate(i), candidate(j));
                covariance[i * m + j] =
                    kernel.between(a.at.point(), b.at.point()) - dot(&a.whitened, &b.whitened);
            }
        }
        let factor = crate::gp::Cholesky::new(&covariance, m, 0)?;
        let seed = self.seed.derive("optimize/gp/thompson");
        let draw = |index: usize| {
            let mut stream = seed.stream(((self.model.process.len() as u64) << 32) + index as u64);
            let z: Vec<f64> = (0..m).map(|_| stream.normal()).collect();
            (0..m).map(|i| candidate(i).mean + dot(factor.row(i), &z[..=i]) - candidate(i).feasible).collect()
        };
        Ok((0..n).map(draw).collect())
    }

    /// What is missing is filled from what is left of the space.
    fn finish(mut self, n: usize) -> Result<Suggestion> {
        let sobol = SobolSequence::new(self.space.dim(), self.seed.derive("optimize/gp/fill"));
        let left = n - self.chosen.len();
        if left > 0 {
            let first = self.model.process.len() as u64;
            let encoding = &self.space.encoding;
            let draw = |i| encoding.decode(&sobol.point(first + i));
            let rest = crate::distinct::distinct(encoding, &mut self.seen, left, self.seed, draw)?;
            self.chosen.extend(rest.proposals);
        }
        let exhausted = self.chosen.len() < n;
        Ok(Suggestion { proposals: self.chosen, exhausted })
    }
}

/// Gives the process its own prediction of a point as if it had been seen.
fn believe(process: &mut GaussianProcess, at: &Located) {
    let (mean, _) = process.posterior(at.point(), &mut vec![0.0; process.len()]);
    let noise = process.noise_variance();
    process.push(at.point(), mean, noise);
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
