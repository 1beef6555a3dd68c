//! Standard error (talk and progress) and standard output (data).

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use synth_core::{Error, Progress, Result};

/// Where the program talks: lines and progress bars on standard error.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    quiet: bool,
    bars: Arc<Bars>,
}

impl Talk {
    pub(crate) fn new(quiet: bool) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        Self { quiet, bars: Arc::new(Bars::new(shown)) }
    }

    /// A line for the person at the terminal; nothing under `--quiet`.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        if !self.quiet {
            self.always(line);
        }
    }

    /// A line that `--quiet` does not silence: errors, warnings.
    pub(crate) fn always(&self, line: impl AsRef<str>) {
        self.bars.all.suspend(|| {
            // Nobody is left to be told that standard error is gone.
            let _ = writeln!(io::stderr(), "{}", line.as_ref());
        });
    }

    /// Where long work reports its steps.
    pub(crate) fn progress(&self) -> Arc<dyn Progress> {
        self.bars.clone()
    }
}

/// Progress bars with counts and remaining time, shown only on a terminal and only for what takes
/// longer than a second.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    shown: bool,
    current: Mutex<Option<Stage>>,
}

#[derive(Debug)]
struct Stage {
    bar: ProgressBar,
    started: Instant,
    visible: bool,
}

const PATIENCE: Duration = Duration::from_secs(1);

impl Bars {
    fn new(shown: bool) -> Self {
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { all: MultiProgress::with_draw_target(target), shown, current: Mutex::new(None) }
    }

    fn with_current(&self, action: impl FnOnce(&mut Option<Stage>)) {
        action(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bars {
    fn start(&self, stage: &str, total: Option<u64>) {
        let template = if total.is_some() {
            "{msg:28} {bar:24} {human_pos}/{human_len}  {eta} left"
        } else {
            "{msg:28} {human_pos}  {elapsed}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden())
            .with_style(style)
            .with_message(stage.to_owned());
        self.with_current(|current| *current = Some(Stage { bar, started: Instant::now(), visible: false }));
    }

    fn advance(&self, steps: u64) {
        self.with_current(|current| {
            let Some(stage) = current else { return };
            if self.shown && !stage.visible && stage.started.elapsed() > PATIENCE {
                stage.bar = self.all.add(stage.bar.clone());
                stage.visible = true;
            }
            stage.bar.inc(steps);
        });
    }

    fn finish(&self) {
        self.with_current(|current| {
            if let Some(stage) = current.take() {
                stage.bar.finish_and_clear();
            }
        });
    }
}

/// Writes data to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Io { action: "writing", path: "standard output".into(), source })
        }
        _ => Ok(()),
    }
}

/// Writes a value as indented JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_string_pretty(value).map_err(|source| Error::component("JSON output", source))?;
    print(&format!("{text}\n"))
}
