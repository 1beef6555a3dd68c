//! `synth run`: a calibration from configuration to report.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use synth_core::{Embedder, Error, Result, RunStore};
use synth_export::{Damage, LogEntry, RunDirectory, RunHead};
use synth_optimize::calibrate::{CalibrationResult, Conclusion, IterationRecord};

use super::report;
use crate::args::{FailOn, RunArguments};
use crate::artifacts;
use crate::config::{Experiment, Layers};
use crate::context::Context;
use crate::failure::Failure;
use crate::generators;
use crate::host;
use crate::input_files::{self, Role};
use crate::inputs::Inputs;
use crate::pipeline::{Driver, Maker, Note};
use crate::report::report_files;
use crate::talk::{print, print_json};

/// The step after the last iteration.
const RESULT: &str = "result";

/// Runs or resumes an experiment.
pub(crate) fn run(arguments: &RunArguments, context: &Context) -> Result<(), Failure> {
    let layers = Layers::read(arguments.config.as_deref(), &arguments.settings, context.seed)?;
    let experiment = layers.experiment(&generators::default_space()?)?;
    let inputs = Inputs::open(&experiment, &layers, context)?;
    let root = output_dir(arguments, &layers, &experiment);
    for warning in &inputs.warnings {
        context.talk.say(format!("warning: {warning}"));
    }
    let started = start(&root, &experiment, &inputs, arguments, context)?;
    let finished = match started {
        Started::Finished(run) => {
            context.talk.say(format!("{} is finished already; nothing to do", root.display()));
            artifacts::read_result(&run)?
        }
        Started::Open(run) => work(&run, &experiment, &inputs, context)
            .map_err(|failure| explain_interruption(failure, arguments, context.seed, &root))?,
    };
    conclude(&root, &experiment, &finished, arguments, context)
}

/// `--out`, else the file's own wish, else a folder by the experiment's name.
fn output_dir(arguments: &RunArguments, layers: &Layers, experiment: &Experiment) -> PathBuf {
    match (&arguments.out, layers.output_dir()) {
        (Some(out), _) => out.clone(),
        (None, Some(dir)) => dir.into(),
        (None, None) => Path::new("runs").join(&experiment.experiment_name),
    }
}

enum Started {
    /// To be worked on.
    Open(RunDirectory),
    /// Nothing is left to do.
    Finished(RunDirectory),
}

fn start(
    root: &Path,
    experiment: &Experiment,
    inputs: &Inputs,
    arguments: &RunArguments,
    context: &Context,
) -> Result<Started, Failure> {
    let head = head(experiment, inputs, context)?;
    if RunDirectory::exists(root) {
        let run = RunDirectory::open(root)?;
        if !arguments.resume && !run.is_done(report::STEP) {
            let error = Error::AlreadyExists { what: "unfinished run", name: root.display().to_string() };
            return Err(Failure::from(error)
                .hint("go on with it: --resume")
                .hint("or choose another folder: --out DIR"));
        }
    }
    let run = RunDirectory::resume(root, &head).map_err(|error| refused(error, root))?;
    check_facts(&run, inputs, &head.about, context).map_err(|error| refused(error, root))?;
    if run.is_done(report::STEP) {
        check_whole(&run)?;
        return Ok(Started::Finished(run));
    }
    input_files::save(&run, &inputs.files)?;
    log(&run, context, if run.steps()?.is_empty() { "started" } else { "resumed" }, host::facts())?;
    Ok(Started::Open(run))
}

/// A finished run must still be what its manifest says.
fn check_whole(run: &RunDirectory) -> Result<(), Failure> {
    let (damages, root) = (run.verify(), run.root());
    let Some(error) = Damage::to_error(&damages, root) else { return Ok(()) };
    let failure = Failure::from(error);
    let manifest = run.snapshot();
    let is_report = |path| manifest.step(report::STEP).is_some_and(|step| step.files.contains(path));
    Err(if damages.iter().all(|damage| is_report(&damage.path)) {
        failure
            .hint(format!("or make the report again: synth report {}", quoted(&root.display().to_string())))
    } else {
        failure.hint("or run it again in another folder: --out DIR")
    })
}

fn refused(error: Error, root: &Path) -> Failure {
    let hint = match &error {
        Error::InvalidParam { .. } => {
            format!("{} was made with other settings; choose another folder: --out DIR", root.display())
        }
        Error::AlreadyExists { .. } => "choose another folder: --out DIR".to_owned(),
        _ => return error.into(),
    };
    Failure::from(error).hint(hint)
}

fn head(experiment: &Experiment, inputs: &Inputs, context: &Context) -> Result<RunHead> {
    let mut about: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |name: &str, value: String| about.insert(name.to_owned(), value);
    add("created_at", context.created_at());
    add("synth", env!("CARGO_PKG_VERSION").to_owned());
    add("seed", experiment.seed.to_string());
    add("device", inputs.device.clone());
    add("cpu", host::cpu());
    add("embedder", inputs.embedder.identity().to_string());
    add("base_images", inputs.bases.clone());
    for (name, hash) in &inputs.hashes {
        add(name, hash.clone());
    }
    Ok(RunHead { config: experiment.to_yaml()?, about })
}

/// What the stored run was made from must be what is here now.
fn check_facts(
    run: &RunDirectory,
    inputs: &Inputs,
    now: &BTreeMap<String, String>,
    context: &Context,
) -> Result<()> {
    let stored = &run.about();
    for (key, name, role) in
        [("base_image_dir", "base_images_blake3", Role::Base), ("real.dir", "real_images_blake3", Role::Real)]
    {
        if stored.get(name) != now.get(name) {
            let words = input_files::difference(run, role, &inputs.files)?;
            let got = words.map_or_else(|| "others".to_owned(), |words| format!("others: {words}"));
            return Err(Error::invalid(key, "the very images with which the run was made", got));
        }
    }
    let fixed_time = context.fixed_created_at();
    let must_agree = ["embedder", "synth"];
    for name in must_agree.into_iter().chain(fixed_time.as_ref().map(|_| "created_at")) {
        if stored.get(name) != now.get(name) {
            let text = |about: &BTreeMap<String, String>| about.get(name).cloned().unwrap_or("absent".into());
            return Err(Error::invalid(name, text(stored), text(now)));
        }
    }
    if stored.get("cpu") != now.get("cpu") {
        context.talk.say(
            "warning: the run was begun on another kind of CPU; if results differ in their last bits, it \
             cannot go on here",
        );
    }
    Ok(())
}

fn work(
    run: &RunDirectory,
    experiment: &Experiment,
    inputs: &Inputs,
    context: &Context,
) -> Result<CalibrationResult, Failure> {
    let created_at = run.about().get("created_at").cloned().unwrap_or_default();
    let progress = context.talk.progress();
    let kept = Cell::new(0_usize);
    let notes = |note: Note<'_>| tell(note, run, context, &kept);
    let maker = Maker {
        generator: inputs.generator.as_ref(),
        embedder: inputs.embedder.as_ref(),
        batch_size: context.batch_size,
        created_at: &created_at,
        cancel: &context.cancel,
        progress: progress.as_ref(),
    };
    let driver = Driver { experiment, inputs, run, maker, notes: &notes };
    let result = driver.run()?;
    context.cancel.check()?;
    run.save(RESULT, &artifacts::result_files(run, experiment, inputs, &result)?)?;
    context.cancel.check()?;
    run.save(report::STEP, &report_files(run, experiment, &result)?)?;
    log(run, context, "finished", BTreeMap::new())?;
    Ok(result)
}

fn tell(note: Note<'_>, run: &RunDirectory, context: &Context, kept: &Cell<usize>) -> Result<()> {
    match note {
        Note::Kept => {
            kept.set(kept.get() + 1);
            Ok(())
        }
        Note::Failed(failed) => {
            if let Some(first) = failed.first() {
                let (n, set) = (failed.len(), &first.param_set_id);
                context
                    .talk
                    .say(format!("warning: {n} samples failed, the first of {set}: {}", first.reason));
            }
            Ok(())
        }
        Note::Iteration { record, last, seconds } => {
            if kept.get() > 0 {
                context.talk.say(format!("kept {} finished iterations", kept.replace(0)));
            }
            context.talk.say(iteration_line(record, last, seconds));
            let fields = [
                ("iteration".to_owned(), json!(record.iteration)),
                ("seconds".to_owned(), json!((seconds * 1000.0).round() / 1000.0)),
            ];
            log(run, context, "iteration", fields.into())
        }
    }
}

fn iteration_line(record: &IterationRecord, last: usize, seconds: f64) -> String {
    let with_error = |estimate: &synth_core::Estimate| match estimate.std_error {
        Some(error) => format!("{:.5} ± {error:.5}", estimate.value),
        None => format!("{:.5}", estimate.value),
    };
    format!(
        "iteration {:>2}/{last}  divergence calibrated {}, uniform {}  {seconds:.1} s",
        record.iteration,
        with_error(&record.calibrated),
        with_error(&record.uniform)
    )
}

fn log(
    run: &RunDirectory,
    context: &Context,
    event: &str,
    fields: BTreeMap<String, serde_json::Value>,
) -> Result<()> {
    run.log(&LogEntry { timestamp: context.now(), event: event.to_owned(), fields })
}

fn explain_interruption(
    failure: Failure,
    arguments: &RunArguments,
    seed: Option<u64>,
    root: &Path,
) -> Failure {
    if !failure.is_interruption() {
        return failure;
    }
    let config = arguments.config.as_deref().map(|config| format!(" {}", quoted(config))).unwrap_or_default();
    let settings: String =
        arguments.settings.iter().map(|setting| format!(" --set {}", quoted(setting))).collect();
    let seed = seed.map(|seed| format!(" --seed {seed}")).unwrap_or_default();
    let out = quoted(&root.display().to_string());
    failure.hint(format!("go on with: synth run{config}{settings}{seed} --out {out} --resume"))
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    run: String,
    report: String,
    result: &'a CalibrationResult,
}

fn conclude(
    root: &Path,
    experiment: &Experiment,
    result: &CalibrationResult,
    arguments: &RunArguments,
    context: &Context,
) -> Result<(), Failure> {
    let report = root.join("report.html").display().to_string();
    if context.json {
        print_json(&Summary { run: root.display().to_string(), report, result })?;
    } else {
        print(&artifacts::summary(experiment, result, root))?;
    }
    let is_distinguishable = result.verdict.conclusion == Conclusion::Distinguishable;
    match arguments.fail_on {
        Some(FailOn::Distinguishable) if is_distinguishable => Err(Failure::against(&result.verdict.text)),
        _ => Ok(()),
    }
}
