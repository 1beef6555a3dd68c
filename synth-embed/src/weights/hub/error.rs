use std::fmt;
use std::path::PathBuf;

use synth_core::Error;

/// What to do without the hub: which file to fetch, and the place where it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// Address of the file, for a browser or another machine.
    pub url: String,
    /// Path that the file must get.
    pub place: PathBuf,
}

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fetch {} by hand and save it as {}", self.url, self.place.display())
    }
}

/// Why a file did not come from the hub; the source of an [`Error::Component`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Only the cache was to be used, and it lacks the file.
    #[error(
        "`{file}` of {repository} is not in the cache, and HF_HUB_OFFLINE forbids the network; {by_hand}"
    )]
    Offline {
        /// Name of the file.
        file: String,
        /// Identifier of the repository.
        repository: String,
        /// The way out.
        by_hand: ByHand,
    },
    /// No answer, or one that was cut off, also after several tries.
    #[error("no whole answer from the network; {by_hand}")]
    Unreachable {
        /// The way out.
        by_hand: ByHand,
        /// What the network said last.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The hub has no such file.
    #[error("{url} does not exist; check the repository, its revision and the name of the file")]
    NotFound {
        /// Address of the file.
        url: String,
    },
    /// The hub wants to know who asks.
    #[error(
        "{url} was refused with status {status}: the repository is gated, private or not there; accept its \
         conditions at {page} and give a token of that account as HF_TOKEN"
    )]
    Denied {
        /// Address of the file.
        url: String,
        /// Status of the answer, 401 or 403.
        status: u16,
        /// Page of the repository.
        page: String,
    },
    /// The hub asks to come back later than one would wait.
    #[error(
        "{url} may be asked for again in {wait_secs} s only; try again then, or with a token as HF_TOKEN"
    )]
    TooManyRequests {
        /// Address of the file.
        url: String,
        /// How long to wait, s.
        wait_secs: u64,
    },
    /// Any other status, also after several tries.
    #[error("{} was answered with status {status}; try again later, or {by_hand}", .by_hand.url)]
    Status {
        /// Status of the answer.
        status: u16,
        /// The way out.
        by_hand: ByHand,
    },
    /// The file has another length than it must have; nothing of it is kept.
    #[error(
        "{url} has {got} bytes, expected {expected}; the file was changed, or a mirror serves another one"
    )]
    WrongSize {
        /// Address of the file.
        url: String,
        /// The length it must have.
        expected: u64,
        /// The length it has.
        got: u64,
    },
    /// The file has another content than it must have; nothing of it is kept.
    #[error(
        "{url} has SHA-256 {got}, expected {expected}; the file was changed, or a mirror serves another one"
    )]
    WrongHash {
        /// Address of the file.
        url: String,
        /// Hash that it must have, hexadecimal.
        expected: String,
        /// Hash that it has, hexadecimal.
        got: String,
    },
    /// An answer that no hub gives.
    #[error("{url} was answered with {problem}; is HF_ENDPOINT the address of a hub?")]
    Reply {
        /// Address of the file.
        url: String,
        /// What was wrong.
        problem: String,
    },
}

impl From<HubError> for Error {
    fn from(error: HubError) -> Self {
        Self::component("download from the hub", error)
    }
}
