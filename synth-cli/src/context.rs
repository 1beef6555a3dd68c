//! What every command works with, built from the global arguments.

use std::path::Path;
use std::process;
#[cfg(unix)]
use std::sync::{Arc, atomic::AtomicBool};

use jiff::Timestamp;
use synth_core::{Cancel, Error, Result};
use synth_embed::{DeviceChoice, Precision};

use crate::args::GlobalArguments;
use crate::models::{self, Chosen};
use crate::talk::Talk;

/// The built form of [`GlobalArguments`].
#[derive(Debug)]
pub(crate) struct Context {
    /// `--seed`, where given.
    pub(crate) seed: Option<u64>,
    /// `--timestamp` or SOURCE_DATE_EPOCH, where given.
    fixed_time: Option<Timestamp>,
    /// Samples at a time.
    pub(crate) batch_size: usize,
    /// Where neural embedders run.
    pub(crate) device: DeviceChoice,
    /// Of transformers.
    pub(crate) precision: Precision,
    pub(crate) json: bool,
    pub(crate) talk: Talk,
    pub(crate) cancel: Cancel,
}

impl Context {
    /// Sets up threads and Ctrl-C, and reads the clock's override.
    pub(crate) fn build(arguments: &GlobalArguments, talk: Talk) -> Result<Self> {
        if let Some(threads) = arguments.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(usize::from(threads))
                .build_global()
                .map_err(|source| Error::component("thread pool", source))?;
        }
        survive_full_disks()?;
        let cancel = Cancel::new();
        cancel_on_signal(&cancel, &talk)?;
        Ok(Self {
            seed: arguments.seed,
            fixed_time: fixed_time(arguments.timestamp.as_deref())?,
            batch_size: arguments.batch_size as usize,
            device: arguments.device,
            precision: arguments.precision,
            json: arguments.json,
            talk,
            cancel,
        })
    }

    /// The time for everything that this command writes, to the second, in RFC 3339.
    pub(crate) fn created_at(&self) -> String {
        let time = self.fixed_time.unwrap_or_else(Timestamp::now);
        Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
    }

    /// Opens the embedder of this name and tells where it runs.
    pub(crate) fn embedder(&self, name: &str, weights: Option<&Path>) -> Result<Chosen> {
        let chosen = models::embedder(name, weights, self)?;
        match &chosen.device {
            Some(device) => self.talk.say(format!("{} runs on {device}", chosen.embedder.identity().name)),
            None => {
                let given = [
                    ("--device", self.device != DeviceChoice::Auto),
                    ("--precision", self.precision != Precision::Float32),
                ];
                for (option, _) in given.into_iter().filter(|(_, given)| *given) {
                    let why = "runs on the CPU in float32";
                    self.talk.say(format!("{name} {why}; {option} has no effect"));
                }
            }
        }
        Ok(chosen)
    }

    /// The clock's time, for the log.
    pub(crate) fn now(&self) -> String {
        Timestamp::now().to_string()
    }

    /// The time for everything written, only where it was given.
    pub(crate) fn fixed_created_at(&self) -> Option<String> {
        self.fixed_time.map(|_| self.created_at())
    }
}

/// Makes a write beyond a file size limit (`ulimit -f`) an error like that of a full disk, which can be
/// told and cleaned up after; the system's default is to end the process.
#[cfg(unix)]
fn survive_full_disks() -> Result<()> {
    let unused = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, unused)
        .map(|_| ())
        .map_err(|source| Error::component("signal handler", source))
}

#[cfg(not(unix))]
fn survive_full_disks() -> Result<()> {
    Ok(())
}

fn fixed_time(argument: Option<&str>) -> Result<Option<Timestamp>> {
    if let Some(text) = argument {
        return read_time("--timestamp", text).map(Some);
    }
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => read_time("SOURCE_DATE_EPOCH", &text).map(Some),
        _ => Ok(None),
    }
}

fn read_time(name: &str, text: &str) -> Result<Timestamp> {
    let seconds = text.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let expected = "RFC 3339 (2026-11-21T10:00:00Z) or seconds since 1970";
    seconds.or_else(|| text.parse().ok()).ok_or_else(|| Error::invalid(name, expected, text))
}

/// The first signal asks the work to stop after its current step; the second ends the process,
/// which loses nothing that was finished.
fn cancel_on_signal(cancel: &Cancel, talk: &Talk) -> Result<()> {
    let (cancel, talk) = (cancel.clone(), talk.clone());
    ctrlc::set_handler(move || {
        if cancel.is_cancelled() {
            process::exit(130);
        }
        cancel.cancel();
        talk.say("stopping after the current step; again to stop at once");
    })
    .map_err(|source| Error::component("signal handler", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let text = |given| read_time("x", given).map(|time| time.to_string()).ok();
        assert_eq!(text("1700000000").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(text("2026-11-21T10:00:00+01:00").as_deref(), Some("2026-11-21T09:00:00Z"));
        assert_eq!(text("yesterday"), None);
    }
}
