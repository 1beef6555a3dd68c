//! Places where a write can be cut, and the switch that cuts it in a test.
//! The crate's page says how.

use std::fmt;
use std::io;

/// A moment of a write at which a killed process leaves a different picture on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Boundary {
    /// Nothing of the file exists yet.
    BeforeWrite,
    /// The temporary file holds half of a block of bytes.
    MidWrite,
    /// The temporary file holds everything, perhaps only in the page cache.
    BeforeFsync,
    /// The temporary file is on the disk under its temporary name.
    BeforeRename,
    /// The file has its name; the directory is not synchronised.
    AfterRename,
    /// All files of a step, shard or chunk are there; the record that counts them is not.
    BeforeManifest,
    /// The record is there; nothing that follows it has happened.
    AfterManifest,
    /// Half of a line is appended to the log.
    MidLog,
    /// A finished dataset or matrix still has its intermediate files.
    BeforeCleanup,
}

/// Every boundary, for tests that cut at each of them.
pub const BOUNDARIES: [Boundary; 9] = [
    Boundary::BeforeWrite,
    Boundary::MidWrite,
    Boundary::BeforeFsync,
    Boundary::BeforeRename,
    Boundary::AfterRename,
    Boundary::BeforeManifest,
    Boundary::AfterManifest,
    Boundary::MidLog,
    Boundary::BeforeCleanup,
];

impl Boundary {
    /// Its name in `SYNTH_FAILPOINT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeWrite => "before-write",
            Self::MidWrite => "mid-write",
            Self::BeforeFsync => "before-fsync",
            Self::BeforeRename => "before-rename",
            Self::AfterRename => "after-rename",
            Self::BeforeManifest => "before-manifest",
            Self::AfterManifest => "after-manifest",
            Self::MidLog => "mid-log",
            Self::BeforeCleanup => "before-cleanup",
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells that the process is at `boundary`; an error only where a test asked for one.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn reach(_boundary: Boundary) -> io::Result<()> {
    Ok(())
}

/// Tells that the process is at `boundary`; an error only where a test asked for one.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(boundary: Boundary) -> io::Result<()> {
    armed::reach(boundary)
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::io;
    use std::process::abort;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::{BOUNDARIES, Boundary};

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(super) enum Action {
        Abort,
        Full,
        Sleep(Duration),
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(super) struct Failpoint {
        pub(super) boundary: Boundary,
        pub(super) count: u64,
        pub(super) action: Action,
    }

    pub(super) fn parse(text: &str) -> Option<Failpoint> {
        let mut parts = text.splitn(3, ':');
        let name = parts.next()?;
        let boundary = BOUNDARIES.into_iter().find(|boundary| boundary.name() == name)?;
        let count = parts.next()?.parse().ok().filter(|&count| count > 0)?;
        let action = match parts.next()? {
            "abort" => Action::Abort,
            "full" => Action::Full,
            other => Action::Sleep(Duration::from_secs(other.strip_prefix("sleep=")?.parse().ok()?)),
        };
        Some(Failpoint { boundary, count, action })
    }

    pub(super) fn reach(boundary: Boundary) -> io::Result<()> {
        static FAILPOINT: OnceLock<Option<Failpoint>> = OnceLock::new();
        static REACHED: AtomicU64 = AtomicU64::new(0);
        let failpoint = FAILPOINT.get_or_init(|| {
            let text = std::env::var("SYNTH_FAILPOINT").ok()?;
            Some(parse(&text).unwrap_or_else(|| abort()))
        });
        match failpoint {
            Some(point) if point.boundary == boundary => {
                let reached = REACHED.fetch_add(1, Ordering::Relaxed) + 1;
                if reached == point.count { act(point.action) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn act(action: Action) -> io::Result<()> {
        match action {
            Action::Abort => abort(),
            Action::Full => Err(io::ErrorKind::StorageFull.into()),
            Action::Sleep(duration) => {
                std::thread::sleep(duration);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different() {
        let mut names = BOUNDARIES.map(Boundary::name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), BOUNDARIES.len());
    }

    #[cfg(feature = "failpoints")]
    #[test]
    fn reads_what_the_documentation_says() {
        use armed::{Action, parse};
        let point = parse("before-rename:3:abort").expect("documented");
        assert_eq!((point.boundary, point.count, point.action), (Boundary::BeforeRename, 3, Action::Abort));
        assert!(parse("mid-log:1:sleep=5").is_some() && parse("mid-log:1:full").is_some());
        for wrong in ["", "before-rename", "before-rename:0:abort", "before-rename:1:stop", "x:1:abort"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
