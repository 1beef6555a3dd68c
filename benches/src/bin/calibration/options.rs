use std::error::Error;

use synth_optimize::calibrate::{BatchPolicy, CalibrationParams};

/// What decides the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plan {
    Active,
    Sobol,
    /// The Gaussian process that looks for the single best set, by log expected improvement.
    Single,
}

impl Plan {
    fn named(name: &str) -> Result<Self, Box<dyn Error>> {
        match name {
            "active" => Ok(Self::Active),
            "sobol" => Ok(Self::Sobol),
            "single" => Ok(Self::Single),
            _ => Err(format!("unknown policy {name}: active, sobol or single").into()),
        }
    }

    pub(crate) fn params(self, params: &CalibrationParams) -> CalibrationParams {
        let policy = if self == Self::Sobol { BatchPolicy::Sobol } else { BatchPolicy::Active };
        let point_sets = if self == Self::Single { params.iteration_batch_size } else { params.point_sets };
        CalibrationParams { policy, point_sets, ..params.clone() }
    }
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) first_seed: u64,
    pub(crate) n_real: Vec<usize>,
    pub(crate) embedder: String,
    pub(crate) truths: bool,
    pub(crate) plans: Vec<Plan>,
    /// Iterations after which the distribution is measured in a curve; none for the table.
    pub(crate) curve: Vec<usize>,
    pub(crate) eval: usize,
    pub(crate) size_runs: u64,
    pub(crate) params: CalibrationParams,
}

impl Options {
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            seeds: 10,
            first_seed: 0,
            n_real: vec![16, 48],
            embedder: "features".into(),
            truths: false,
            plans: vec![Plan::Active],
            curve: Vec::new(),
            eval: 2000,
            size_runs: 0,
            params: CalibrationParams::default(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--seeds" => options.seeds = value()?.parse()?,
                "--first-seed" => options.first_seed = value()?.parse()?,
                "--n-real" => {
                    options.n_real = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                "--embedder" => options.embedder = value()?,
                "--truths" => (options.truths, options.seeds) = (true, value()?.parse()?),
                "--policy" => {
                    options.plans = value()?.split(',').map(Plan::named).collect::<Result<_, _>>()?;
                }
                "--curve" => {
                    options.curve = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                "--eval" => options.eval = value()?.parse()?,
                "--patience" => options.params.early_stop_patience = value()?.parse()?,
                "--iterations" => options.params.max_iterations = value()?.parse()?,
                "--batch" => options.params.iteration_batch_size = value()?.parse()?,
                "--replications" => options.params.replications = value()?.parse()?,
                "--replicates" => options.params.bootstrap_replicates = value()?.parse()?,
                "--size-runs" => options.size_runs = value()?.parse()?,
                _ => return Err(format!("unknown option {flag}").into()),
            }
        }
        Ok(options)
    }
}
