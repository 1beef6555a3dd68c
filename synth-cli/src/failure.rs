use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::process::ExitCode;

use synth_core::Error;

use crate::config::ConfigError;

/// Why a command ends without success, with what would help.
#[derive(Debug)]
pub(crate) struct Failure {
    cause: Cause,
    hints: Vec<String>,
}

#[derive(Debug)]
enum Cause {
    Core(Error),
    Config(ConfigError),
    /// Asked to judge, and found against.
    Against(String),
}

/// Exit codes of the documentation.
const AGAINST: u8 = 1;
const REQUEST: u8 = 2;
const SYSTEM: u8 = 3;
const INTERRUPTED: u8 = 130;

impl Failure {
    /// A judgement that was asked for and went against.
    pub(crate) fn against(verdict: impl Into<String>) -> Self {
        Self { cause: Cause::Against(verdict.into()), hints: Vec::new() }
    }

    /// The same failure with one more thing that would help.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The exit code of its kind.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match &self.cause {
            Cause::Against(_) => AGAINST,
            Cause::Config(_) => REQUEST,
            Cause::Core(error) => code_of(error),
        })
    }

    /// Whether the same work can go on later: it was cancelled, or the disk is full.
    pub(crate) fn is_interruption(&self) -> bool {
        match &self.cause {
            Cause::Core(Error::Interrupted) => true,
            Cause::Core(Error::Io { source, .. }) => is_full(source),
            _ => false,
        }
    }
}

/// One `error: …` line per problem with its chain of sources, then the hints.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Core(error) => writeln!(f, "error: {}", chain(error))?,
            Cause::Against(verdict) => writeln!(f, "found: {verdict}")?,
            Cause::Config(error) => {
                for problem in &error.problems {
                    writeln!(f, "error: {}", error.describe(problem))?;
                    if let Some(hint) = &problem.hint {
                        writeln!(f, "hint: {hint}")?;
                    }
                }
            }
        }
        self.hints.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hints = hint_for(&error).map(str::to_owned).into_iter().collect();
        Self { cause: Cause::Core(error), hints }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { cause: Cause::Config(error), hints: Vec::new() }
    }
}

/// Adds hints to results.
pub(crate) trait Hinted<T> {
    /// The result, its failure with one more hint.
    fn hint(self, hint: &str) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Hinted<T> for Result<T, E> {
    fn hint(self, hint: &str) -> Result<T, Failure> {
        self.map_err(|error| error.into().hint(hint))
    }
}

/// The message with those of its sources, outermost first.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn code_of(error: &Error) -> u8 {
    match error {
        Error::Interrupted => INTERRUPTED,
        Error::Io { action, source, .. } => io_code(action, source),
        Error::Component { source, .. } => component_code(source.as_ref()),
        _ => REQUEST,
    }
}

/// A path to be read that is not there, is a folder or holds no text is a wrong request; any other I/O
/// failure is the system's.
fn io_code(action: &str, error: &io::Error) -> u8 {
    use io::ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound};
    match error.kind() {
        NotFound | IsADirectory | NotADirectory | InvalidData if is_input(action) => REQUEST,
        _ => SYSTEM,
    }
}

fn is_input(action: &str) -> bool {
    action.starts_with("reading") || action == "opening"
}

/// The code of the first error below that tells; a component that just failed counts as the system.
fn component_code(source: &(dyn StdError + 'static)) -> u8 {
    let mut at = Some(source);
    while let Some(error) = at {
        if let Some(core) = error.downcast_ref::<Error>() {
            return code_of(core);
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io_code("reading", io);
        }
        at = error.source();
    }
    SYSTEM
}

fn hint_for(error: &Error) -> Option<&'static str> {
    let Error::Io { action, source, .. } = error else { return None };
    match source.kind() {
        _ if is_full(source) => Some("make room; what was finished is kept"),
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::NotFound
            if !is_input(action) =>
        {
            Some("choose another place with `--out`")
        }
        _ => None,
    }
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | FileTooLarge | QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io_at(action: &'static str, kind: io::ErrorKind) -> Error {
        Error::Io { action, path: "x".into(), source: kind.into() }
    }

    fn io(kind: io::ErrorKind) -> Error {
        io_at("writing", kind)
    }

    #[test]
    fn exit_codes_follow_the_fault() {
        assert_eq!(code_of(&Error::Interrupted), 130);
        assert_eq!(code_of(&Error::invalid("x", "y", "z")), 2);
        assert_eq!(code_of(&io(io::ErrorKind::StorageFull)), 3);
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory, io::ErrorKind::InvalidData] {
            assert_eq!(code_of(&io_at("reading", kind)), 2, "{kind}: what was named is not there");
        }
        assert_eq!(code_of(&io_at("reading", io::ErrorKind::PermissionDenied)), 3);
        assert_eq!(code_of(&io_at("creating the directory", io::ErrorKind::NotFound)), 3);
        assert_eq!(code_of(&Error::component("store", io(io::ErrorKind::StorageFull))), 3);
        assert_eq!(code_of(&Error::component("generator", Error::invalid("x", "y", "z"))), 2);
    }

    #[test]
    fn prints_the_chain_and_the_hint_on_lines_of_their_own() {
        let failure = Failure::from(io(io::ErrorKind::StorageFull));
        let text = failure.to_string();
        assert!(text.starts_with("error: writing failed: x: "), "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("hint: make room")), "{text}");
    }
}
