//! The files of a directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every file by its relative path, but for locks.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut pending) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            if path.is_dir() {
                pending.push(path);
            } else if !name.ends_with(".lock") {
                files.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    files
}
