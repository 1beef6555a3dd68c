use std::sync::OnceLock;

use ndarray::Array2;
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, EmbedderId, Error, Result, embedder_conformance};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    AddsAColumn,
    DividesByZero,
    CentresTheBatch,
    SeesTheThreads,
    SeesItsPlace,
    IsBlind,
    DividesByTheSpread,
    RejectsNothing,
    RenamesItself,
}

/// Mean and spread of a text's bytes.
#[derive(Debug)]
struct Toy {
    identities: [EmbedderId; 2],
    used: OnceLock<()>,
    flaw: Flaw,
}

impl Toy {
    fn row(&self, item: &str) -> [f32; 2] {
        let n = item.len() as f32;
        let mean = item.bytes().map(f32::from).sum::<f32>() / n;
        let spread = item.bytes().map(|byte| (f32::from(byte) - mean).powi(2)).sum::<f32>() / n;
        match self.flaw {
            Flaw::IsBlind => [1.0, 2.0],
            Flaw::DividesByZero => [mean, 1.0 / 0.0_f32.min(n)],
            Flaw::DividesByTheSpread => [mean / spread, spread],
            _ => [mean, spread],
        }
    }
}

impl Embedder<str> for Toy {
    fn identity(&self) -> &EmbedderId {
        &self.identities[usize::from(self.flaw == Flaw::RenamesItself && self.used.get().is_some())]
    }

    fn dim(&self) -> usize {
        2
    }

    fn embed(&self, items: &[&str]) -> Result<Array2<f32>> {
        self.used.get_or_init(|| ());
        if self.flaw == Flaw::RejectsNothing && items.is_empty() {
            return Err(Error::invalid("items", "at least one", 0));
        }
        let mut matrix = Array2::zeros((items.len(), 2 + usize::from(self.flaw == Flaw::AddsAColumn)));
        for (place, (mut out, item)) in matrix.outer_iter_mut().zip(items).enumerate() {
            let [mean, spread] = self.row(item);
            out[0] = mean;
            out[1] = match self.flaw {
                Flaw::CentresTheBatch => spread / items.len() as f32,
                Flaw::SeesTheThreads => spread * rayon::current_num_threads() as f32,
                Flaw::SeesItsPlace => spread + place as f32,
                _ => spread,
            };
        }
        Ok(matrix)
    }
}

fn make(flaw: Flaw) -> impl Fn() -> Box<dyn Embedder<str>> {
    let id = |name: &str| EmbedderId { name: name.into(), weights: None, preprocessing: "none".into() };
    move || {
        let identities = [id("toy-1"), id("toy-2")];
        Box::new(Toy { identities, used: OnceLock::new(), flaw })
    }
}

fn caps() -> EmbedderCaps<str> {
    EmbedderCaps::new(["some", "short", "texts"]).with_constant("aaaa")
}

mod sound {
    use super::*;
    embedder_conformance!(make(Flaw::None), caps());
}

broken! { embedder, |_| caps();
    rows_have_the_declared_dim: AddsAColumn => "rows have the declared dim: 3 columns, declared 2",
    rows_are_finite: DividesByZero => "rows are finite: Some(((0, 1), inf))",
    rows_depend_on_their_item_only: CentresTheBatch => "its item only (batch of 2): row 0 differs, first at column Some(1)",
    thread_count_is_invisible: SeesTheThreads => "the number of threads is invisible: row 0",
    order_is_invisible: SeesItsPlace => "the order of items is invisible: row 0",
    distinct_items_have_distinct_rows: IsBlind => "distinct items have distinct rows",
    constant_item_is_finite: DividesByTheSpread => "a constant item is finite: [inf",
    empty_batch_gives_no_rows: RejectsNothing => "an empty batch gives no rows: Err",
    identity_is_stable: RenamesItself => "the identity is stable: toy-1/none became toy-2/none",
}
