//! Laws of [`Validator`] and [`Pass`].

use std::collections::BTreeSet;

use super::check::{skip, suite};
use crate::{CheckOutcome, Pass, Sample, Seed, Validator, Verdict};

suite! {
    ($)
    /// One `#[test]` per law of [`Validator`](crate::Validator).
    ///
    /// Takes a function that makes the validator, `Fn() -> Box<dyn Validator<T>>`, and its
    /// [`ValidatorCaps`](crate::conformance::ValidatorCaps).
    validator, validator_conformance {
        order_is_invisible,
        chunking_is_invisible,
        partial_states_merge_to_the_whole,
        passes_are_independent,
        every_declared_check_is_reported,
        findings_name_their_check_and_sample,
        known_defects_are_found,
        nothing_observed_is_skipped,
        check_that_cannot_run_is_skipped,
        foreign_state_is_an_error,
    }
}

/// Makes a fresh validator.
pub type MakeValidator<T> = dyn Fn() -> Box<dyn Validator<T>>;

/// The fixtures for a validator's checks.
#[derive(Debug)]
pub struct ValidatorCaps<T> {
    /// At least four samples with unique ids, so many and such that all checks can run and some find
    /// something.
    pub samples: Vec<(String, Sample<T>)>,
    /// The check and sample (`None`: the whole set) of findings that must come.
    pub defects: Vec<(String, Option<String>)>,
    /// A validator one of whose checks cannot run on `samples` (it lacks a reference, a rule, a
    /// label), and that check's name.
    pub starved: Option<Starved<T>>,
}

/// A validator that lacks something, and the name of the check that therefore cannot run.
pub type Starved<T> = (fn() -> Box<dyn Validator<T>>, &'static str);

impl<T> ValidatorCaps<T> {
    /// These samples, without the optional fixtures.
    pub fn new(samples: Vec<(String, Sample<T>)>) -> Self {
        Self { samples, defects: Vec::new(), starved: None }
    }

    fn observed(&self) -> Vec<(&str, &Sample<T>)> {
        assert!(self.samples.len() > 3, "the suite needs at least four samples, got {}", self.samples.len());
        self.samples.iter().map(|(id, sample)| (id.as_str(), sample)).collect()
    }
}

fn verdict_in_chunks<T>(
    validator: &dyn Validator<T>,
    samples: &[(&str, &Sample<T>)],
    size: usize,
) -> Verdict {
    finish(observe(validator, samples, size))
}

fn observe<T>(validator: &dyn Validator<T>, samples: &[(&str, &Sample<T>)], size: usize) -> Box<dyn Pass<T>> {
    let mut pass = validator.start();
    for chunk in samples.chunks(size) {
        pass.observe(chunk).expect("the suite's samples must be observable");
    }
    pass
}

fn finish<T>(pass: Box<dyn Pass<T>>) -> Verdict {
    pass.finish().expect("a pass over the suite's samples must finish")
}

/// Samples in another order give the same verdict, findings in the same order.
pub fn order_is_invisible<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let (validator, mut samples) = (make(), caps.observed());
    let straight = verdict_in_chunks(&*validator, &samples, samples.len());
    for round in 0..3 {
        Seed::from_u64(1).derive("conformance/validator").stream(round).shuffle(&mut samples);
        let got = verdict_in_chunks(&*validator, &samples, samples.len());
        assert_same("the order of samples is invisible", &straight, &got);
    }
}

/// Samples one by one, in threes, or all at once, with empty chunks between: the same verdict.
pub fn chunking_is_invisible<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let (validator, samples) = (make(), caps.observed());
    let whole = verdict_in_chunks(&*validator, &samples, samples.len());
    for size in [1, 3] {
        assert_same("chunking is invisible", &whole, &verdict_in_chunks(&*validator, &samples, size));
    }
    let mut pass = observe(&*validator, &samples[..2], 2);
    pass.observe(&[]).expect("an empty chunk is no failure");
    pass.observe(&samples[2..]).expect("the suite's samples must be observable");
    assert_same("an empty chunk is invisible", &whole, &finish(pass));
}

/// The states of passes over parts, sent through JSON and absorbed in any order, give the verdict of
/// one pass over the whole.
pub fn partial_states_merge_to_the_whole<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let (validator, samples) = (make(), caps.observed());
    let whole = verdict_in_chunks(&*validator, &samples, samples.len());
    let states = || {
        samples.chunks(samples.len().div_ceil(3)).map(|part| {
            let state = observe(&*validator, part, part.len()).state().expect("a state must serialise");
            serde_json::from_str(&state.to_string()).expect("a state is JSON")
        })
    };
    for backwards in [false, true] {
        let mut states: Vec<serde_json::Value> = states().collect();
        if backwards {
            states.reverse();
        }
        let mut pass = make().start();
        for state in states {
            pass.absorb(state).expect("a pass must absorb its own validator's states");
        }
        assert_same("partial states merge to the whole", &whole, &finish(pass));
    }
}

/// Two passes of one validator at once do not see each other's samples.
pub fn passes_are_independent<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let (validator, samples) = (make(), caps.observed());
    let alone = verdict_in_chunks(&*make(), &samples[..2], 2);
    let mut first = validator.start();
    let mut second = validator.start();
    for pair in samples.chunks(2) {
        second.observe(pair).expect("the suite's samples must be observable");
    }
    first.observe(&samples[..2]).expect("the suite's samples must be observable");
    finish(second);
    assert_same("passes are independent", &alone, &finish(first));
}

/// The verdict tells of every declared check whether it ran, and of no other.
pub fn every_declared_check_is_reported<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let validator = make();
    let samples = caps.observed();
    let declared: BTreeSet<String> = validator.checks().into_iter().collect();
    assert!(!declared.is_empty(), "every declared check is reported: none is declared");
    for seen in [&samples[..], &[]] {
        let verdict = verdict_in_chunks(&*validator, seen, 2);
        let reported: BTreeSet<String> = verdict.checks.into_keys().collect();
        assert!(reported == declared, "every declared check is reported: {reported:?} of {declared:?}");
    }
}

/// A finding's check is declared and ran, and its sample is one of those observed.
pub fn findings_name_their_check_and_sample<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let samples = caps.observed();
    let verdict = verdict_in_chunks(&*make(), &samples, 2);
    for finding in &verdict.findings {
        let ran = matches!(verdict.checks.get(&finding.check), Some(CheckOutcome::Ran { n }) if *n > 0);
        let known = finding.sample.as_ref().is_none_or(|id| samples.iter().any(|(known, _)| known == id));
        assert!(ran && known, "findings name their check and sample: {finding:?} of {:?}", verdict.checks);
        assert!(!finding.evidence.is_empty(), "findings have evidence: {finding:?}");
    }
}

/// Every finding in `caps.defects` comes.
pub fn known_defects_are_found<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    if caps.defects.is_empty() {
        return skip("known_defects_are_found", "caps.defects is empty");
    }
    let verdict = verdict_in_chunks(&*make(), &caps.observed(), 2);
    for (check, sample) in &caps.defects {
        let found = verdict.findings.iter().any(|f| f.check == *check && f.sample == *sample);
        assert!(found, "known defects are found: no {check} of {sample:?} in {:?}", verdict.findings);
    }
}

/// A pass that saw nothing finds nothing and skips every check.
pub fn nothing_observed_is_skipped<T>(make: &MakeValidator<T>, _caps: &ValidatorCaps<T>) {
    let verdict = finish(make().start());
    let found = verdict.findings.len();
    assert!(found == 0, "nothing observed, nothing found: {:?}", verdict.findings);
    for (check, outcome) in &verdict.checks {
        assert_skipped("a check of nothing is skipped", check, Some(outcome));
    }
}

/// A check that lacks what it needs is [`CheckOutcome::Skipped`], with a reason, and finds nothing.
pub fn check_that_cannot_run_is_skipped<T>(_make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let Some((starved, check)) = caps.starved else {
        return skip("check_that_cannot_run_is_skipped", "caps.starved is not given");
    };
    let verdict = verdict_in_chunks(&*starved(), &caps.observed(), 2);
    assert_skipped("a check that cannot run is skipped", check, verdict.checks.get(check));
    let found = verdict.findings.iter().find(|finding| finding.check == check);
    assert!(found.is_none(), "a check that cannot run finds nothing: {found:?}");
}

/// A state of something else is an error, not a panic, and leaves the pass as it was.
pub fn foreign_state_is_an_error<T>(make: &MakeValidator<T>, caps: &ValidatorCaps<T>) {
    let (validator, samples) = (make(), caps.observed());
    let expected = verdict_in_chunks(&*validator, &samples, 2);
    let mut pass = observe(&*validator, &samples, 2);
    for foreign in
        [serde_json::json!("foreign"), serde_json::json!({ "foreign": 1 }), serde_json::json!([[]])]
    {
        let result = pass.absorb(foreign.clone());
        assert!(result.is_err(), "a foreign state is an error: {foreign} was absorbed");
    }
    assert_same("a foreign state changes nothing", &expected, &finish(pass));
}

fn assert_skipped(law: &str, check: &str, outcome: Option<&CheckOutcome>) {
    let reason = match outcome {
        Some(CheckOutcome::Skipped { reason }) => reason,
        other => panic!("{law}: {check} says {other:?}"),
    };
    assert!(!reason.is_empty(), "{law}: {check} gives no reason");
}

fn assert_same(law: &str, expected: &Verdict, got: &Verdict) {
    assert!(expected.checks == got.checks, "{law}: {:?}, expected {:?}", got.checks, expected.checks);
    let pair = expected.findings.iter().zip(&got.findings).find(|(a, b)| a != b);
    assert!(pair.is_none(), "{law}: findings differ, first {pair:?}");
    let (a, b) = (expected.findings.len(), got.findings.len());
    assert!(a == b, "{law}: {b} findings, expected {a}");
}
