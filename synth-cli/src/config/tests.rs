use synth_core::{Domain, Parameter, ParameterSpace};
use synth_optimize::Acquisition;

use super::*;
use crate::config::layers::BUILT_IN;

const USERS_FILE: &str = include_str!("../../tests/data/experiment_config.yaml");

fn space() -> ParameterSpace {
    ParameterSpace::new(vec![
        Parameter::new("void_shape", Domain::choice(["circle", "ellipse", "irregular"])),
        Parameter::new("void_count", Domain::int(3, 20)).with_default(8),
        Parameter::new("base_size", Domain::float(5.0, 40.0)).with_default(20.0),
        Parameter::new("brightness_factor", Domain::float(0.3, 0.8)),
        Parameter::new("size_std", Domain::float(0.0, 15.0)),
        Parameter::new("position_spread", Domain::float(0.1, 0.8)),
    ])
    .expect("valid")
}

/// Reads `text` as a file, with settings over it.
fn read(text: &str, settings: &[&str]) -> Result<Experiment, String> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("experiment.yaml");
    std::fs::write(&path, text).expect("written");
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    let path = path.to_str().expect("UTF-8");
    let short = |text: String| text.replace(path, "experiment.yaml");
    let layers = Layers::read(Some(path), &settings, None).map_err(|failure| short(failure.to_string()))?;
    layers.experiment(&space()).map_err(|error| short(crate::failure::Failure::from(error).to_string()))
}

/// The users' file with one text replaced.
fn spoilt(from: &str, to: &str) -> String {
    assert!(USERS_FILE.contains(from), "{from}");
    read(&USERS_FILE.replacen(from, to, 1), &[]).expect_err("refused")
}

#[test]
fn the_users_own_file_parses_as_it_is() {
    let experiment = read(USERS_FILE, &[]).expect("parses");
    assert_eq!(experiment.embedder, "dinov2_vitb14");
    assert_eq!(experiment.base_image_dir.as_deref(), Some("data/base_chips"));
    assert_eq!(experiment.acquisition_function, Acquisition::Ucb);
    let RealSource::Drawn(size) = experiment.real else { panic!("drawn") };
    assert_eq!((size.param_sets, size.replications_by_set().iter().sum::<usize>()), (5, 16));
    assert_eq!(experiment.param_distributions.len(), 3);
}

#[test]
fn the_built_in_experiment_has_the_users_numbers() {
    let built_in = read(BUILT_IN, &[]).expect("parses");
    let users = read(USERS_FILE, &[]).expect("parses");
    assert_eq!(built_in.param_distributions, users.param_distributions);
    assert_eq!(built_in.param_bounds, users.param_bounds);
    assert_eq!((built_in.real, built_in.close, built_in.far), (users.real, users.close, users.far));
    assert_eq!(built_in.max_iterations, users.max_iterations);
    assert_eq!(built_in.image_size, Some(224));
}

#[test]
fn what_is_written_reads_back_equal() {
    let settings = ["real={dir: photos, groups: groups.csv}", "param_distributions.real=null"];
    let block = "param_bounds.base_size={low: 5, high: 40, default: 9}";
    for settings in [&[][..], &[block], &settings] {
        let experiment = read(BUILT_IN, settings).expect("parses");
        let text = experiment.to_yaml().expect("written");
        let again = read(&text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(again, experiment);
        assert_eq!(again.to_yaml().expect("written"), text);
    }
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_a_hint() {
    let error = spoilt("acquisition_function", "acquisiton_function");
    assert!(
        error.contains("experiment.yaml:59: unknown key `acquisiton_function` with value \"ucb\""),
        "{error}"
    );
    assert!(error.contains("hint: did you mean `acquisition_function`?"), "{error}");
    let error = spoilt("void_count: {mean: 8", "void_cuont: {mean: 8");
    assert!(error.contains("unknown key `param_distributions.real.void_cuont`"), "{error}");
    assert!(error.contains("hint: did you mean `void_count`?"), "{error}");
}

#[test]
fn crossed_bounds_are_refused() {
    let error = spoilt("base_size: [5.0, 40.0]", "base_size: [40.0, 5.0]");
    let expected = "experiment.yaml:29: `param_bounds.base_size` must be two finite numbers [low, high] \
                    with low <= high, got [40, 5]";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn probabilities_must_sum_to_one() {
    let error = spoilt("{circle: 0.2, ellipse: 0.5", "{circle: 0.3, ellipse: 0.5");
    let expected = "experiment.yaml:36: `param_distributions.real.void_shape` must be probabilities that \
                    sum to 1, got a sum of 1.1";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = USERS_FILE
        .replacen("max_iterations: 10", "max_iterations: -1", 1)
        .replacen("pca_components: 2", "pca_components: two", 1)
        .replacen("\"ucb\"", "\"uct\"", 1);
    let error = read(&text, &[]).expect_err("refused");
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        lines[0].contains(":7: `pca_components` must be a whole number in [2, 64], got \"two\""),
        "{error}"
    );
    assert!(lines[1].contains(":24: `max_iterations`"), "{error}");
    assert!(lines[2].contains(":59: `acquisition_function` must be one of ucb, ei, pi"), "{error}");
    assert!(lines[3].starts_with("hint: did you mean"), "{error}");
}

#[test]
fn settings_go_over_the_file_and_are_named_in_errors() {
    let experiment = read(USERS_FILE, &["embedder=features", "real.total_size=20"]).expect("parses");
    assert_eq!(experiment.embedder, "features", "over `dino_model`");
    assert!(matches!(experiment.real, RealSource::Drawn(SetSize { total_size: 20, .. })));
    let error = read(USERS_FILE, &["max_iterations=none"]).expect_err("refused");
    assert!(error.starts_with("error: --set max_iterations=none: `max_iterations` must be"), "{error}");
    assert!(read(USERS_FILE, &["seed"]).expect_err("refused").contains("KEY=VALUE"));
}

#[test]
fn broken_yaml_is_placed() {
    let error = read("a: 1\nb: [1, 2\nc: 3\n", &[]).expect_err("refused");
    assert!(error.contains("experiment.yaml:") && error.starts_with("error: "), "{error}");
    let error = read("seed: 1\nseed: 2\n", &[]).expect_err("refused");
    assert!(error.contains("experiment.yaml:2: "), "{error}");
}

#[test]
fn a_real_set_must_come_from_one_place() {
    let error = read("seed: 1\n", &[]).expect_err("refused");
    assert!(error.contains("`real` is missing") && error.contains("real: {dir: PATH}"), "{error}");
    let error = read("real: {param_sets: 4}\n", &[]).expect_err("refused");
    assert!(error.contains("experiment.yaml:1: `real` is to be drawn"), "{error}");
    let error = read(BUILT_IN, &["real.dir=x"]).expect_err("refused");
    assert!(error.contains("`param_distributions.real` is given, but the real set is a folder"), "{error}");
    assert!(error.contains("`real.param_sets` is for a drawn set, but `real.dir` is given"), "{error}");
    let error = spoilt("total_size: 16", "total_size: 14");
    assert!(error.contains("at least param_sets × replications = 15, got 14"), "{error}");
}
