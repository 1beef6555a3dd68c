use std::error::Error as StdError;

/// A result with synth's shared [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong across every crate of the workspace.
///
/// Crates keep their own private error enums with full context and convert into this one; callers
/// branch on the variant, people read the chain of sources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value given by the caller is not allowed.
    #[error("`{name}` must be {expected}, got {got}")]
    InvalidParam {
        /// Name of the parameter, key or argument, as the caller spelt it.
        name: String,
        /// What would have been accepted.
        expected: String,
        /// What was given.
        got: String,
    },
    /// An array does not have the shape that the operation needs.
    #[error("{what} has shape {got:?}, expected {expected:?}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// The shape it should have.
        expected: Vec<usize>,
        /// The shape it has.
        got: Vec<usize>,
    },
    /// A number that must be finite is not.
    #[error("{what} holds a value that is not finite at {at}")]
    NonFinite {
        /// Which array or result.
        what: String,
        /// Where in it.
        at: String,
    },
    /// Too few samples for the figure asked for.
    #[error("{what} needs at least {needed} {unit}, got {got}")]
    TooFewSamples {
        /// Which figure.
        what: String,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        got: usize,
        /// What is counted: rows, groups, images.
        unit: &'static str,
    },
    /// Embeddings of two different embedders meet.
    #[error("embeddings of `{left}` and `{right}` cannot be compared")]
    EmbedderMismatch {
        /// Identity of the one side.
        left: String,
        /// Identity of the other side.
        right: String,
    },
    /// Something named does not exist.
    #[error("{what} `{name}` was not found")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Something is already there and would be overwritten.
    #[error("{what} `{name}` already exists")]
    AlreadyExists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A stored file is torn, altered or of another format.
    #[error("`{path}` is corrupt: {problem}")]
    Corrupt {
        /// Path of the file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An iterative method stopped before it reached its tolerance.
    #[error("no convergence after {iterations} iterations (residual {residual:e})")]
    NotConverged {
        /// Iterations made.
        iterations: usize,
        /// What was left.
        residual: f64,
    },
    /// The operation is not available in this configuration.
    #[error("{what} is not supported: {reason}")]
    Unsupported {
        /// The operation.
        what: String,
        /// Why not, and what would help.
        reason: String,
    },
    /// The work was cancelled; what was finished before stays valid.
    #[error("interrupted")]
    Interrupted,
    /// Reading or writing failed.
    #[error("{action} failed: {path}")]
    Io {
        /// What was being done, as a noun or gerund ("reading", "writing").
        action: &'static str,
        /// The path concerned.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A component failed; its own error is the source.
    #[error("{component} failed")]
    Component {
        /// Name of the component.
        component: &'static str,
        /// Its error.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Shorthand for [`Error::InvalidParam`].
    pub fn invalid(name: impl Into<String>, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::InvalidParam { name: name.into(), expected: expected.into(), got: got.to_string() }
    }

    /// Shorthand for [`Error::Component`].
    pub fn component(component: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Component { component, source: source.into() }
    }
}
