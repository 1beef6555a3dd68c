//! Calibrations of a cheap generator from start to end.

mod toy;

use ndarray::Axis;
use synth_core::{
    Domain, Embeddings, Error, Marginal, Optimizer, Parameter, ParameterDistribution, ParameterSet,
    ParameterSpace, Proposal, Seed, Suggestion, Trial,
};
use synth_optimize::calibrate::{
    Action, BatchPolicy, Calibration, CalibrationInput, CalibrationMode, CalibrationParams, Conclusion,
    MarginalCurve, Outcome, StopReason, TrialOrigin,
};
use toy::{Rbf, draw, mmd2, play, space, truth};

const NEVER: &dyn Fn(usize, usize, usize) -> bool = &|_, _, _| false;

fn short() -> CalibrationParams {
    CalibrationParams { max_iterations: 3, bootstrap_replicates: 39, ..CalibrationParams::default() }
}

fn input(groups: usize, per_group: usize, seed: u64) -> CalibrationInput {
    let seed = Seed::from_u64(seed);
    CalibrationInput::new(space(), draw(&truth(), groups, per_group, seed.derive("real")), seed)
}

fn true_divergence(distribution: &ParameterDistribution) -> f64 {
    let far = draw(&truth(), 1000, 1, Seed::from_u64(1).derive("target"));
    mmd2(&draw(distribution, 1000, 1, Seed::from_u64(2)), &far)
}

/// The reduced form of the table that `benches` prints on images.
#[test]
fn finds_the_truth_far_better_than_the_uniform_distribution() {
    let uniform = true_divergence(&ParameterDistribution::uniform());
    let ratio = |n: usize, seed: u64| {
        let params = CalibrationParams {
            max_iterations: 4,
            early_stop_patience: 9,
            bootstrap_replicates: 19,
            ..short()
        };
        let played = play(params, input(n, 1, seed), NEVER).expect("plays");
        true_divergence(&played.result.distribution) / uniform
    };
    let median = |n: usize| {
        let mut ratios: Vec<f64> = (0..3).map(|seed| ratio(n, seed)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[1]
    };
    let (at_16, at_48) = (median(16), median(48));
    assert!(at_16 <= 0.25, "{at_16}");
    assert!(at_48 <= 0.10, "{at_48}");
}

#[test]
fn replaying_the_outcomes_leads_to_the_same_state() {
    let played = play(short(), input(16, 1, 3), NEVER).expect("plays");
    for cut in [1, 2, 3, 5, played.outcomes.len()] {
        let mut again = Calibration::new(short(), input(16, 1, 3), &Rbf).expect("starts");
        let mut full = Calibration::new(short(), input(16, 1, 3), &Rbf).expect("starts");
        for outcome in &played.outcomes[..cut] {
            again.apply(outcome.clone()).expect("applies");
            full.apply(outcome.clone()).expect("applies");
        }
        assert_eq!(again.next(), full.next());
        if let Action::Done(result) = again.next() {
            assert_eq!(*result, played.result);
        }
    }
}

#[test]
fn the_number_of_threads_is_invisible() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| play(short(), input(12, 1, 4), NEVER).expect("plays").result)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn records_and_result_survive_json() {
    let played = play(short(), input(16, 1, 5), NEVER).expect("plays");
    let text = serde_json::to_string(&played.result).expect("serialises");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("reads")["stop"], "iteration_limit");
    let record = played.records.last().expect("records");
    let text = serde_json::to_string(record).expect("serialises");
    let back: synth_optimize::calibrate::IterationRecord = serde_json::from_str(&text).expect("reads back");
    assert_eq!(back.trials.len(), record.trials.len());
    assert_eq!(played.records.len(), 4, "the initial iteration and three more");
    assert_eq!(played.records[0].trials.len(), 16);
    assert!(record.calibrated.std_error.is_some_and(|se| se > 0.0));
    assert_eq!(record.calibrated.null_quantiles.len(), 3);
    assert_eq!(record.best.len(), 5);
    assert!(record.best.windows(2).all(|pair| pair[0].predicted <= pair[1].predicted));
}

#[test]
fn a_batch_is_half_drawn_half_designed_and_never_repeats() {
    let played = play(short(), input(16, 1, 6), NEVER).expect("plays");
    let origins: Vec<TrialOrigin> = played.records[1].trials.iter().map(|t| t.origin).collect();
    assert_eq!(origins.iter().filter(|&&o| o == TrialOrigin::Calibrated).count(), 4);
    assert_eq!(origins.iter().filter(|&&o| o == TrialOrigin::Uncertain).count(), 4);
    let all: Vec<_> = played.records.iter().flat_map(|r| &r.trials).collect();
    for (i, a) in all.iter().enumerate() {
        assert!(all[..i].iter().all(|b| b.params != a.params), "{} is a repeat", a.param_set_id);
    }
    let params = CalibrationParams { policy: BatchPolicy::Sobol, ..short() };
    let played = play(params, input(16, 1, 6), NEVER).expect("plays");
    assert!(played.records[1].trials.iter().all(|t| t.origin == TrialOrigin::Sobol));
}

/// A truth of hardly any width, in a corner: the fit by likelihood alone is pulled away from it.
#[test]
fn a_narrow_truth_far_from_the_middle_is_found_and_measured() {
    let set = synth_core::ParameterSet::new().with("kind", "flat").with("count", 1).with("size", 9.0);
    let narrow = ParameterDistribution::point(set);
    let far = draw(&narrow, 1000, 1, Seed::from_u64(1).derive("target"));
    let divergence = |d: &ParameterDistribution| mmd2(&draw(d, 1000, 1, Seed::from_u64(2)), &far);
    let uniform = divergence(&ParameterDistribution::uniform());
    for seed in 0..3 {
        let mut narrow_input = input(16, 1, seed);
        narrow_input.real = draw(&narrow, 16, 1, Seed::from_u64(seed).derive("narrow"));
        let params = CalibrationParams { max_iterations: 6, bootstrap_replicates: 19, ..short() };
        let played = play(params, narrow_input, NEVER).expect("plays");
        let found = divergence(&played.result.distribution);
        assert!(found < 0.15 * uniform, "seed {seed}: {found} of {uniform}");
        let measured = played.result.measured.expect("measured").divergence;
        let error = measured.std_error.expect("many samples");
        assert!((measured.value - found).abs() < 4.0 * error, "{} ± {error}, and {found}", measured.value);
    }
}

#[test]
fn finalists_are_measured_on_draws_of_their_own() {
    let played = play(short(), input(16, 1, 6), NEVER).expect("plays");
    let last = played.records.last().expect("records");
    assert_eq!(last.trials.len(), 24, "as many samples as in every batch");
    assert!(last.trials.iter().all(|t| t.origin == TrialOrigin::Finalist && t.samples == 1));
    let measured = last.measured.as_ref().expect("measured");
    assert_eq!(measured.samples, 24);
    assert_eq!(played.result.measured.as_ref(), Some(measured));
    assert!(played.records[..3].iter().all(|r| r.measured.is_none()));
}

#[test]
fn lost_samples_and_lost_sets_do_not_stop_it() {
    let fails = |iteration: usize, set: usize, replication: usize| match iteration {
        0 => set < 3 || replication == 1,
        2 => true,
        _ => set == 0,
    };
    let played = play(short(), input(16, 1, 7), &fails).expect("plays");
    let first = &played.records[0].trials;
    assert_eq!((first[0].samples, first[0].failed), (0, 3));
    assert_eq!((first[5].samples, first[5].failed), (2, 1));
    assert!(first[0].divergence.is_none() && first[5].divergence.is_some());
    assert!(played.records[2].trials.iter().all(|t| t.samples == 0));
    let all_lost = |_, _, _| true;
    let error = play(short(), input(16, 1, 7), &all_lost).err().expect("nothing to learn from");
    assert!(matches!(error, Error::TooFewSamples { got: 0, .. }), "{error}");
}

#[test]
fn five_groups_have_no_p_value_and_the_result_says_why() {
    let played = play(short(), input(5, 3, 8), NEVER).expect("plays");
    let verdict = &played.result.verdict;
    assert_eq!((verdict.conclusion, verdict.p_value), (Conclusion::NotTested, None));
    assert!(verdict.notes[0].contains("no p-value: 5 independent real groups"), "{:?}", verdict.notes);
    assert!(played.result.notes[0].contains("15 real samples are 5 independent groups"));
}

#[test]
fn a_reachable_real_set_passes_and_an_unreachable_one_does_not() {
    let played = play(short(), input(24, 1, 9), NEVER).expect("plays");
    let verdict = &played.result.verdict;
    assert_eq!(verdict.conclusion, Conclusion::NotDistinguishable, "{verdict:?}");
    assert!(verdict.text.starts_with("not distinguishable at this n (smallest detectable shift"));
    let mut shifted = input(24, 1, 9);
    let mut matrix = shifted.real.matrix().to_owned();
    // The last column is noise about 0 for every parameter set: no distribution reaches 2.
    matrix.column_mut(7).iter_mut().for_each(|x| *x += 2.0);
    let (ids, groups) = (shifted.real.ids().to_vec(), shifted.real.groups().to_vec());
    shifted.real = Embeddings::new(ids, groups, matrix, toy::identity()).expect("valid");
    let block = |name: &str, columns| synth_optimize::calibrate::FeatureBlock { name: name.into(), columns };
    shifted.blocks = vec![block("shape", 0..7), block("grain", 7..8)];
    let result = play(short(), shifted, NEVER).expect("plays").result;
    assert_eq!(result.verdict.conclusion, Conclusion::Distinguishable);
    assert_eq!(result.miss.blocks[0].name, "grain");
    assert!(result.miss.blocks[0].shift > 1.0, "{:?}", result.miss.blocks);
    assert!(result.miss.text[0].contains("cannot reach the real data"), "{:?}", result.miss.text);
    assert!(result.miss.text[1].contains("more grain"), "{:?}", result.miss.text);
}

#[test]
fn a_quarter_is_held_out_from_64_samples_on() {
    let result = play(short(), input(64, 1, 10), NEVER).expect("plays").result;
    let holdout = result.holdout.expect("held out");
    assert_eq!((holdout.groups, result.verdict.groups), (16, 48));
    assert!(holdout.calibrated.value < holdout.uniform.value);
    assert!(play(short(), input(63, 1, 10), NEVER).expect("plays").result.holdout.is_none());
}

#[test]
fn curves_cover_every_parameter_with_ordered_bands() {
    let result = play(short(), input(16, 1, 11), NEVER).expect("plays").result;
    assert_eq!(result.marginals.len(), 4);
    for curve in &result.marginals {
        match curve {
            MarginalCurve::Numeric { grid, density, lower, upper, uniform, parameter, mean, std } => {
                assert!(grid.len() == density.len() && uniform.len() == grid.len());
                assert!(lower.iter().zip(upper).all(|(l, u)| l <= u));
                let ends = (grid[0], grid[grid.len() - 1]);
                assert!((ends.0..=ends.1).contains(mean) && *std > 0.0 && *std < ends.1 - ends.0);
                if parameter == "count" {
                    assert!(
                        (density.iter().sum::<f64>() - 1.0).abs() < 1e-9,
                        "a probability per whole number"
                    );
                }
            }
            MarginalCurve::Categorical { probability, lower, upper, .. } => {
                assert!((probability.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(lower.iter().zip(upper).all(|(l, u)| l <= u));
            }
        }
    }
}

#[test]
fn plateau_threshold_and_limit_end_it_as_asked() {
    let stop = |params| play(params, input(16, 1, 12), NEVER).expect("plays").result.stop;
    let long = || CalibrationParams { max_iterations: 30, bootstrap_replicates: 19, ..short() };
    assert_eq!(stop(CalibrationParams { early_stop_patience: 1, ..long() }), StopReason::Plateau);
    assert_eq!(
        stop(CalibrationParams { convergence_threshold: Some(10.0), ..long() }),
        StopReason::Threshold
    );
    assert_eq!(stop(CalibrationParams { max_iterations: 0, ..long() }), StopReason::IterationLimit);
}

fn point(real: Embeddings, seed: u64) -> CalibrationInput {
    let mut input = CalibrationInput::new(space(), real, Seed::from_u64(seed));
    let random = synth_optimize::RandomParams::default().build(space()).expect("built");
    input.optimizer = Some(std::sync::Arc::new(random));
    input
}

#[test]
fn point_mode_takes_its_batches_from_surrogate_and_optimiser() {
    let params = CalibrationParams { mode: CalibrationMode::Point, max_iterations: 1, ..short() };
    assert!(Calibration::new(params.clone(), input(16, 1, 13), &Rbf).is_err(), "no optimiser given");
    let real = || input(16, 1, 13).real;
    let origins = |params| -> Vec<TrialOrigin> {
        let played = play(params, point(real(), 13), NEVER).expect("plays");
        played.records[1].trials.iter().map(|t| t.origin).collect()
    };
    let active = origins(params.clone());
    assert_eq!(active.iter().filter(|&&o| o == TrialOrigin::Likely).count(), 4);
    assert_eq!(active.iter().filter(|&&o| o == TrialOrigin::Point).count(), 4);
    let without = origins(CalibrationParams { policy: BatchPolicy::Sobol, ..params });
    assert!(without.iter().all(|&o| o == TrialOrigin::Point));
}

/// Proposes the first set of the history again and again, as an optimiser may under noise.
#[derive(Debug)]
struct Insists(ParameterSpace);

impl Optimizer for Insists {
    fn name(&self) -> &str {
        "insists"
    }

    fn space(&self) -> &ParameterSpace {
        &self.0
    }

    fn suggest(&self, history: &[Trial], _n: usize, _seed: Seed) -> synth_core::Result<Suggestion> {
        let again = Proposal { params: history[0].params.clone(), mean: None, std: None, acquisition: None };
        Ok(Suggestion { proposals: vec![again], exhausted: false })
    }
}

#[test]
fn a_set_measured_again_is_one_set_with_more_samples() {
    let mut input = point(input(16, 1, 13).real, 13);
    input.optimizer = Some(std::sync::Arc::new(Insists(space())));
    // Five sets in all, so that each is among the best five.
    let params = CalibrationParams {
        mode: CalibrationMode::Point,
        policy: BatchPolicy::Sobol,
        initial_sets: 4,
        iteration_batch_size: 2,
        max_iterations: 1,
        ..short()
    };
    let played = play(params, input, NEVER).expect("plays");
    let insisted = &played.records[0].trials[0];
    let values: Vec<f64> = (played.records.iter().flat_map(|record| &record.trials))
        .filter(|trial| trial.params == insisted.params)
        .map(|trial| trial.divergence.as_ref().expect("measured").value)
        .collect();
    assert!(values.len() == 2 && values[0] != values[1], "{values:?}");
    let best = &played.result.best;
    assert_eq!(best.len(), 5);
    let listed: Vec<_> = best.iter().filter(|set| set.params == insisted.params).collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].param_set_id, insisted.param_set_id);
    assert_eq!(listed[0].measured, Some((values[0] + values[1]) / 2.0));
    let errors = |again: bool| {
        let sets = best.iter().filter(|set| (set.params == insisted.params) == again);
        sets.map(|set| set.measured_std_error).collect::<Vec<_>>()
    };
    assert_eq!((errors(true), errors(false)), (vec![None], vec![Some(0.01); 4]));
}

/// By the distance of mean embeddings to that of the hidden set, over 256 samples each.
#[test]
fn sets_that_are_likely_in_point_mode_lie_about_the_hidden_one() {
    let mean = |set: &ParameterSet| {
        let samples = draw(&ParameterDistribution::point(set.clone()), 1, 256, Seed::from_u64(5));
        samples.matrix().mean_axis(Axis(0)).expect("samples")
    };
    for hidden in 0..4 {
        let hidden = space().draw(&mut Seed::from_u64(hidden).derive("hidden").stream(0));
        let real = draw(&ParameterDistribution::point(hidden.clone()), 24, 1, Seed::from_u64(6));
        let params = CalibrationParams { mode: CalibrationMode::Point, max_iterations: 3, ..short() };
        let played = play(params, point(real, 14), NEVER).expect("plays");
        let target = mean(&hidden);
        let median = |iteration: usize, origin: TrialOrigin| {
            let trials = played.records[iteration].trials.iter().filter(|t| t.origin == origin);
            let mut distances: Vec<f32> =
                trials.map(|t| (mean(&t.params) - &target).mapv(|d| d * d).sum().sqrt()).collect();
            distances.sort_by(f32::total_cmp);
            distances[distances.len() / 2]
        };
        let (start, likely) = (median(0, TrialOrigin::Sobol), median(3, TrialOrigin::Likely));
        assert!(likely < 0.25 * start, "{likely} after {start}");
    }
}

#[test]
fn a_small_discrete_space_is_exhausted_and_says_so() {
    let space = ParameterSpace::new(vec![
        Parameter::new("kind", Domain::choice(["flat"])),
        Parameter::new("count", Domain::int(1, 7)),
        Parameter::new("size", Domain::float(1.0, 1.0)),
    ])
    .expect("valid");
    let mut small = input(16, 1, 14);
    small.space = space;
    let params = CalibrationParams { initial_sets: 4, iteration_batch_size: 2, max_iterations: 9, ..short() };
    let played = play(params, small, NEVER).expect("plays");
    assert_eq!(played.result.stop, StopReason::Exhausted);
    assert_eq!(played.records.iter().map(|r| r.trials.len()).sum::<usize>(), 7);
}

#[test]
fn shares_stay_uniform_and_the_record_says_so() {
    let mut parameters: Vec<Parameter> = space().parameters().to_vec();
    parameters.push(Parameter::new("mix", Domain::Simplex { parts: 3 }));
    let mut with = input(16, 1, 15);
    with.space = ParameterSpace::new(parameters).expect("valid");
    let played = play(short(), with.clone(), NEVER).expect("plays");
    assert!(played.records[0].notes.iter().any(|note| note.contains("mix")), "{:?}", played.records[0].notes);
    played.result.distribution.check(&with.space).expect("a distribution over the space");
    let ParameterDistribution::Independent { marginals } = &played.result.distribution else {
        panic!("independent");
    };
    assert!(!marginals.contains_key("mix") && matches!(marginals["tilt"], Marginal::Normal { .. }));
}

#[test]
fn wrong_outcomes_are_refused_and_change_nothing() {
    let mut calibration = Calibration::new(short(), input(16, 1, 16), &Rbf).expect("starts");
    let before = calibration.next();
    assert!(calibration.apply(Outcome::Saved).is_err());
    assert_eq!(calibration.next(), before);
    calibration.apply(Outcome::Generated { failed: Vec::new() }).expect("applies");
    let stranger = draw(&truth(), 3, 1, Seed::from_u64(1));
    let error = calibration.apply(Outcome::Embedded { embeddings: Some(stranger) }).expect_err("a stranger");
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(calibration.next(), Action::Embed { iteration: 0 });
}

#[test]
fn refuses_a_single_real_group_and_sets_outside_the_space() {
    let error = Calibration::new(short(), input(1, 3, 17), &Rbf).expect_err("one group");
    assert!(matches!(error, Error::TooFewSamples { needed: 2, got: 1, .. }), "{error}");
    let mut outside = input(16, 1, 17);
    outside.initial = vec![synth_optimize::calibrate::InitialSet {
        param_set_id: "close_000".into(),
        params: synth_core::ParameterSet::new().with("kind", "flat").with("count", 99).with("size", 1.0),
        replications: 3,
        origin: TrialOrigin::Close,
    }];
    assert!(Calibration::new(short(), outside, &Rbf).is_err());
}

#[test]
fn many_samples_of_few_groups_are_tested_in_part_and_the_verdict_says_so() {
    let params = CalibrationParams { max_iterations: 1, ..short() };
    let played = play(params, input(8, 100, 18), NEVER).expect("plays");
    let verdict = &played.result.verdict;
    assert_eq!((verdict.groups, verdict.samples), (8, 8 * 64));
    assert!(
        verdict.notes.iter().any(|note| note.contains("64 samples of each group")),
        "{:?}",
        verdict.notes
    );
    assert_eq!(verdict.conclusion, Conclusion::NotDistinguishable, "{verdict:?}");
}

#[test]
fn a_threshold_that_the_uniform_distribution_meets_is_called_weak() {
    let params = CalibrationParams { convergence_threshold: Some(9.0), ..short() };
    let result = play(params, input(16, 1, 19), NEVER).expect("plays").result;
    assert_eq!(result.stop, StopReason::Threshold);
    assert!(result.notes.iter().any(|note| note.contains("`convergence_threshold`")), "{:?}", result.notes);
}

/// 3 of 24 or fewer: a test of size 5 % has more in one of 40 repetitions. The `calibration` bench runs
/// 200 calibrations on images.
#[test]
fn the_verdict_rarely_rejects_what_is_true() {
    let params = CalibrationParams { max_iterations: 2, bootstrap_replicates: 99, ..short() };
    let p_value = |seed: u64| {
        let played = play(params.clone(), input(16, 1, 1000 + seed), NEVER).expect("plays");
        played.result.verdict.p_value.expect("tested")
    };
    let p_values: Vec<f64> = (0..24).map(p_value).collect();
    let rejected = p_values.iter().filter(|&&p| p <= 0.05).count();
    assert!(rejected <= 3, "{rejected} of 24: {p_values:?}");
}
