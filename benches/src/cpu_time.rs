use std::{fs, io};

/// CPU time of this thread, from Linux's scheduler, s.
///
/// # Errors
/// On other systems.
pub fn cpu_seconds() -> io::Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    nanoseconds.map(|nanoseconds| nanoseconds as f64 * 1e-9).ok_or(io::ErrorKind::InvalidData.into())
}
