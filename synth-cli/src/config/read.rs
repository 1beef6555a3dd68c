use std::collections::BTreeMap;

use synth_core::{Domain, Error, Marginal, ParameterDistribution, ParameterSpace};
use synth_optimize::Acquisition;

use super::bounds::read_bounds;
use super::experiment::{BatchPolicy, Experiment, GeneratorChoice, Mode, RealSource, SetSize};
use super::node::{Node, Value};
use super::problem::Problems;
use super::table::{Table, number, whole};

/// Largest number of anything counted: keeps a slip of the finger from asking for years of work.
const MOST: i64 = 1_000_000;

/// Values of `acquisition_function`.
pub(crate) const ACQUISITIONS: [(&str, Acquisition); 7] = [
    ("ucb", Acquisition::Ucb),
    ("ei", Acquisition::Ei),
    ("pi", Acquisition::Pi),
    ("log_ei", Acquisition::LogEi),
    ("logei", Acquisition::LogEi),
    ("lcb", Acquisition::Ucb),
    ("thompson", Acquisition::Thompson),
];

/// Values of `batch_policy`.
const POLICIES: [(&str, BatchPolicy); 2] = [("active", BatchPolicy::Active), ("sobol", BatchPolicy::Sobol)];

/// Values of `optimizer`.
pub(crate) const OPTIMIZERS: [(&str, &str); 6] = [
    ("auto", "auto"),
    ("cmaes", "cmaes"),
    ("gp", "gp"),
    ("random", "random"),
    ("sobol", "sobol"),
    ("tpe", "tpe"),
];

/// Values of `generator`.
const GENERATORS: [(&str, &str); 1] = [("voids", "voids")];

/// Reads a whole experiment; everything that is wrong goes to `problems`, and `None` comes back
/// where something is.
pub(crate) fn read_experiment(
    root: &Node,
    space: &ParameterSpace,
    problems: &Problems,
) -> Option<Experiment> {
    let table = Table::root(root, problems);
    let param_bounds = match table.table("param_bounds") {
        Some(block) => read_bounds(&block, space),
        None => Some(space.clone()),
    };
    let mut sets = Sets::read(&table, param_bounds.as_ref().unwrap_or(space), problems);
    let base_image_dir = read_base_dir(&table);
    let image_size = read_image_size(&table, base_image_dir.is_some(), problems);
    // The folder that a run goes to is not part of what it computes; `output_dir` reads it.
    let _ = table.text("experiment_dir");
    let iteration_batch_size = table.count("iteration_batch_size", 1..=1024).unwrap_or(8);
    let experiment = Experiment {
        experiment_name: read_name(&table),
        seed: table.whole("seed", 0..=i64::MAX).unwrap_or(0),
        mode: table
            .one_of("mode", &[("distribution", Mode::Distribution), ("point", Mode::Point)])
            .unwrap_or(Mode::Distribution),
        generator: read_generator(&table),
        base_image_dir,
        image_size,
        embedder: table.text("embedder").unwrap_or("features").to_owned(),
        weights: table.text("weights").map(str::to_owned),
        pca_components: table.count("pca_components", 2..=64).unwrap_or(2),
        real: sets.real?,
        close: sets.close,
        far: sets.far,
        iteration_batch_size,
        replications_per_iteration: table.count("replications_per_iteration", 1..=1024).unwrap_or(3),
        max_iterations: table.count("max_iterations", 0..=10_000).unwrap_or(10),
        param_bounds: param_bounds?,
        param_distributions: std::mem::take(&mut sets.distributions),
        initial_sets: table.count("initial_sets", 4..=4096).unwrap_or(16),
        convergence_threshold: table.number("convergence_threshold", "a number above 0", |x| x > 0.0),
        early_stop_patience: table.count("early_stop_patience", 1..=10_000).unwrap_or(3),
        batch_policy: table.one_of("batch_policy", &POLICIES).unwrap_or(BatchPolicy::Active),
        optimizer: table.one_of("optimizer", &OPTIMIZERS).unwrap_or("auto").to_owned(),
        acquisition_function: table
            .one_of("acquisition_function", &ACQUISITIONS)
            .unwrap_or(Acquisition::LogEi),
        point_sets: table
            .count("point_sets", 0..=i64::try_from(iteration_batch_size).unwrap_or(i64::MAX))
            .unwrap_or(iteration_batch_size / 4),
        folds: table.count("folds", 2..=20).unwrap_or(5),
        bootstrap_replicates: table.count("bootstrap_replicates", 19..=9999).unwrap_or(199),
        holdout_from: table.count("holdout_from", 8..=MOST).unwrap_or(64),
    };
    table.finish();
    problems.is_empty().then_some(experiment)
}

/// The name is that of the default output folder too.
fn read_name(table: &Table<'_>) -> String {
    let name = table.text("experiment_name").unwrap_or("experiment");
    let allowed = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if !name.chars().all(allowed) || name.starts_with('.') {
        table.refuse("experiment_name", "letters, digits, `-`, `_` and `.`, since it names a folder");
    }
    name.to_owned()
}

/// The folder of base images.
pub(crate) fn read_base_dir(table: &Table<'_>) -> Option<String> {
    table.text("base_image_dir").map(str::to_owned)
}

/// The generator: its name, or a block with its options.
pub(crate) fn read_generator(table: &Table<'_>) -> GeneratorChoice {
    let mut choice = GeneratorChoice { name: "voids".into(), edge_blur: 2.0, centred: false, outline: 0.62 };
    let Some(entry) = table.entry("generator") else { return choice };
    if !matches!(entry.node.value, Value::Map(_)) {
        table.one_of("generator", &GENERATORS);
        return choice;
    }
    if let Some(block) = table.table("generator") {
        block.one_of("name", &GENERATORS);
        let expected = "0 (a hard edge) or a width in [0.3, 10] px";
        let blur = block.number("edge_blur", expected, |x| x == 0.0 || (0.3..=10.0).contains(&x));
        choice.edge_blur = blur.unwrap_or(choice.edge_blur);
        choice.centred = block.flag("centred").unwrap_or(choice.centred);
        let outline = block.number("outline", "a width in [0, 4] px", |x| (0.0..=4.0).contains(&x));
        choice.outline = outline.unwrap_or(choice.outline);
        block.finish();
    }
    choice
}

/// The side of the built-in base images; absent where there is a folder of them.
pub(crate) fn read_image_size(table: &Table<'_>, has_dir: bool, problems: &Problems) -> Option<u32> {
    let size = table.count("image_size", 32..=4096).and_then(|px| u32::try_from(px).ok());
    if has_dir && size.is_some() {
        let message = "`image_size` is for the built-in base images, but `base_image_dir` is given";
        problems.note(&table.origin("image_size"), message.into(), Some("remove one of the two".into()));
    }
    if has_dir { None } else { Some(size.unwrap_or(224)) }
}

/// The three sets of iteration 0.
struct Sets {
    real: Option<RealSource>,
    close: Option<SetSize>,
    far: Option<SetSize>,
    distributions: BTreeMap<String, ParameterDistribution>,
}

impl Sets {
    fn read(table: &Table<'_>, space: &ParameterSpace, problems: &Problems) -> Self {
        let mut distributions = BTreeMap::new();
        if let Some(block) = table.table("param_distributions") {
            for set in ["real", "close", "far"] {
                let Some(table) = block.table(set) else { continue };
                let name = format!("param_distributions.{set}");
                if let Some(distribution) = read_distribution(&table, &name, space, problems) {
                    distributions.insert(set.to_owned(), distribution);
                }
            }
            block.finish();
        }
        let real = read_real(table, problems);
        let drawn = |set: &'static str, default: (usize, usize)| {
            let has = table.entry("param_distributions").is_some_and(|entry| entry.node.get(set).is_some());
            match table.table(set) {
                Some(block) => {
                    if !has {
                        missing_distribution(table, set, problems);
                    }
                    Some(read_size(&block, default, problems))
                }
                None => has.then(|| {
                    let (param_sets, replications) = default;
                    SetSize { param_sets, replications, total_size: param_sets * replications }
                }),
            }
        };
        let (close, far) = (drawn("close", (8, 3)), drawn("far", (8, 3)));
        let has_real = table.entry("param_distributions").is_some_and(|e| e.node.get("real").is_some());
        match real {
            Some(RealSource::Drawn(_)) if !has_real => missing_distribution(table, "real", problems),
            Some(RealSource::Folder { .. }) if has_real => {
                let message = "`param_distributions.real` is given, but the real set is a folder";
                let origin = table
                    .entry("param_distributions")
                    .map_or_else(|| table.origin("param_distributions"), |entry| entry.node.locate("real"));
                problems.note(&origin, message.into(), Some("remove one of the two".into()));
            }
            _ => {}
        }
        Self { real, close, far, distributions }
    }
}

fn missing_distribution(table: &Table<'_>, set: &str, problems: &Problems) {
    let message = format!("`{set}` is to be drawn, but `param_distributions.{set}` is missing");
    let hint = (set == "real").then(|| "for your own images give `real: {dir: PATH}`".to_owned());
    problems.note(&table.origin(set), message, hint);
}

fn read_real(table: &Table<'_>, problems: &Problems) -> Option<RealSource> {
    let Some(block) = table.table("real") else {
        let message = "`real` is missing: the set to calibrate to";
        let hint = "give `real: {dir: PATH}` for a folder of images".to_owned();
        problems.note(&table.origin("real"), message.into(), Some(hint));
        return None;
    };
    if !block.has("dir") {
        return Some(RealSource::Drawn(read_size(&block, (16, 1), problems)));
    }
    let dir = block.text("dir").map(str::to_owned);
    let groups = block.text("groups").map(str::to_owned);
    for key in ["param_sets", "replications", "total_size"].into_iter().filter(|key| block.has(key)) {
        let message = format!("`real.{key}` is for a drawn set, but `real.dir` is given");
        problems.note(&block.origin(key), message, Some("give `real: {dir: PATH}` and nothing else".into()));
    }
    block.finish();
    Some(RealSource::Folder { dir: dir?, groups })
}

fn read_size(block: &Table<'_>, default: (usize, usize), problems: &Problems) -> SetSize {
    let param_sets = block.count("param_sets", 1..=MOST).unwrap_or(default.0);
    let replications = block.count("replications", 1..=MOST).unwrap_or(default.1);
    let regular = param_sets * replications;
    let total_size = block.count("total_size", 1..=MOST).unwrap_or(regular);
    if total_size < regular {
        let message = format!(
            "`{}` must be at least param_sets × replications = {regular}, got {total_size}",
            block.path("total_size")
        );
        problems.note(&block.origin("total_size"), message, None);
    }
    block.finish();
    SetSize { param_sets, replications, total_size: total_size.max(regular) }
}

/// The distribution in a block: a marginal for each parameter, or any other kind with its tag.
pub(crate) fn read_distribution(
    table: &Table<'_>,
    name: &str,
    space: &ParameterSpace,
    problems: &Problems,
) -> Option<ParameterDistribution> {
    let plain = table.entry("kind").is_none();
    if !plain {
        return read_tagged(table, name, space, problems);
    }
    let mut marginals = BTreeMap::new();
    for parameter in space.parameters() {
        let name = parameter.name.as_str();
        let given = table.entry(name).map(|_| read_marginal(table, name, &parameter.domain, problems));
        let marginal = given.unwrap_or_else(|| Marginal::uniform_over(&parameter.domain));
        if let Some(marginal) = marginal {
            marginals.insert(parameter.name.clone(), marginal);
        }
    }
    table.finish();
    Some(ParameterDistribution::Independent { marginals })
}

/// A distribution with a `kind`: independent, copula, mixture, finite.
fn read_tagged(
    table: &Table<'_>,
    name: &str,
    space: &ParameterSpace,
    problems: &Problems,
) -> Option<ParameterDistribution> {
    table.entries();
    let node = table.node();
    let read = serde_json::from_value::<ParameterDistribution>(to_json(node))
        .map_err(|error| error.to_string())
        .and_then(|distribution| {
            distribution.check(space).map(|()| distribution).map_err(|error| error.to_string())
        });
    match read {
        Ok(distribution) => Some(distribution),
        Err(problem) => {
            problems.note(
                &node.origin,
                format!("`{name}` is no distribution over the parameters: {problem}"),
                None,
            );
            None
        }
    }
}

fn read_marginal(table: &Table<'_>, name: &str, domain: &Domain, problems: &Problems) -> Option<Marginal> {
    let block = table.table(name)?;
    let marginal = if block.has("mean") || block.has("std") {
        let number = |key| required(&block, key);
        Marginal::Normal { mean: number("mean")?, std: number("std")? }
    } else if block.has("low") || block.has("high") {
        Marginal::Uniform { low: required(&block, "low")?, high: required(&block, "high")? }
    } else if let Some(entry) = block.entry("value") {
        let value = serde_json::from_value(to_json(&entry.node)).ok();
        let Some(value) = value else {
            table.refuse(name, &domain.describe());
            return None;
        };
        Marginal::Constant { value }
    } else if matches!(domain, Domain::Choice { .. }) {
        let shares = block.entries().iter().filter_map(|entry| {
            let share = block.number(&entry.key, "a probability in [0, 1]", |x| (0.0..=1.0).contains(&x));
            share.map(|share| (entry.key.clone(), share))
        });
        Marginal::Categorical(shares.collect())
    } else {
        table.refuse(name, &format!("{{mean, std}}, {{low, high}} or {{value}} over {}", domain.describe()));
        return None;
    };
    block.finish();
    match marginal.check(&table.path(name), domain) {
        Ok(()) => Some(marginal),
        Err(Error::InvalidParam { name: key, expected, got }) => {
            problems.value(&table.origin(name), &key, &expected, got);
            None
        }
        Err(error) => {
            problems.note(&table.origin(name), error.to_string(), None);
            None
        }
    }
}

fn required(block: &Table<'_>, key: &str) -> Option<f64> {
    if !block.has(key) {
        block.refuse(key, "given");
        return None;
    }
    block.number(key, "a number", |_| true)
}

/// The same value as JSON.
pub(crate) fn to_json(node: &Node) -> serde_json::Value {
    use serde_json::Value as Json;
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Text(text) => Json::String(text.clone()),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), to_json(&entry.node))).collect()
        }
        Value::Int(n) => whole(&Value::Int(*n)).map_or(Json::Null, Json::from),
        scalar @ Value::Float(_) => number(scalar).map_or(Json::Null, Json::from),
    }
}
