use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use synth_core::{Error, Result};

use crate::error::io_error;
use crate::failpoint::{Boundary, reach};

/// One line of `log.jsonl`: what no hash may depend on (durations, host, threads, resumes).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When, as the caller tells it.
    pub timestamp: String,
    /// What happened: `started`, `resumed`, `step`.
    pub event: String,
    /// Figures by name.
    #[serde(flatten)]
    pub fields: BTreeMap<String, Value>,
}

/// Appends one line. A line torn by a kill is ended first, so that it spoils no other.
pub(super) fn append(path: &Path, entry: &LogEntry) -> Result<()> {
    let mut line = serde_json::to_vec(entry).map_err(|source| Error::component("writing the log", source))?;
    line.push(b'\n');
    append_line(path, &line).map_err(io_error("writing", path))
}

/// All whole lines of the log; none where there is no log. A torn line is left out.
pub(super) fn read(path: &Path) -> Result<Vec<LogEntry>> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let lines = bytes.split(|&byte| byte == b'\n');
            Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(io_error("reading", path)(source)),
    }
}

fn append_line(path: &Path, line: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    let (first, second) = line.split_at(line.len() / 2);
    file.write_all(first)?;
    reach(Boundary::MidLog)?;
    file.write_all(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_spoils_no_other() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("log.jsonl");
        let entry = |event: &str| LogEntry {
            timestamp: "t".into(),
            event: event.into(),
            fields: BTreeMap::from([("seconds".to_owned(), Value::from(1.5))]),
        };
        append(&path, &entry("started")).expect("writable");
        let mut text = std::fs::read(&path).expect("there");
        text.extend(b"{\"timest");
        std::fs::write(&path, text).expect("writable");
        append(&path, &entry("resumed")).expect("writable");
        let text = std::fs::read_to_string(&path).expect("there");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let last: LogEntry = serde_json::from_str(lines[2]).expect("whole");
        assert_eq!(last, entry("resumed"));
        assert_eq!(read(&path).expect("readable"), [entry("started"), entry("resumed")]);
        assert_eq!(lines[2], r#"{"timestamp":"t","event":"resumed","seconds":1.5}"#);
    }
}
