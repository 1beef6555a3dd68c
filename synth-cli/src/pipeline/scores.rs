use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synth_core::distance::{Pairwise, nearest, nearest_others};
use synth_core::{Embeddings, Estimate, FittedDivergence, Result};
use synth_export::{DatasetType, SampleRecord};
use synth_optimize::calibrate::IterationRecord;

use super::plan::type_name;

/// `scores.json`: what an iteration found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scores {
    /// The calibration's own record.
    #[serde(flatten)]
    pub(crate) record: IterationRecord,
    /// Divergence of whole sets from the real set: close, far.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sets: BTreeMap<String, Estimate>,
    /// How near a sample must be to a real one to count as near; fixed at iteration 0: the median
    /// distance of a real sample to the nearest real sample of another group.
    pub(crate) epsilon: f64,
    /// Share of the samples that are so near, by part of the experiment.
    pub(crate) share_within_epsilon: BTreeMap<String, f64>,
    /// Distance of each sample to the nearest real one.
    pub(crate) nearest_real: BTreeMap<String, f64>,
}

/// The real set and what is fixed by it.
#[derive(Debug)]
pub(crate) struct RealSet {
    embeddings: Embeddings,
    epsilon: f64,
}

impl RealSet {
    pub(crate) fn new(embeddings: Embeddings) -> Result<Self> {
        let epsilon = neighbour_distance(&embeddings)?;
        Ok(Self { embeddings, epsilon })
    }

    /// The scores of an iteration's samples; `samples` are its rows but the real ones.
    pub(crate) fn score(
        &self,
        record: IterationRecord,
        records: &[SampleRecord],
        samples: Option<&Embeddings>,
        divergence: &dyn FittedDivergence,
    ) -> Result<Scores> {
        let mut scores = Scores {
            record,
            sets: BTreeMap::new(),
            epsilon: self.epsilon,
            share_within_epsilon: BTreeMap::new(),
            nearest_real: BTreeMap::new(),
        };
        let Some(samples) = samples else { return Ok(scores) };
        let found = nearest(samples.matrix(), self.embeddings.matrix(), 1, &Pairwise::new())?;
        let distances = found.squared.column(0).mapv(f64::sqrt);
        scores.nearest_real = samples.ids().iter().cloned().zip(distances.iter().copied()).collect();
        for dataset_type in [DatasetType::Close, DatasetType::Far, DatasetType::Synthetic] {
            let ids: Vec<&str> = records
                .iter()
                .filter(|record| record.dataset_type == dataset_type)
                .map(|record| record.sample_id.as_str())
                .collect();
            if ids.is_empty() {
                continue;
            }
            let name = type_name(dataset_type).to_owned();
            let near = ids.iter().filter(|id| scores.nearest_real.get(**id) <= Some(&self.epsilon)).count();
            scores.share_within_epsilon.insert(name.clone(), near as f64 / ids.len() as f64);
            if dataset_type != DatasetType::Synthetic && ids.len() > 1 {
                let rows: Vec<usize> =
                    (0..samples.len()).filter(|&row| ids.contains(&samples.ids()[row].as_str())).collect();
                scores.sets.insert(name, divergence.estimate(&samples.select(&rows)?)?);
            }
        }
        Ok(scores)
    }
}

/// The median distance of a row to the nearest row of another group; of another row where all are
/// one group.
fn neighbour_distance(real: &Embeddings) -> Result<f64> {
    let groups = real.group_numbers();
    let largest = groups.iter().map(|group| groups.iter().filter(|other| *other == group).count()).max();
    let neighbours = largest.unwrap_or(1).min(real.len().saturating_sub(1)).max(1);
    let found = nearest_others(real.matrix(), neighbours, &Pairwise::new())?;
    let mut distances: Vec<f64> = (0..real.len())
        .map(|row| {
            let others = found.indices.row(row);
            let at = others.iter().position(|&other| groups[other] != groups[row]).unwrap_or(0);
            found.squared[[row, at]].sqrt()
        })
        .collect();
    distances.sort_by(f64::total_cmp);
    let middle = distances.len() / 2;
    let upper = distances[middle];
    Ok(if distances.len() % 2 == 1 { upper } else { (distances[middle - 1] + upper) / 2.0 })
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use synth_core::EmbedderId;

    use super::*;

    #[test]
    fn neighbours_of_the_same_group_do_not_count() {
        let id = EmbedderId { name: "toy".into(), weights: None, preprocessing: "none".into() };
        let names = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let rows = array![[0.0_f32], [0.5], [3.0], [10.0]];
        let real = Embeddings::new(names("abcd"), names("xxyz"), rows, id).expect("valid");
        // To another group: 3, 2.5, 2.5, 7.
        assert!((neighbour_distance(&real).expect("found") - 2.75).abs() < 1e-12);
    }
}
