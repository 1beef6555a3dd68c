//! What is typed: the command line as clap parses it. [`crate::context`] builds objects from it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use synth_embed::{DeviceChoice, Precision};

/// Calibrates a generator to a handful of real samples, with figures that carry their uncertainty.
///
/// Data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "synth", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    asked to judge, and found against (`--fail-on`)
  2    the request or its input data is wrong
  3    I/O, disk or device failed
  130  interrupted; what was finished is kept, and `--resume` goes on from there

Start with `synth run`: a calibration with a known answer, in about a minute.";

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct GlobalArguments {
    /// Root of everything random; the same seed gives the same bytes. `embed` and `report` draw nothing.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(0..1 << 63))]
    pub(crate) seed: Option<u64>,
    /// The `created_at` of everything written: RFC 3339 or seconds since 1970. Two runs with one
    /// timestamp are equal in every hashed file. Only `run` and `generate` write one. Default:
    /// SOURCE_DATE_EPOCH, else the clock.
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) timestamp: Option<String>,
    /// Threads to work with; changes no result. Default: all cores.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Images generated and embedded at a time; changes no result, only memory use.
    #[arg(long, global = true, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) batch_size: u32,
    /// Where neural embedders run. `auto` takes a GPU when one answers, else the CPU, and says which.
    /// The embedder `features` always runs on the CPU and needs no device.
    #[arg(long, global = true, value_name = "auto|flex|wgpu|cuda", default_value_t = DeviceChoice::Auto)]
    pub(crate) device: DeviceChoice,
    /// Of a transformer's products. float16 and bfloat16 need a device that computes in them; they halve the
    /// memory of most weights, and are a space of their own that does not mix with float32's.
    #[arg(long, global = true, value_name = "float32|float16|bfloat16", default_value_t = Precision::Float32)]
    pub(crate) precision: Precision,
    /// Results as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only errors on standard error.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

impl Arguments {
    /// Options that were given and that this command has no use for, with the reason.
    pub(crate) fn unused(&self) -> Vec<(&'static str, &'static str)> {
        let (seed, timestamp) = match self.command {
            Command::Run(_) | Command::Generate(_) => (None, None),
            Command::Compare(_) | Command::Ask(_) => (None, Some("it writes no files")),
            Command::Embed(_) => (Some("it draws nothing"), Some("its files hold no time")),
            Command::Models(_) => (Some("it draws nothing"), Some("it writes no files of its own")),
            Command::Report(_) => (Some("it is the run's"), Some("it is the run's")),
        };
        let given = [
            ("--seed", seed.filter(|_| self.global.seed.is_some())),
            ("--timestamp", timestamp.filter(|_| self.global.timestamp.is_some())),
        ];
        given.into_iter().filter_map(|(option, reason)| Some((option, reason?))).collect()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Finds the distribution over a generator's parameters whose output is like the real samples.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Makes labelled samples.
    #[command(after_help = GENERATE_EXAMPLES)]
    Generate(GenerateArguments),
    /// Embeds the images of a folder into a matrix.
    #[command(after_help = EMBED_EXAMPLES)]
    Embed(EmbedArguments),
    /// Measures how far two sets of samples are apart, each figure with its uncertainty.
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArguments),
    /// Proposes the parameter sets to try next, for a simulator of your own.
    #[command(after_help = ASK_EXAMPLES)]
    Ask(AskArguments),
    /// Lists the embedders by name, with sizes, licences and what is in the cache.
    #[command(after_help = MODELS_EXAMPLES)]
    Models(ModelsArguments),
    /// Writes a run's report again from its files.
    Report(ReportArguments),
}

const RUN_EXAMPLES: &str = "\
Examples:
  synth run                                       the built-in experiment with a known answer
  synth run examples/solar_cells.yaml             real images
  synth run my.yaml --set embedder=features --set real.dir=photos
  synth run my.yaml --resume                      go on after an interruption

A run that was killed at any moment resumes to the same final bytes. A finished run is never
overwritten: running it again does nothing, another configuration needs another --out.";

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The experiment. Default: the built-in void_poc.
    pub(crate) config: Option<String>,
    /// Folder of the run. Default: `experiment_dir` of the configuration, else runs/<experiment_name>.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Goes on with an unfinished run.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Sets a key over the file, with a YAML value: `--set real.total_size=20`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Ends with exit code 1 on this verdict.
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,
}

/// Values of `--fail-on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// The test finds a difference at the 5 % level.
    Distinguishable,
}

const GENERATE_EXAMPLES: &str = "\
Examples:
  synth generate voids --count 1000 --out data/voids
  synth generate voids --from-run runs/void_poc --count 1000 --out data/calibrated
  synth generate voids --from-run runs/void_poc --best 1 --count 1000 --out data/best
  synth generate voids --distribution calibrated.yaml --base photos --count 64 --out data/v
  synth generate voids --count 100000 --shard 3/8 --out data/big

Without parameters they are uniform over the generator's bounds. Sample i depends on the seed
and i alone, so any number of machines (`--shard i/N`, or SLURM_ARRAY_TASK_ID and
JOB_COMPLETION_INDEX with their counts) makes the same dataset. An interrupted command goes on
when it is given again; given for a complete dataset, it checks every file against its hash.

Labels (samples.jsonl) are in pixels: origin at the upper left corner, x to the right, y down;
pixel (i, j) covers [i, i + 1) × [j, j + 1), so its centre is at (i + ½, j + ½); boxes are x, y,
width, height of the visible pixels. Radii are nominal: a void's edge is drawn `outline` (0.62 px)
farther out, as OpenCV's anti-aliased fill does. With `generator: {name: voids, outline: 0}` in the
file of a run or distribution a circle covers πr² exactly.";

#[derive(Debug, Args)]
pub(crate) struct GenerateArguments {
    /// The generator: voids.
    pub(crate) generator: String,
    /// How many samples.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) count: u64,
    /// Folder of the dataset.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// One parameter set for all samples; what is left out takes the generator's default. Values must
    /// lie in the generator's own bounds, with `--from-run` in those of the run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["distribution", "best"])]
    pub(crate) params: Option<PathBuf>,
    /// A distribution to draw each sample's parameters from, such as a run's calibrated.yaml.
    #[arg(long, value_name = "FILE", conflicts_with = "from_run")]
    pub(crate) distribution: Option<PathBuf>,
    /// The calibrated distribution of this run, with its generator options and base images; a relative
    /// folder of these is looked for where the run was started, then here.
    #[arg(long, value_name = "RUN")]
    pub(crate) from_run: Option<PathBuf>,
    /// Instead of the run's distribution its best single set of this place, as its report lists them.
    #[arg(long, value_name = "K", requires = "from_run", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) best: Option<u32>,
    /// Folder of base images. Default: the built-in chips.
    #[arg(long, value_name = "DIR", conflicts_with = "size")]
    pub(crate) base: Option<PathBuf>,
    /// Side of the built-in base images, px. Default: 224.
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(32..=4096))]
    pub(crate) size: Option<u32>,
    /// Makes only the shards whose number is i modulo N.
    #[arg(long, value_name = "i/N")]
    pub(crate) shard: Option<String>,
    /// Samples per logical shard; part of what the dataset is.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) shard_size: u64,
}

const EMBED_EXAMPLES: &str = "\
Examples:
  synth embed photos --out photos.npy
  synth embed data/voids --model features --out voids.parquet
  synth embed photos --model onnx --weights resnet50.onnx --out photos.npy

onnx is any image model that gives one vector, in a build with that feature; onnx:NAME takes the
output NAME where there are several. A preprocessor_config.json beside the file says how images
are prepared, and how large where the model leaves that open; without one, as for ImageNet.

Rows are in the byte order of the relative paths; photos.rows.jsonl names each row's file, hash
and embedder. A Parquet file holds that in itself: columns id, group, embedding (fixed-size list of
float32) and blake3, the embedder in its metadata. An interrupted command goes on when it is given again. A matrix that is there is
never overwritten: where it has these very rows nothing is left to do, else choose another --out.";

#[derive(Debug, Args)]
pub(crate) struct EmbedArguments {
    /// Folder of images.
    pub(crate) dir: PathBuf,
    /// The embedder; `synth models` lists them. `onnx` for a model of your own.
    #[arg(long, value_name = "NAME", default_value = crate::models::DEFAULT)]
    pub(crate) model: String,
    /// Weights of a neural embedder. Default: those of the Hugging Face hub, fetched once.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) weights: Option<PathBuf>,
    /// The matrix to write, float32 [images, dim]: E.npy, or E.parquet.
    #[arg(long, value_name = "E.npy|E.parquet")]
    pub(crate) out: PathBuf,
    /// Leaves out images that cannot be read, naming each (with `--json` under `left_out`), instead of
    /// ending with an error at the first.
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

const MODELS_EXAMPLES: &str = "\
Examples:
  synth models
  synth models --fetch dinov2_vits14              for a machine that will have no network later
  synth models --json

The cache is the one of Python's huggingface_hub: HF_HUB_CACHE, else hub/ in HF_HOME, else
~/.cache/huggingface/hub. HF_ENDPOINT names a mirror, HF_TOKEN is sent to it, HF_HUB_OFFLINE=1
forbids the network. Every file of weights is checked against its SHA-256.";

#[derive(Debug, Args)]
pub(crate) struct ModelsArguments {
    /// Fetches this model into the cache first; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) fetch: Vec<String>,
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  synth compare photos data/calibrated
  synth compare real.npy synthetic.npy --metrics mmd2_rbf_unbiased,prdc --json
  synth compare photos data/v --fail-on distinguishable     exit 1 where the test finds a difference
  synth compare photos data/v --model onnx --weights resnet50.onnx

What belongs together (`groups.csv`, or the groups of a synth dataset, given by its own folder or
by its images/) is permuted together. Each sample of `synth generate` is a group of its own, also
with --params: its parameters and everything else were drawn for it alone.";

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// Folder of images, or a matrix of embeddings (.npy, .parquet).
    pub(crate) real: PathBuf,
    /// Folder of images, or a matrix of embeddings (.npy, .parquet).
    pub(crate) synthetic: PathBuf,
    /// The embedder for folders; `synth models` lists them. `onnx` for a model of your own.
    /// Default: features.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Weights of a neural embedder. Default: those of the Hugging Face hub, fetched once.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) weights: Option<PathBuf>,
    /// Only these figures. Default: all that apply.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// Bandwidth of the RBF kernel. Default: the median distance.
    #[arg(long, value_name = "SIGMA")]
    pub(crate) sigma: Option<f64>,
    /// Takes a matrix that does not say who made it for one of the other side's embedder.
    #[arg(long)]
    pub(crate) assume_same_model: bool,
    /// Leaves out images that cannot be read, naming each (with `--json` under `left_out`), instead of
    /// ending with an error at the first.
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Ends with exit code 1 on this verdict.
    #[arg(long, value_enum, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,
}

const ASK_EXAMPLES: &str = "\
Example:
  synth ask space.yaml trials.jsonl --count 8 > next.jsonl

space.yaml lists the parameters, and may say what is wanted (`objective: {direction: maximize}`):
  parameters:
  - {name: temperature, type: float, low: 20, high: 90}
  - {name: passes, type: int, low: 1, high: 6}
  - {name: mode, type: choice, choices: [fast, exact]}
A line of trials.jsonl is a set with its outcome, to be minimised:
  {\"params\": {\"temperature\": 40.0, \"passes\": 2, \"mode\": \"fast\"}, \"value\": 0.31}
A value that is NaN or Infinity is that of a failed trial; without a value a trial is still
running. Choices may be names, numbers or booleans and are printed as they are written. The file
may be empty or absent. The answer depends on the trials and the seed alone.";

#[derive(Debug, Args)]
pub(crate) struct AskArguments {
    /// The parameters, in YAML.
    pub(crate) space: PathBuf,
    /// The trials so far, as JSON lines.
    pub(crate) trials: PathBuf,
    /// How many sets to propose.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// Who proposes: auto (gp, and after 1,500 trials cmaes or tpe), gp (Gaussian processes), tpe, cmaes,
    /// sobol, random.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) optimizer: String,
    /// What `gp` maximises: log_ei, ei, pi, ucb, thompson. Other optimisers have none.
    #[arg(long, value_name = "NAME")]
    pub(crate) acquisition: Option<String>,
    /// Adds what the model of `gp` expects of each set: mean, standard deviation, acquisition.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Folder of a run.
    pub(crate) run: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }
}
