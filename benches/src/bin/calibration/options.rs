use std::error::Error;

use synth_optimize::calibrate::{BatchPolicy, CalibrationParams};

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) first_seed: u64,
    pub(crate) n_real: Vec<usize>,
    pub(crate) embedder: String,
    pub(crate) truths: bool,
    pub(crate) policies: Vec<BatchPolicy>,
    pub(crate) eval: usize,
    pub(crate) size_runs: u64,
    pub(crate) params: CalibrationParams,
}

impl Options {
    pub(crate) fn read() -> std::result::Result<Self, Box<dyn Error>> {
        let mut options = Self {
            seeds: 10,
            first_seed: 0,
            n_real: vec![16, 48],
            embedder: "features".into(),
            truths: false,
            policies: vec![BatchPolicy::Active],
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
                    options.n_real =
                        value()?.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
                }
                "--embedder" => options.embedder = value()?,
                "--truths" => (options.truths, options.seeds) = (true, value()?.parse()?),
                "--policy" => options.policies = policies(&value()?)?,
                "--eval" => options.eval = value()?.parse()?,
                "--patience" => options.params.early_stop_patience = value()?.parse()?,
                "--iterations" => options.params.max_iterations = value()?.parse()?,
                "--replicates" => options.params.bootstrap_replicates = value()?.parse()?,
                "--size-runs" => options.size_runs = value()?.parse()?,
                _ => return Err(format!("unknown option {flag}").into()),
            }
        }
        Ok(options)
    }
}

fn policies(text: &str) -> std::result::Result<Vec<BatchPolicy>, Box<dyn Error>> {
    match text {
        "active" => Ok(vec![BatchPolicy::Active]),
        "sobol" => Ok(vec![BatchPolicy::Sobol]),
        "both" => Ok(vec![BatchPolicy::Active, BatchPolicy::Sobol]),
        _ => Err(format!("unknown policy {text}").into()),
    }
}
