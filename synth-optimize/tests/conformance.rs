//! The laws of every optimiser.

use synth_core::conformance::OptimizerCaps;
use synth_core::{Optimizer, ParameterSpace, optimizer_conformance};
use synth_optimize::{Acquisition, GpParams, Noise, OptimizerOptions, TpeParams, optimizer_by_name};

fn named(name: &str, space: &ParameterSpace) -> Box<dyn Optimizer> {
    optimizer_by_name(name, space.clone(), OptimizerOptions::default()).expect("known")
}

fn gp(acquisition: Acquisition, space: &ParameterSpace) -> Box<dyn Optimizer> {
    let params =
        GpParams::default().with_acquisition(acquisition).with_noise(Noise::None).with_initial_trials(4);
    Box::new(params.build(space.clone()).expect("valid"))
}

mod random {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| named("random", space), OptimizerCaps::sampler());
}

mod sobol {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| named("sobol", space), OptimizerCaps::sampler());
}

mod cmaes {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| named("cmaes", space), OptimizerCaps::default());
}

mod auto_by_name {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| named("auto", space), OptimizerCaps::default());
}

mod gp_by_name {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| named("gp", space), OptimizerCaps::default());
}

mod gp_log_ei {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| gp(Acquisition::LogEi, space), OptimizerCaps::default());
}

mod gp_ucb {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| gp(Acquisition::Ucb, space), OptimizerCaps::default());
}

mod gp_pi {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| gp(Acquisition::Pi, space), OptimizerCaps::default());
}

mod gp_thompson {
    use super::*;
    optimizer_conformance!(
        |space: &ParameterSpace| gp(Acquisition::Thompson, space),
        OptimizerCaps::default()
    );
}

mod tpe_by_name {
    use super::*;
    optimizer_conformance!(|space: &ParameterSpace| named("tpe", space), OptimizerCaps::default());
}

mod tpe_from_two_trials {
    use super::*;
    optimizer_conformance!(
        |space: &ParameterSpace| -> Box<dyn Optimizer> {
            let params = TpeParams::default().with_initial_trials(2);
            Box::new(params.build(space.clone()).expect("valid"))
        },
        OptimizerCaps::default()
    );
}
