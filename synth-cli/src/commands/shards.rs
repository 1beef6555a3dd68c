//! Which logical shards of a dataset are this process's.

use synth_core::{Error, Result};

/// The shards whose number is `index` modulo `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    index: u64,
    of: u64,
}

/// Variables in which array jobs give a task its number, with those that give how many tasks there
/// are. Kubernetes has none of the latter by itself; set it in the job's specification.
const SCHEDULERS: [(&str, &str); 2] =
    [("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"), ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")];

impl Share {
    /// From `i/N`, else from the environment of an array job, else everything.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] unless 0 ≤ i < N.
    pub(crate) fn read(argument: Option<&str>) -> Result<Self> {
        if let Some(text) = argument {
            return Self::parse("--shard", text);
        }
        for (index, count) in SCHEDULERS {
            if let (Ok(index), Ok(count)) = (std::env::var(index), std::env::var(count)) {
                return Self::parse("the array job's task", &format!("{index}/{count}"));
            }
        }
        Ok(Self { index: 0, of: 1 })
    }

    fn parse(name: &str, text: &str) -> Result<Self> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if index < of => Ok(Self { index, of }),
            _ => Err(Error::invalid(name, "i/N with 0 <= i < N", text)),
        }
    }

    /// Whether a shard is this process's.
    pub(crate) fn holds(self, shard: u64) -> bool {
        shard % self.of == self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_every_shard_once() {
        let shares: Vec<Share> =
            (0..3).map(|i| Share::parse("--shard", &format!("{i}/3")).expect("valid")).collect();
        for shard in 0..20 {
            assert_eq!(shares.iter().filter(|share| share.holds(shard)).count(), 1);
        }
        for bad in ["3/3", "1", "a/2", "-1/2", "0/0"] {
            assert!(Share::parse("--shard", bad).is_err(), "{bad}");
        }
    }
}
