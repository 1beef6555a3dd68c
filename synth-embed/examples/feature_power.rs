//! Power of the 5 % two-sample test on `features`: how far apart two void distributions must be to be
//! told apart.
//!
//! `cargo run --release -p synth-embed --example feature_power [REPEATS [POOL]]`
//! (200 tests a line, each on rows drawn from pools of 2,000 images).
//! Unbiased MMD², RBF, median bandwidth over the pooled rows, 199 permutations; 224 px images on the
//! five built-in chips, one per parameter set.
//!
//! The embedder's block weights were searched on these very distributions: the table shows what it can
//! see of them, and is no estimate for other pictures.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write;

use ndarray::Array2;
use support::{Knobs, Lab, NUMBERS, Trials, power};
use synth_core::{Error, ParameterDistribution, Result, Seed};
use synth_embed::{Features, FeaturesParams};

const PERMUTATIONS: usize = 199;

fn main() -> Result<()> {
    let number = |at: usize, default: usize| {
        std::env::args().nth(at).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let lab = Lab::new(FeaturesParams::default().build()?)?;
    let table = Table { lab, repeats: number(1, 200), pool: number(2, 2000) };
    let real = table.pool("real", &Knobs::REAL.distribution())?;
    table.row("null: real again", &real, &Knobs::REAL.distribution(), (200, 200))?;
    table.row("far", &real, &Knobs::FAR.distribution(), (16, 24))?;
    table.row("close", &real, &Knobs::CLOSE.distribution(), (48, 200))?;
    table.row("uniform prior", &real, &ParameterDistribution::uniform(), (48, 200))?;
    say("\none parameter moved by 25 % of its range, from the real distribution")?;
    table.moves(&real, &Knobs::REAL)?;
    for (name, from, to) in [
        ("ellipse to circle", 1, 0),
        ("ellipse to irregular", 1, 2),
        ("irregular to circle", 2, 0),
        ("irregular to ellipse", 2, 1),
    ] {
        table.row(name, &real, &Knobs::REAL.reshaped(from, to, 0.25).distribution(), (200, 200))?;
    }
    say("\nthe same from one parameter set, the means, with ellipses")?;
    let point = table.pool("point", &Knobs::one_set().distribution())?;
    table.moves(&point, &Knobs::one_set())?;
    table.row(
        "a quarter circles",
        &point,
        &Knobs::one_set().reshaped(1, 0, 0.25).distribution(),
        (200, 200),
    )?;
    table.row(
        "a quarter irregular",
        &point,
        &Knobs::one_set().reshaped(1, 2, 0.25).distribution(),
        (200, 200),
    )
}

fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}").map_err(|error| Error::component("writing the table", error))
}

struct Table {
    lab: Lab<Features>,
    repeats: usize,
    pool: usize,
}

impl Table {
    fn pool(&self, name: &str, distribution: &ParameterDistribution) -> Result<Array2<f32>> {
        self.lab.rows(distribution, self.pool, Seed::from_u64(1).derive(name))
    }

    fn row(
        &self,
        name: &str,
        from: &Array2<f32>,
        to: &ParameterDistribution,
        (n, m): (usize, usize),
    ) -> Result<()> {
        let to = self.pool(name, to)?;
        let trials = Trials { n, m, repeats: self.repeats, permutations: PERMUTATIONS };
        let share = power(from.view(), to.view(), trials, Seed::from_u64(2).derive(name));
        say(&format!("{name:<28} {n:>4} vs {m:<4} {share:.3}"))
    }

    fn moves(&self, from: &Array2<f32>, knobs: &Knobs) -> Result<()> {
        for (at, (parameter, ..)) in NUMBERS.iter().enumerate() {
            for (sign, share) in [("up", 0.25), ("down", -0.25)] {
                let name = format!("{parameter} {sign}");
                self.row(&name, from, &knobs.moved(at, share).distribution(), (200, 200))?;
            }
        }
        Ok(())
    }
}
