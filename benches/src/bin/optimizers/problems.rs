//! The black boxes: known ones, and families whose hidden optimum each seed draws anew.

use synth_core::{Domain, Error, Optimizer, Parameter, ParameterSet, ParameterSpace, Result, Seed};
use synth_optimize::RandomParams;
use synth_optimize::problems::{
    BRANIN_MINIMUM, HARTMANN6_MINIMUM, VoidSurrogate, ackley, ackley_space, branin, branin_space, hartmann6,
    hartmann6_space, void_space,
};

use crate::hidden;
use crate::images::{PointOfImages, PointRun};

/// Simple regret of a parameter set: how far above the minimum it is, without noise.
pub(crate) type Regret = Box<dyn Fn(&ParameterSet) -> Result<f64>>;

/// What comes of evaluating a parameter set: the value that an optimiser is told, and the truth.
pub(crate) struct Answer {
    pub(crate) value: f64,
    pub(crate) regret: f64,
}

/// Evaluates a parameter set as the evaluation of the given number, which decides the noise.
pub(crate) type BlackBox = Box<dyn Fn(&ParameterSet, u64) -> Result<Answer>>;

enum Source {
    /// A formula, and the standard deviation of the noise on its values.
    Formula { regret: fn(u64, Seed) -> Result<Regret>, noise: f64 },
    /// The void simulator's images.
    VoidImages,
}

pub(crate) struct Problem {
    pub(crate) name: &'static str,
    pub(crate) space: ParameterSpace,
    /// Whether it takes minutes, or more than ten batches: asked only where it is named.
    pub(crate) extra: bool,
    source: Source,
}

impl Problem {
    pub(crate) fn is_noisy(&self) -> bool {
        match self.source {
            Source::Formula { noise, .. } => noise > 0.0,
            Source::VoidImages => true,
        }
    }

    /// The problem of a seed; known functions are the same for all.
    pub(crate) fn black_box(&self, seed: u64) -> Result<BlackBox> {
        let own = Seed::from_u64(seed).derive("optimizers").derive(self.name);
        match self.source {
            Source::Formula { regret, noise } => {
                let regret = regret(seed, own)?;
                let noises = Seed::from_u64(seed).derive("noise").derive(self.name);
                Ok(Box::new(move |set, index| {
                    let regret = regret(set)?;
                    Ok(Answer { value: regret + noise * noises.stream(index).normal(), regret })
                }))
            }
            Source::VoidImages => {
                let images = PointOfImages::new(own)?;
                Ok(Box::new(move |set, index| images.evaluate(set, index)))
            }
        }
    }

    /// Whoever proposes by more than the values: a calibration in point mode, for images.
    pub(crate) fn point_run(&self, start: &[ParameterSet], seed: u64) -> Result<PointRun> {
        let own = Seed::from_u64(seed).derive("optimizers").derive(self.name);
        match self.source {
            Source::VoidImages => PointRun::new(PointOfImages::new(own)?, start, seed),
            Source::Formula { .. } => {
                Err(Error::invalid("by", "an optimiser where there are no images", "run"))
            }
        }
    }
}

pub(crate) fn problems() -> Result<Vec<Problem>> {
    let problem = |name, space: Result<ParameterSpace>, noise, regret| {
        space.map(|space| Problem { name, space, extra: false, source: Source::Formula { regret, noise } })
    };
    let extra = |problem: Result<Problem>| problem.map(|problem| Problem { extra: true, ..problem });
    let source = Source::VoidImages;
    let images = void_space().map(|space| Problem { name: "void_images", space, extra: true, source });
    [
        problem("branin2", branin_space(), 0.0, |_, _| {
            Ok(Box::new(|set| Ok(branin(set.float("x")?, set.float("y")?) - BRANIN_MINIMUM)))
        }),
        problem("void_surrogate", void_space(), 0.0, typical_void),
        problem("void_uniform", void_space(), 0.0, uniform_void),
        problem("void_noisy", void_space(), 0.05, typical_void),
        problem("ackley5", ackley_space(), 0.0, |_, _| Ok(Box::new(|set| Ok(ackley(&coordinates(set, 5)?))))),
        problem("ackley5_uniform", ackley_space(), 0.0, |_, seed| hidden::ackley5(seed)),
        problem("hartmann6", hartmann6_space(), 0.0, known_hartmann),
        problem("hartmann6_noisy", hartmann6_space(), 0.2, known_hartmann),
        problem("hartmann6_in20", cube(20), 0.0, |_, seed| hidden::hartmann_of_twenty(seed)),
        problem("ellipsoid20", cube(20), 0.0, |_, seed| hidden::ellipsoid(seed)),
        problem("levy10", cube(10), 0.0, |_, seed| hidden::levy(10, seed)),
        problem("rosenbrock4_units", ParameterSpace::new(hidden::rosenbrock_units()), 0.0, |_, seed| {
            hidden::rosenbrock(seed)
        }),
        problem("counts6", ParameterSpace::new(hidden::six_counts()), 0.0, |_, seed| hidden::counts(seed)),
        problem("catalyst", ParameterSpace::new(hidden::recipe()), 0.0, |_, seed| hidden::catalyst(seed)),
        problem("training", ParameterSpace::new(hidden::network()), 0.02, |_, seed| hidden::training(seed)),
        extra(problem("levy20", cube(20), 0.0, |_, seed| hidden::levy(20, seed))),
        extra(problem("rastrigin20", cube(20), 0.0, |_, seed| hidden::rastrigin(20, seed))),
        images,
    ]
    .into_iter()
    .collect()
}

pub(crate) fn find(name: &str) -> Result<Problem> {
    let mut all = problems()?;
    let known = all.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
    let at = all.iter().position(|p| p.name == name);
    at.map(|at| all.swap_remove(at)).ok_or_else(|| Error::invalid("problem", format!("one of {known}"), name))
}

fn cube(dim: usize) -> Result<ParameterSpace> {
    ParameterSpace::new((0..dim).map(|i| Parameter::new(format!("x{i}"), Domain::float(0.0, 1.0))).collect())
}

pub(crate) fn coordinates(set: &ParameterSet, dim: usize) -> Result<Vec<f64>> {
    (0..dim).map(|i| set.float(&format!("x{i}"))).collect()
}

fn known_hartmann(_: u64, _: Seed) -> Result<Regret> {
    Ok(Box::new(|set| Ok(hartmann6(&coordinates(set, 6)?) - HARTMANN6_MINIMUM)))
}

/// Truths near the middle, as those of the default experiment.
fn typical_void(number: u64, _: Seed) -> Result<Regret> {
    let surrogate = VoidSurrogate::of_seed(number as usize)?;
    Ok(Box::new(move |set| surrogate.evaluate(set)))
}

/// Truths anywhere in the space.
fn uniform_void(_: u64, seed: Seed) -> Result<Regret> {
    let draw = RandomParams::default().build(void_space()?)?.suggest(&[], 1, seed)?;
    let surrogate = VoidSurrogate::new(&draw.proposals[0].params)?;
    Ok(Box::new(move |set| surrogate.evaluate(set)))
}
