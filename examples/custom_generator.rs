//! A generator of one's own (`scratches.rs`), put through the calibration loop.
//!
//! Twenty "real" plates come from a distribution over the generator's parameters that the
//! calibration does not see. Look at the divergence, falling far below that of the uniform
//! distribution; at what was found beside what was hidden; and at the verdict, a test at the 5 %
//! level that never claims more than twenty plates can show.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

mod scratches;

use image::DynamicImage;
use scratches::Scratches;
use synth_core::{
    EmbedderExt, Embeddings, Generator, Marginal, ParameterDistribution, Request, Result, Seed,
};
use synth_embed::FeaturesParams;
use synth_optimize::calibrate::{
    Action, Calibration, CalibrationInput, CalibrationParams, IterationRecord, Outcome, PlannedTrial,
    TrialOrigin,
};
use synth_validate::fidelity::MmdParams;

const HIDDEN: [(&str, f64, f64); 3] =
    [("count", 10.0, 2.0), ("length_px", 36.0, 5.0), ("darkness", 0.35, 0.08)];

/// Twenty sets of one plate each from the hidden distribution.
fn real_sets(generator: &Scratches, seed: Seed) -> Result<Vec<PlannedTrial>> {
    let marginals = HIDDEN.map(|(name, mean, std)| (name.to_owned(), Marginal::Normal { mean, std }));
    let hidden = ParameterDistribution::Independent { marginals: marginals.into() };
    let set = |i| {
        let params = hidden.draw(generator.space(), &mut seed.derive("hidden").stream(i))?;
        let (param_set_id, origin) = (format!("real_{i}"), TrialOrigin::Given);
        Ok(PlannedTrial { param_set_id, params, replications: 1, origin })
    };
    (0..20).map(set).collect()
}

/// Makes and embeds the samples of some sets; each set is a group.
fn measure(generator: &Scratches, sets: &[PlannedTrial], seed: Seed) -> Result<Embeddings> {
    let (mut images, mut ids, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for set in sets {
        let request = |i| Request::new(set.params.clone(), seed.derive(&set.param_set_id), i);
        let requests: Vec<Request> = (0..set.replications as u64).map(request).collect();
        for (i, sample) in generator.generate(&requests)?.into_iter().flatten().enumerate() {
            images.push(sample.item);
            ids.push(format!("{}_{i}", set.param_set_id));
            groups.push(set.param_set_id.clone());
        }
    }
    let images: Vec<&DynamicImage> = images.iter().collect();
    FeaturesParams::default().build()?.embed_named(&images, ids, groups)
}

fn main() -> Result<()> {
    // Another number draws another real set: `-- 3`.
    let number = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(2);
    let (generator, seed) = (Scratches::new()?, Seed::from_u64(number));
    let real = measure(&generator, &real_sets(&generator, seed)?, seed)?;
    let params =
        CalibrationParams { max_iterations: 4, bootstrap_replicates: 99, ..CalibrationParams::default() };
    let input = CalibrationInput::new(generator.space().clone(), real, seed.derive("calibrate"));
    let mut machine = Calibration::new(params, input, &MmdParams::default().build()?)?;
    // The machine says what to do and does no I/O itself: do it here, at once or in chunks, and say
    // what became of it. Replaying stored outcomes resumes a killed run.
    let mut asked = Vec::new();
    let result = loop {
        let outcome = match machine.next() {
            Action::Generate { trials, .. } => {
                asked = trials;
                Outcome::Generated { failed: Vec::new() }
            }
            Action::Embed { .. } => {
                Outcome::Embedded { embeddings: Some(measure(&generator, &asked, seed)?) }
            }
            Action::Save { record } => {
                print_iteration(&record);
                Outcome::Saved
            }
            Action::Done(result) => break result,
        };
        machine.apply(outcome)?;
    };
    println!("\nverdict: {}\n", result.verdict.text);
    print_found(&result.distribution);
    Ok(())
}

fn print_iteration(record: &IterationRecord) {
    let (found, uniform) = (&record.calibrated, record.uniform.value);
    let error = found.std_error.unwrap_or(f64::NAN);
    let (n, value) = (record.iteration, found.value);
    println!("iteration {n}: MMD² of the calibrated {value:.4} ± {error:.4}, of the uniform {uniform:.4}");
}

fn print_found(distribution: &ParameterDistribution) {
    println!("{:<10} {:>15} {:>15}", "parameter", "hidden", "found");
    let ParameterDistribution::Independent { marginals } = distribution else { return };
    for (name, mean, std) in HIDDEN {
        let found = match marginals.get(name) {
            Some(Marginal::Normal { mean, std }) => format!("{mean:.2} ± {std:.2}"),
            other => format!("{other:?}"),
        };
        println!("{name:<10} {:>15} {found:>15}", format!("{mean:.2} ± {std:.2}"));
    }
}
