//! The directory of a zip file as PyTorch writes it: entries stored, not compressed.
//!
//! Only what such a file needs; anything else is refused. Sizes come from the central directory, since
//! PyTorch leaves them out of the local headers. APPNOTE.TXT 6.3.9, sections 4.3.7, 4.3.12 to 4.3.16
//! and 4.5.3.

use std::collections::BTreeMap;

use synth_core::Result;

use super::super::error::corrupt;
use super::super::storage::WeightsFile;

const LOCAL_HEADER: [u8; 4] = *b"PK\x03\x04";
const CENTRAL_HEADER: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const END_64_LOCATOR: [u8; 4] = *b"PK\x06\x07";

const LOCAL_HEADER_BYTES: usize = 30;
const CENTRAL_HEADER_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END_64_BYTES: usize = 56;
const END_64_LOCATOR_BYTES: usize = 20;
const MAX_COMMENT_BYTES: usize = 0xffff;

const FLAG_ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
/// Identifier of the extra field with sizes beyond 32 bits.
const EXTRA_64: u16 = 1;

/// Far above any checkpoint's directory: a hundred thousand tensors need about 10 MB.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;

/// Whether these first bytes of a file are those of a zip file.
pub(in super::super) fn is_zip(start: &[u8]) -> bool {
    start.starts_with(&LOCAL_HEADER)
}

/// Where the bytes of an entry lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) start: u64,
    pub(super) bytes: u64,
    /// Zero where the writer did not compute it.
    pub(super) crc32: u32,
}

/// The entries of a zip file by name.
#[derive(Debug)]
pub(super) struct Directory {
    entries: BTreeMap<String, Header>,
}

/// An entry of the central directory.
#[derive(Clone, Copy, Debug)]
struct Header {
    local: u64,
    bytes: u64,
    compressed_bytes: u64,
    crc32: u32,
    method: u16,
    flags: u16,
}

impl Directory {
    pub(super) fn read(file: &WeightsFile) -> Result<Self> {
        let (start, bytes) = locate(file)?;
        if bytes > MAX_DIRECTORY_BYTES || start.checked_add(bytes).is_none_or(|end| end > file.bytes()) {
            let problem = format!("its zip directory of {bytes} bytes at byte {start} is not in the file");
            return Err(corrupt(file.path(), problem));
        }
        let directory = file.read_vec(start, bytes as usize)?;
        let mut entries = BTreeMap::new();
        let mut rest = directory.as_slice();
        while !rest.is_empty() {
            let (name, header) = take_header(&mut rest)
                .ok_or_else(|| corrupt(file.path(), "its zip directory is torn; fetch the file anew"))?;
            if entries.insert(name.clone(), header).is_some() {
                return Err(corrupt(file.path(), format!("its zip entry `{name}` comes twice")));
            }
        }
        Ok(Self { entries })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Where an entry's bytes lie, checked to be in the file; `None` where there is no such entry.
    pub(super) fn find(&self, file: &WeightsFile, name: &str) -> Result<Option<Entry>> {
        let Some(header) = self.entries.get(name) else {
            return Ok(None);
        };
        let fault = |problem: &str| corrupt(file.path(), format!("its zip entry `{name}` {problem}"));
        if header.flags & FLAG_ENCRYPTED != 0 {
            return Err(fault("is encrypted"));
        }
        if header.method != STORED || header.bytes != header.compressed_bytes {
            return Err(fault(
                "is compressed, which `torch.save` never does; save it anew with `torch.save`",
            ));
        }
        let mut local = [0; LOCAL_HEADER_BYTES];
        if header.local.checked_add(LOCAL_HEADER_BYTES as u64).is_none_or(|end| end > file.bytes()) {
            return Err(fault("starts beyond the end of the file"));
        }
        file.read_at(header.local, &mut local)?;
        if !local.starts_with(&LOCAL_HEADER) {
            return Err(fault("does not start where the directory says"));
        }
        let variable = u64::from(u16_at(&local, 26)) + u64::from(u16_at(&local, 28));
        let start = header.local + LOCAL_HEADER_BYTES as u64 + variable;
        if start.checked_add(header.bytes).is_none_or(|end| end > file.bytes()) {
            return Err(fault("is longer than the file"));
        }
        Ok(Some(Entry { start, bytes: header.bytes, crc32: header.crc32 }))
    }
}

/// Start and length of the central directory, from the record at the end of the file.
fn locate(file: &WeightsFile) -> Result<(u64, u64)> {
    let torn = || corrupt(file.path(), "the end of its zip file is missing; fetch the file anew");
    let tail_bytes = file.bytes().min((END_64_LOCATOR_BYTES + END_BYTES + MAX_COMMENT_BYTES) as u64);
    let tail_start = file.bytes() - tail_bytes;
    let tail = file.read_vec(tail_start, tail_bytes as usize)?;
    let is_end = |&at: &usize| {
        tail[at..].starts_with(&END) && at + END_BYTES + usize::from(u16_at(&tail, at + 20)) == tail.len()
    };
    let last = tail.len().checked_sub(END_BYTES).ok_or_else(torn)?;
    let end = (0..=last).rev().find(is_end).ok_or_else(torn)?;
    let locator = end.checked_sub(END_64_LOCATOR_BYTES).filter(|&at| tail[at..].starts_with(&END_64_LOCATOR));
    let Some(locator) = locator else {
        return Ok((u64::from(u32_at(&tail, end + 16)), u64::from(u32_at(&tail, end + 12))));
    };
    let at = u64_at(&tail, locator + 8);
    if at.checked_add(END_64_BYTES as u64).is_none_or(|end| end > file.bytes()) {
        return Err(torn());
    }
    let mut record = [0; END_64_BYTES];
    file.read_at(at, &mut record)?;
    if !record.starts_with(&END_64) {
        return Err(torn());
    }
    Ok((u64_at(&record, 48), u64_at(&record, 40)))
}

/// Takes the next entry off the directory; `None` where it is torn.
fn take_header(rest: &mut &[u8]) -> Option<(String, Header)> {
    let fixed = rest.get(..CENTRAL_HEADER_BYTES).filter(|fixed| fixed.starts_with(&CENTRAL_HEADER))?;
    let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(fixed, at)));
    let mut header = Header {
        flags: u16_at(fixed, 8),
        method: u16_at(fixed, 10),
        crc32: u32_at(fixed, 16),
        compressed_bytes: u64::from(u32_at(fixed, 20)),
        bytes: u64::from(u32_at(fixed, 24)),
        local: u64::from(u32_at(fixed, 42)),
    };
    let variable = rest.get(CENTRAL_HEADER_BYTES..CENTRAL_HEADER_BYTES + name + extra + comment)?;
    *rest = &rest[CENTRAL_HEADER_BYTES + name + extra + comment..];
    header.widen(&variable[name..name + extra])?;
    Some((String::from_utf8(variable[..name].to_vec()).ok()?, header))
}

impl Header {
    /// Takes from the extra fields those sizes that 32 bits cannot hold.
    fn widen(&mut self, mut extra: &[u8]) -> Option<()> {
        let narrow = u64::from(u32::MAX);
        let mut missing: Vec<&mut u64> = [&mut self.bytes, &mut self.compressed_bytes, &mut self.local]
            .into_iter()
            .filter(|value| **value == narrow)
            .collect();
        while extra.len() >= 4 && !missing.is_empty() {
            let (id, bytes) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let field = extra.get(4..4 + bytes)?;
            if id == EXTRA_64 {
                let (values, _) = field.as_chunks::<8>();
                missing.drain(..).zip(values).for_each(|(value, wide)| *value = u64::from_le_bytes(*wide));
            }
            extra = &extra[4 + bytes..];
        }
        Some(())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
