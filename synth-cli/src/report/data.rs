//! What the report shows, as plain data: no run directory, no statistics.

/// Everything the report shows.
#[derive(Clone, Debug)]
pub(crate) struct ReportData {
    /// Name of the experiment.
    pub(crate) experiment: String,
    /// When the run was first started.
    pub(crate) created_at: String,
    /// Version of synth that made it.
    pub(crate) version: String,
    /// What was run: label and value.
    pub(crate) facts: Vec<(String, String)>,
    /// The verdict in words.
    pub(crate) verdict: VerdictText,
    /// The verdict's figures: label, value, what it means.
    pub(crate) figures: Vec<[String; 3]>,
    /// The embeddings' first two principal components, drawn in this order.
    pub(crate) scatter: Vec<PointSet>,
    /// Share of the variance along either component, 0..=1.
    pub(crate) explained: [f64; 2],
    /// The cross-validated divergence by iteration.
    pub(crate) convergence: Convergence,
    /// One picture per parameter.
    pub(crate) marginals: Vec<Marginal>,
    /// Rows of images.
    pub(crate) strips: Vec<Strip>,
    /// The best parameter sets.
    pub(crate) best: Table,
    /// Where synthetic still misses, a paragraph each.
    pub(crate) misses: Vec<String>,
    /// What to do next: a sentence and a command.
    pub(crate) next_steps: Vec<(String, String)>,
}

/// The verdict in words.
#[derive(Clone, Debug)]
pub(crate) struct VerdictText {
    /// One line.
    pub(crate) headline: String,
    /// Its colour.
    pub(crate) tone: Tone,
    /// What supports and what limits it, a paragraph each.
    pub(crate) paragraphs: Vec<String>,
}

/// How good the news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing was found against the synthetic set.
    Good,
    /// The data could not decide.
    Open,
    /// The synthetic set is distinguishable.
    Bad,
}

/// Points of one kind in the scatter plot.
#[derive(Clone, Debug)]
pub(crate) struct PointSet {
    /// What they are.
    pub(crate) role: Role,
    /// First and second principal component.
    pub(crate) points: Vec<[f64; 2]>,
}

/// What a set of points is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The real set.
    Real,
    /// The set drawn close to it.
    Close,
    /// The set drawn far from it.
    Far,
    /// Synthetic, made in this iteration of so many.
    Iteration {
        /// Its number, from 0.
        number: usize,
        /// The last iteration's number.
        last: usize,
    },
}

/// The cross-validated divergence by iteration, with its error band and the null.
#[derive(Clone, Debug, Default)]
pub(crate) struct Convergence {
    /// Name of the divergence, for the axis.
    pub(crate) divergence: String,
    /// Iteration, value, half-width of one standard error.
    pub(crate) points: Vec<[f64; 3]>,
    /// Iteration, value, standard error of what was measured to confirm the distribution before.
    pub(crate) measured: Vec<[f64; 3]>,
    /// The divergence of a perfect generator: its lowest and highest stated quantiles.
    pub(crate) null: Option<Band>,
    /// The same divergence of the uniform prior.
    pub(crate) prior: Option<f64>,
}

/// An interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    /// Lower end.
    pub(crate) low: f64,
    /// Upper end.
    pub(crate) high: f64,
}

/// The distribution of one parameter: calibrated, prior and, where known, true.
#[derive(Clone, Debug)]
pub(crate) struct Marginal {
    /// The parameter.
    pub(crate) name: String,
    /// Its distributions.
    pub(crate) shape: MarginalShape,
}

/// How a marginal is drawn.
#[derive(Clone, Debug)]
pub(crate) enum MarginalShape {
    /// Densities on a grid.
    Numeric {
        /// Values of the parameter.
        grid: Vec<f64>,
        /// Calibrated density.
        calibrated: Vec<f64>,
        /// Lower end of its 90 % band.
        lower: Vec<f64>,
        /// Upper end of its 90 % band.
        upper: Vec<f64>,
        /// Prior density.
        prior: Vec<f64>,
        /// True density, where known.
        truth: Option<Vec<f64>>,
        /// Mean of the calibrated distribution, as it reads.
        mean: String,
        /// Its standard deviation.
        std: String,
    },
    /// Probabilities of names.
    Categorical {
        /// The names.
        names: Vec<String>,
        /// Calibrated probabilities.
        calibrated: Vec<f64>,
        /// Lower ends of their 90 % bands.
        lower: Vec<f64>,
        /// Upper ends of their 90 % bands.
        upper: Vec<f64>,
        /// Prior probabilities.
        prior: Vec<f64>,
        /// True probabilities, where known.
        truth: Option<Vec<f64>>,
    },
}

/// A row of images.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    /// What they have in common.
    pub(crate) title: String,
    /// The images.
    pub(crate) images: Vec<StripImage>,
}

/// One image of a row.
#[derive(Clone, Debug)]
pub(crate) struct StripImage {
    /// A few words under it.
    pub(crate) caption: String,
    /// The image as PNG.
    pub(crate) png: Vec<u8>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Column heads.
    pub(crate) columns: Vec<String>,
    /// Rows, each as long as the heads.
    pub(crate) rows: Vec<Vec<String>>,
    /// What a reader must know of it.
    pub(crate) note: String,
}
