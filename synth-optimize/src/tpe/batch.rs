//! Choosing a batch, one point after another.

use synth_core::{Proposal, Result, Seed, Stream, Suggestion};

use super::layout::{Layout, Place};
use super::mixture::Mixture;
use super::params::Tpe;
use super::split::Split;
use super::widths::spread;
use crate::distinct::{Seen, distinct, unseen};

/// So many untried sets of a discrete space are looked at where no draw was new.
const UNTRIED: usize = 512;

/// One way to smooth the good trials.
#[derive(Clone, Debug)]
struct View {
    good: Mixture,
    /// The width per column that good and bad share; `None` where each kernel has its own.
    widths: Option<Vec<f64>>,
}

/// A batch in the making.
pub(crate) struct Batch<'a> {
    layout: &'a Layout,
    candidates: usize,
    views: Vec<View>,
    bad: Vec<Vec<Place>>,
    seen: Seen,
    seed: Seed,
    stream: Stream,
    trials: usize,
    chosen: Vec<Proposal>,
}

impl<'a> Batch<'a> {
    /// `trials` is how long the history is, which turns the draws and whose turn it is.
    pub(crate) fn new(tpe: &'a Tpe, split: Split, seen: Seen, seed: Seed, trials: usize) -> Self {
        let Tpe { params, layout, .. } = tpe;
        let Split { good, weights, bad } = split;
        let of_column = |d: usize| good.iter().map(|point| point[d]).collect::<Vec<_>>();
        let spreads: Vec<f64> = (0..layout.axes.len()).map(|d| spread(&of_column(d))).collect();
        let view = |widths: Option<Vec<f64>>| View {
            good: Mixture::new(&layout.axes, &good, &weights, widths.as_deref()),
            widths,
        };
        let mut views = vec![view(None)];
        if params.close {
            views.push(view(Some(spreads)));
        }
        let stream = seed.derive("optimize/tpe").stream(trials as u64);
        Self { layout, candidates: params.candidates, views, bad, seen, seed, stream, trials, chosen: vec![] }
    }

    /// Chooses up to `n` points.
    pub(crate) fn choose(mut self, n: usize) -> Result<Suggestion> {
        while self.chosen.len() < n {
            let Some((unit, score)) = self.next()? else { break };
            self.take(&unit, score)?;
        }
        let left = n - self.chosen.len();
        let (space, stream) = (self.layout.encoding.space(), &mut self.stream);
        let rest = distinct(&self.layout.encoding, &mut self.seen, left, self.seed, |_| space.draw(stream))?;
        self.chosen.extend(rest.proposals);
        Ok(Suggestion { proposals: self.chosen, exhausted: rest.exhausted })
    }

    /// The best new draw of the view whose turn it is; where none is new, the best untried set.
    fn next(&mut self) -> Result<Option<(Vec<f64>, f64)>> {
        let view = &self.views[(self.trials + self.chosen.len()) % self.views.len()];
        let bad =
            Mixture::new(&self.layout.axes, &self.bad, &vec![1.0; self.bad.len()], view.widths.as_deref());
        let draws = (0..self.candidates).map(|_| view.good.draw(&mut self.stream)).collect();
        if let Some(found) = best_new(self.layout, &self.seen, view, &bad, draws)? {
            return Ok(Some(found));
        }
        let encoding = &self.layout.encoding;
        let untried = unseen(encoding, &self.seen, UNTRIED, self.seed)?;
        let untried = untried.iter().map(|set| encoding.encode(set)).collect::<Result<_>>()?;
        best_new(self.layout, &self.seen, view, &bad, untried)
    }

    /// What is chosen counts as bad from here on ("constant liar"), so that the next one lies elsewhere.
    fn take(&mut self, unit: &[f64], score: f64) -> Result<()> {
        let set = self.layout.encoding.decode(unit);
        self.seen.insert(&set, &self.layout.encoding)?;
        self.bad.push(self.layout.places(unit));
        self.chosen.push(Proposal { acquisition: Some(score), ..Proposal::new(set) });
        Ok(())
    }
}

/// The point of the greatest ln good − ln bad that was not seen, with that score.
fn best_new(
    layout: &Layout,
    seen: &Seen,
    view: &View,
    bad: &Mixture,
    units: Vec<Vec<f64>>,
) -> Result<Option<(Vec<f64>, f64)>> {
    let places: Vec<Vec<Place>> = units.iter().map(|unit| layout.places(unit)).collect();
    let (good, bad) = (view.good.log_densities(&places), bad.log_densities(&places));
    let ratios = good.iter().zip(&bad).map(|(good, bad)| good - bad);
    let mut scored: Vec<(Vec<f64>, f64)> = units.into_iter().zip(ratios).collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (unit, score) in scored {
        if !seen.contains(&layout.encoding.decode(&unit), &layout.encoding)? {
            return Ok(Some((unit, score)));
        }
    }
    Ok(None)
}
