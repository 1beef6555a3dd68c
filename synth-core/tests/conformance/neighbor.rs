use ndarray::ArrayView2;
use synth_core::conformance::NeighborCaps;
use synth_core::{Error, Neighbor, NeighborIndex, Result, neighbor_conformance};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    MissesTheNearest,
    ForgetsEarlierParts,
    KeepsWhatIsRemoved,
    FiltersAfterwards,
    LeavesTiesAsAdded,
    NeedsAsManyAsAsked,
    AddsUpToTheRepeated,
    IgnoresTheWidth,
    AcceptsNan,
}

/// Every distance, sorted.
#[derive(Debug)]
struct Toy {
    dim: usize,
    rows: Vec<(String, Vec<f32>)>,
    flaw: Flaw,
}

impl Toy {
    fn check(&self, rows: ArrayView2<'_, f32>) -> Result<()> {
        if rows.ncols() != self.dim && self.flaw != Flaw::IgnoresTheWidth {
            let (expected, got) = (vec![self.dim], vec![rows.ncols()]);
            return Err(Error::Shape { what: "row", expected, got });
        }
        if rows.iter().any(|value| !value.is_finite()) && self.flaw != Flaw::AcceptsNan {
            return Err(Error::NonFinite { what: "rows".into(), at: "a row".into() });
        }
        Ok(())
    }

    fn nearest(&self, query: &[f32], k: usize, filter: &(dyn Fn(&str) -> bool + Sync)) -> Vec<Neighbor> {
        let distance = |row: &[f32]| {
            let squares = row.iter().zip(query).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let late = self.flaw == Flaw::FiltersAfterwards;
        let passing = self.rows.iter().filter(|(id, _)| late || filter(id));
        let mut all: Vec<_> = passing.map(|(id, row)| (distance(row), id)).collect();
        all.sort_by(|a, b| match self.flaw {
            Flaw::LeavesTiesAsAdded => a.0.total_cmp(&b.0),
            _ => a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)),
        });
        let missed = usize::from(self.flaw == Flaw::MissesTheNearest && all.len() > k);
        let nearest = all.into_iter().skip(missed).take(k).filter(|(_, id)| filter(id));
        nearest.map(|(distance, id)| Neighbor { id: id.clone(), distance }).collect()
    }
}

impl NeighborIndex for Toy {
    fn add(&mut self, ids: &[String], rows: ArrayView2<'_, f32>) -> Result<()> {
        self.check(rows)?;
        if ids.len() != rows.nrows() {
            return Err(Error::Shape { what: "ids", expected: vec![rows.nrows()], got: vec![ids.len()] });
        }
        if self.flaw == Flaw::ForgetsEarlierParts {
            self.rows.clear();
        }
        let before = self.rows.len();
        for (id, row) in ids.iter().zip(rows.outer_iter()) {
            if self.rows.iter().any(|(known, _)| known == id) {
                if self.flaw != Flaw::AddsUpToTheRepeated {
                    self.rows.truncate(before);
                }
                return Err(Error::AlreadyExists { what: "row", name: id.clone() });
            }
            self.rows.push((id.clone(), row.to_vec()));
        }
        Ok(())
    }

    fn remove(&mut self, id: &str) -> bool {
        let at = self.rows.iter().position(|(known, _)| known == id);
        match at {
            Some(at) if self.flaw == Flaw::KeepsWhatIsRemoved => !self.rows[at].0.is_empty(),
            Some(at) => self.rows.remove(at).0 == id,
            None => false,
        }
    }

    fn search(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Vec<Neighbor>>> {
        self.check(queries)?;
        if self.flaw == Flaw::NeedsAsManyAsAsked && self.rows.len() < k {
            return Err(Error::invalid("k", "at most the number of rows", k));
        }
        Ok(queries.outer_iter().map(|query| self.nearest(&query.to_vec(), k, filter)).collect())
    }
}

fn make(flaw: Flaw) -> impl Fn(usize) -> Box<dyn NeighborIndex> {
    move |dim| Box::new(Toy { dim, rows: Vec::new(), flaw })
}

mod sound {
    use super::*;
    neighbor_conformance!(make(Flaw::None), NeighborCaps::exact());
}

mod sound_approximate {
    use super::*;
    neighbor_conformance!(
        make(Flaw::MissesTheNearest),
        NeighborCaps { recall: 0.6, ..NeighborCaps::exact() }
    );
}

broken! { neighbor, |_| NeighborCaps::exact();
    search_finds_the_nearest: MissesTheNearest => "the search finds the nearest: recall 0.9",
    adding_in_parts_is_invisible: ForgetsEarlierParts => "adding in parts is invisible: recall",
    removed_rows_are_not_found: KeepsWhatIsRemoved => "removing tells whether it was there: true, then true",
    filtered_rows_are_not_found: FiltersAfterwards => "filtered rows are not found: recall",
    ties_come_by_id: LeavesTiesAsAdded => "ties come by id",
    fewer_rows_than_asked_all_come: NeedsAsManyAsAsked => "the suite's queries must be accepted",
    repeated_id_is_an_error: AddsUpToTheRepeated => "a refused call adds nothing",
    wrong_width_is_a_shape_error: IgnoresTheWidth => "a wrong width is a shape error",
    nan_is_an_error: AcceptsNan => "a NaN is an error",
}
