use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use synth_core::conformance::ValidatorCaps;
use synth_core::{
    CheckOutcome, Error, Finding, ParameterSet, Pass, Provenance, Request, Result, Sample, Seed, Severity,
    Validator, Verdict, validator_conformance,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    BlamesTheLater,
    SeesTheChunks,
    ForgetsOnAbsorbing,
    SharesItsState,
    HidesACheck,
    MisnamesSamples,
    IsBlind,
    PassesNothing,
    PassesWithoutALimit,
    AbsorbsAnything,
}

/// Samples in the order they came, with the number of their chunk.
type Seen = Vec<(String, i64, usize)>;

/// Checks that numbers are below a limit and different. Of two equal ones the larger id is to blame.
#[derive(Debug)]
struct Toy {
    limit: Option<i64>,
    shared: Arc<Mutex<Seen>>,
    flaw: Flaw,
}

#[derive(Debug)]
struct ToyPass {
    limit: Option<i64>,
    seen: Arc<Mutex<Seen>>,
    chunks: usize,
    flaw: Flaw,
}

impl Validator<i64> for Toy {
    fn checks(&self) -> Vec<String> {
        ["limit", "repeated"].map(String::from).to_vec()
    }

    fn start(&self) -> Box<dyn Pass<i64>> {
        let own = Arc::default();
        let seen = if self.flaw == Flaw::SharesItsState { Arc::clone(&self.shared) } else { own };
        Box::new(ToyPass { limit: self.limit, seen, chunks: 0, flaw: self.flaw })
    }
}

impl ToyPass {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panics while it holds the lock")
    }

    fn outcome(&self, check: &str) -> CheckOutcome {
        let (n, limited) = (self.seen().len() as u64, self.limit.is_some() || check != "limit");
        let skipped = |reason: &str| CheckOutcome::Skipped { reason: reason.to_owned() };
        match (n, limited) {
            (_, false) if self.flaw != Flaw::PassesWithoutALimit => skipped("no limit is given"),
            (0, _) if self.flaw != Flaw::PassesNothing => skipped("there are no samples"),
            _ => CheckOutcome::Ran { n },
        }
    }

    fn finding(&self, check: &str, id: &str, evidence: String) -> Finding {
        let id = if self.flaw == Flaw::MisnamesSamples { format!("sample {id}") } else { id.to_owned() };
        Finding { check: check.to_owned(), severity: Severity::Error, sample: Some(id), evidence }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut seen = self.seen().clone();
        if self.flaw != Flaw::BlamesTheLater {
            seen.sort();
        }
        let mut findings = Vec::new();
        for (at, (id, value, chunk)) in seen.iter().enumerate() {
            if self.limit.is_some_and(|limit| *value > limit) {
                findings.push(self.finding("limit", id, format!("{value}")));
            }
            let together = |other: usize| self.flaw != Flaw::SeesTheChunks || other == *chunk;
            if seen[..at].iter().any(|(_, other, chunk)| other == value && together(*chunk)) {
                findings.push(self.finding("repeated", id, format!("{value} again")));
            }
        }
        findings.retain(|_| self.flaw != Flaw::IsBlind);
        findings
    }
}

impl Pass<i64> for ToyPass {
    fn observe(&mut self, samples: &[(&str, &Sample<i64>)]) -> Result<()> {
        self.chunks += 1;
        let chunk = self.chunks;
        self.seen().extend(samples.iter().map(|(id, sample)| ((*id).to_owned(), sample.item, chunk)));
        Ok(())
    }

    fn state(&self) -> Result<serde_json::Value> {
        serde_json::to_value(&*self.seen()).map_err(|source| Error::component("toy", source))
    }

    fn absorb(&mut self, state: serde_json::Value) -> Result<()> {
        let state: Seen = match serde_json::from_value(state) {
            Err(_) if self.flaw == Flaw::AbsorbsAnything => Seen::new(),
            state => state.map_err(|source| Error::component("toy", source))?,
        };
        if self.flaw == Flaw::ForgetsOnAbsorbing {
            self.seen().clear();
        }
        self.seen().extend(state);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Verdict> {
        let named = |check: &str| (check.to_owned(), self.outcome(check));
        let mut checks = BTreeMap::from(["limit", "repeated"].map(named));
        if self.flaw == Flaw::HidesACheck {
            checks.remove("limit");
        }
        Ok(Verdict { findings: self.findings(), checks })
    }
}

fn toy(limit: Option<i64>, flaw: Flaw) -> Box<dyn Validator<i64>> {
    Box::new(Toy { limit, shared: Arc::default(), flaw })
}

fn make(flaw: Flaw) -> impl Fn() -> Box<dyn Validator<i64>> {
    move || toy(Some(90), flaw)
}

fn sample(item: i64) -> Sample<i64> {
    let request = Request::new(ParameterSet::new(), Seed::from_u64(0), 0);
    let (inputs, uncontrolled) = (BTreeMap::new(), BTreeMap::new());
    let provenance = Provenance { generator: "toy".into(), request, inputs, uncontrolled };
    Sample { item, annotations: Vec::new(), provenance }
}

fn caps(flaw: Flaw) -> ValidatorCaps<i64> {
    let items = [("a", 7), ("b", 99), ("c", 3), ("d", 7), ("e", 5)];
    let samples = items.map(|(id, item)| (id.to_owned(), sample(item))).to_vec();
    let defects = vec![("limit".into(), Some("b".into())), ("repeated".into(), Some("d".into()))];
    let starved: fn() -> Box<dyn Validator<i64>> = match flaw {
        Flaw::PassesWithoutALimit => || toy(None, Flaw::PassesWithoutALimit),
        _ => || toy(None, Flaw::None),
    };
    ValidatorCaps { defects, starved: Some((starved, "limit")), ..ValidatorCaps::new(samples) }
}

mod sound {
    use super::*;
    validator_conformance!(make(Flaw::None), caps(Flaw::None));
}

broken! { validator, |flaw| caps(flaw);
    order_is_invisible: BlamesTheLater => "the order of samples is invisible",
    chunking_is_invisible: SeesTheChunks => "chunking is invisible",
    partial_states_merge_to_the_whole: ForgetsOnAbsorbing => "partial states merge to the whole",
    passes_are_independent: SharesItsState => "passes are independent",
    every_declared_check_is_reported: HidesACheck => "every declared check is reported: {\"repeated\"}",
    findings_name_their_check_and_sample: MisnamesSamples => "findings name their check and sample",
    known_defects_are_found: IsBlind => "known defects are found: no limit of Some(\"b\")",
    nothing_observed_is_skipped: PassesNothing => "a check of nothing is skipped: limit says",
    check_that_cannot_run_is_skipped: PassesWithoutALimit => "a check that cannot run is skipped: limit says",
    foreign_state_is_an_error: AbsorbsAnything => "a foreign state is an error: \"foreign\" was absorbed",
}
