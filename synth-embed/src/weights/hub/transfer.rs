//! The bytes of one file, as far as they have come, and how long to keep trying.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use synth_core::{Cancel, Error, Result};
use ureq::Body;
use ureq::http::{Response, StatusCode};

use super::super::error::io_error;
use super::http::{Failure, content_length, content_range};
use super::params::HubParams;

const BLOCK_BYTES: usize = 1 << 16;

/// Longest sleep without a look whether to stop.
const SLEEP: Duration = Duration::from_millis(100);

/// A file that is being fetched.
#[derive(Debug)]
pub(super) struct Transfer {
    path: PathBuf,
    file: File,
    have: u64,
    bytes: u64,
    /// Length that an answer had or announced, where it is not the one there must be.
    other_length: Option<u64>,
}

impl Transfer {
    /// Goes on with what is there, or begins anew.
    pub(super) fn open(path: &Path, bytes: u64, resumable: bool) -> Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let mut transfer = Self {
            path: path.to_owned(),
            file: file.map_err(io_error("writing", path))?,
            have: 0,
            bytes,
            other_length: None,
        };
        transfer.have = transfer.file.metadata().map_err(io_error("reading", path))?.len();
        if !resumable || transfer.have > bytes {
            transfer.restart()?;
        }
        transfer.file.seek(SeekFrom::Start(transfer.have)).map_err(io_error("writing", path))?;
        Ok(transfer)
    }

    /// Bytes that have come.
    pub(super) fn have(&self) -> u64 {
        self.have
    }

    pub(super) fn is_complete(&self) -> bool {
        self.have == self.bytes
    }

    /// The length of the file, if it turned out to be another than it must be.
    pub(super) fn other_length(&self) -> Option<u64> {
        self.other_length
    }

    /// Drops what has come.
    pub(super) fn restart(&mut self) -> Result<()> {
        let cut = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cut.map_err(io_error("writing", &self.path))?;
        self.have = 0;
        Ok(())
    }

    /// Takes in an answer as far as it goes; the failure that ended it early, if one did.
    pub(super) fn receive(
        &mut self,
        response: Response<Body>,
        cancel: &Cancel,
        advance: &mut dyn FnMut(u64),
    ) -> Result<Option<Failure>> {
        if let Some(failure) = self.accept(&response)? {
            return Ok(Some(failure));
        }
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; BLOCK_BYTES];
        while self.other_length.is_none() {
            cancel.check()?;
            let read = match body.read(&mut block) {
                Ok(read) => read,
                Err(error) => return Ok(Some(Failure::cut(error))),
            };
            if self.have + read as u64 > self.bytes {
                self.other_length = Some(self.have + read as u64);
            } else if read == 0 {
                let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                return Ok(if self.is_complete() { None } else { Some(Failure::cut(cut)) });
            } else {
                self.file.write_all(&block[..read]).map_err(io_error("writing", &self.path))?;
                self.have += read as u64;
                advance(read as u64);
            }
        }
        Ok(None)
    }

    /// Whether an answer goes on from here; begins anew where a server sends the whole.
    fn accept(&mut self, response: &Response<Body>) -> Result<Option<Failure>> {
        if response.status() == StatusCode::PARTIAL_CONTENT {
            return match content_range(response.headers()) {
                Some((start, whole)) if start == self.have => {
                    self.other_length = whole.filter(|&whole| whole != self.bytes);
                    Ok(None)
                }
                range => Ok(Some(Failure::Reply(format!("the range {range:?} instead of {}-", self.have)))),
            };
        }
        if self.have > 0 {
            self.restart()?;
        }
        self.other_length = content_length(response.headers()).filter(|&whole| whole != self.bytes);
        Ok(None)
    }

    /// The whole file, on the disk, from its start.
    pub(super) fn finish(mut self) -> Result<File> {
        let synced = self.file.sync_all().and_then(|()| self.file.seek(SeekFrom::Start(0)));
        synced.map_err(io_error("writing", &self.path))?;
        Ok(self.file)
    }
}

/// Counts failures in a row, and waits longer after each.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    params: &'a HubParams,
    cancel: &'a Cancel,
    failures: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(params: &'a HubParams, cancel: &'a Cancel) -> Self {
        Self { params, cancel, failures: 0 }
    }

    /// Something came; the count starts anew.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Sleeps where trying again makes sense; else the failure, as `error` puts it.
    pub(super) fn wait_after(
        &mut self,
        failure: Failure,
        error: impl FnOnce(Failure) -> Error,
    ) -> Result<()> {
        self.failures += 1;
        let doubled = self.params.pause.saturating_mul(1 << (self.failures - 1).min(16));
        let pause = failure.asked_pause().unwrap_or_else(|| doubled.min(self.params.longest_pause));
        if !failure.is_transient()
            || self.failures >= self.params.attempts
            || pause > self.params.longest_pause
        {
            return Err(error(failure));
        }
        let mut left = pause;
        while !left.is_zero() {
            self.cancel.check()?;
            let sleep = left.min(SLEEP);
            thread::sleep(sleep);
            left -= sleep;
        }
        self.cancel.check()
    }
}

impl Failure {
    /// An answer that ended too early.
    fn cut(error: std::io::Error) -> Self {
        Self::Network { error: ureq::Error::Io(error), is_final: false }
    }

    /// Whether the same request can succeed later. A refusal by another host is one: its address carries
    /// a signature that expires, and the hub gives a new one.
    fn is_transient(&self) -> bool {
        match self {
            Self::Network { is_final, .. } => !is_final,
            Self::Status { status, from_hub, .. } => match status {
                408 | 425 | 429 | 500..=599 => true,
                401 | 403 => !from_hub,
                _ => false,
            },
            Self::Reply(_) => false,
        }
    }

    fn asked_pause(&self) -> Option<Duration> {
        if let Self::Status { retry_after, .. } = self { *retry_after } else { None }
    }
}
