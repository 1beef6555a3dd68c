use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use synth_core::{Error, Result};

use crate::error::{corrupt, io_error};
use crate::read_json_lines;
use crate::records::SampleRecord;

/// Which images belong together: to one parameter set, wafer or patient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Groups {
    /// The folder's own `groups.csv` or `groups.jsonl`, or its `samples.jsonl` where it is a dataset
    /// of synth or the folder `images` of one; without any of them every image is its own group.
    #[default]
    Auto,
    /// Every image is its own group.
    Each,
    /// The folder that an image lies in.
    Folder,
    /// A file with the columns `file` (relative path) and `group`: CSV with a header, or JSON lines
    /// where its name ends in `.jsonl`.
    File(PathBuf),
    /// Given by relative path.
    Map(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct Row {
    file: String,
    group: String,
}

/// The group of each image.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) groups: Vec<String>,
    /// Files that were given a group and are no image of the folder.
    pub(super) unused: Vec<String>,
}

impl Groups {
    /// The group of each of `paths`, images below `root`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a file of groups that cannot be read or, named, lacks an image;
    /// [`Error::NotFound`] naming the first image without a group in a map.
    pub(super) fn resolve(&self, root: &Path, paths: &[String]) -> Result<Resolved> {
        let plain = |groups| Resolved { groups, unused: Vec::new() };
        match self {
            Self::Each => Ok(plain(paths.to_vec())),
            Self::Folder => Ok(plain(paths.iter().map(|path| parent_of(path)).collect())),
            Self::Map(map) => {
                let groups = look_up(map, paths).map_err(|name| Error::NotFound { what: WITHOUT, name })?;
                Ok(Resolved { groups, unused: unused(map, paths) })
            }
            Self::File(path) => from_file(path, paths),
            Self::Auto => match own_groups(root, paths)? {
                Some(resolved) => Ok(resolved),
                None => Ok(plain(paths.to_vec())),
            },
        }
    }
}

const WITHOUT: &str = "the group of";

fn own_groups(root: &Path, paths: &[String]) -> Result<Option<Resolved>> {
    for name in ["groups.csv", "groups.jsonl"] {
        let path = root.join(name);
        if path.is_file() {
            return from_file(&path, paths).map(Some);
        }
    }
    if is_dataset(root) {
        let file = root.join("samples.jsonl");
        let groups = groups_of_records(read_json_lines(&file)?, "images/");
        let stems: Vec<String> = paths.iter().map(|path| stem_of(path)).collect();
        let groups = look_up(&groups, &stems).map_err(|stem| without(&file, &stem))?;
        return Ok(Some(Resolved { groups, unused: Vec::new() }));
    }
    Ok(groups_above(root, paths))
}

/// The groups of the images of a dataset whose folder `images` is read by itself. What lies beside a
/// folder that only bears that name may be anything; it counts only where it is the records of all
/// these images.
fn groups_above(root: &Path, paths: &[String]) -> Option<Resolved> {
    let root = fs::canonicalize(root).ok()?;
    let dataset = root.parent().filter(|_| root.file_name().is_some_and(|name| name == "images"))?;
    let records = read_json_lines(&dataset.join("samples.jsonl")).ok()?;
    let stems: Vec<String> = paths.iter().map(|path| stem_of(path)).collect();
    let groups = look_up(&groups_of_records(records, ""), &stems).ok()?;
    Some(Resolved { groups, unused: Vec::new() })
}

fn groups_of_records(records: Vec<SampleRecord>, folder: &str) -> BTreeMap<String, String> {
    records.into_iter().map(|record| (format!("{folder}{}", record.sample_id), record.group)).collect()
}

fn from_file(file: &Path, paths: &[String]) -> Result<Resolved> {
    let map = read_groups(file)?;
    let groups = look_up(&map, paths).map_err(|path| without(file, &path))?;
    Ok(Resolved { groups, unused: unused(&map, paths) })
}

fn without(file: &Path, image: &str) -> Error {
    corrupt(file, format!("the image `{image}` has no group in it"))
}

fn unused(map: &BTreeMap<String, String>, paths: &[String]) -> Vec<String> {
    let there: BTreeSet<&String> = paths.iter().collect();
    map.keys().filter(|file| !there.contains(file)).cloned().collect()
}

/// Whether `root` has the layout that synth writes: then its masks are no images to read.
pub(super) fn is_dataset(root: &Path) -> bool {
    root.join("samples.jsonl").is_file() && root.join("images").is_dir()
}

/// The groups, or the first path without one.
fn look_up(map: &BTreeMap<String, String>, paths: &[String]) -> Result<Vec<String>, String> {
    paths.iter().map(|path| map.get(path).cloned().ok_or_else(|| path.clone())).collect()
}

fn parent_of(path: &str) -> String {
    path.rsplit_once('/').map_or(".", |(parent, _)| parent).to_owned()
}

fn stem_of(path: &str) -> String {
    path.rsplit_once('.').map_or(path, |(stem, _)| stem).to_owned()
}

fn read_groups(path: &Path) -> Result<BTreeMap<String, String>> {
    let rows: Vec<Row> = if path.extension().is_some_and(|extension| extension == "jsonl") {
        read_json_lines(path)?
    } else {
        let bytes = fs::read(path).map_err(io_error("reading", path))?;
        let text = String::from_utf8(bytes).map_err(|error| corrupt(path, error))?;
        rows_from_csv(path, &text)?
    };
    let mut map = BTreeMap::new();
    for row in rows {
        if let Some(earlier) = map.insert(row.file.clone(), row.group.clone())
            && earlier != row.group
        {
            let problem = format!("`{}` is in the groups `{earlier}` and `{}`", row.file, row.group);
            return Err(corrupt(path, problem));
        }
    }
    Ok(map)
}

fn rows_from_csv(path: &Path, text: &str) -> Result<Vec<Row>> {
    let mut records = parse_csv(text).map_err(|problem| corrupt(path, problem))?.into_iter();
    let (_, header) = records.next().ok_or_else(|| corrupt(path, "no header `file,group`"))?;
    let column = |name: &str| {
        let place = header.iter().position(|cell| cell.trim() == name);
        place.ok_or_else(|| corrupt(path, format!("line 1: no column `{name}`")))
    };
    let (file, group) = (column("file")?, column("group")?);
    records
        .map(|(line, mut cells)| {
            if cells.len() != header.len() {
                let problem =
                    format!("line {line}: {} columns, the header has {}", cells.len(), header.len());
                return Err(corrupt(path, problem));
            }
            Ok(Row { file: std::mem::take(&mut cells[file]), group: std::mem::take(&mut cells[group]) })
        })
        .collect()
}

/// Records of an RFC 4180 text with the lines they begin at; empty lines are left out.
fn parse_csv(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut records, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                end_record(&mut records, &mut cells, &mut cell, begun);
                begun = line;
            }
            other => cell.push(other),
        }
    }
    if quoted {
        return Err(format!("line {begun}: a quote is not closed"));
    }
    end_record(&mut records, &mut cells, &mut cell, begun);
    Ok(records)
}

fn end_record(
    records: &mut Vec<(usize, Vec<String>)>,
    cells: &mut Vec<String>,
    cell: &mut String,
    line: usize,
) {
    if !(cells.is_empty() && cell.is_empty()) {
        cells.push(std::mem::take(cell));
        records.push((line, std::mem::take(cells)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Vec<String> {
        vec!["a/1.png".into(), "b.png".into()]
    }

    fn write(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join(name);
        fs::write(&path, text).expect("writable");
        (directory, path)
    }

    #[test]
    fn csv_and_json_lines_say_the_same() {
        let csv = "\u{feff}group,file,note\r\n\"w,1\",a/1.png,\"say \"\"hi\"\"\"\r\n\r\nw2,b.png,\r\n";
        let (_keep, path) = write("groups.csv", csv);
        let expected = ["w,1", "w2"];
        assert_eq!(Groups::File(path).resolve(Path::new("."), &paths()).expect("valid").groups, expected);
        let json = "{\"file\":\"a/1.png\",\"group\":\"w,1\"}\n{\"file\":\"b.png\",\"group\":\"w2\"}\n\
                    {\"file\":\"gone.png\",\"group\":\"w2\"}\n";
        let (_keep, path) = write("groups.jsonl", json);
        let found = Groups::File(path).resolve(Path::new("."), &paths()).expect("valid");
        assert_eq!(
            (found.groups, found.unused),
            (expected.map(str::to_owned).into(), vec!["gone.png".into()])
        );
    }

    #[test]
    fn a_dataset_gives_the_same_groups_by_either_folder() {
        let sample = crate::testing::sample(3);
        let records: Vec<SampleRecord> = ["s_0", "s_1"]
            .map(|id| {
                let context = crate::RecordContext::synthetic(&sample, "t");
                SampleRecord::new(id, &sample, context).expect("finite")
            })
            .into();
        let bytes = crate::to_json_lines(&records).expect("JSON");
        let (root, _) = write("samples.jsonl", std::str::from_utf8(&bytes).expect("UTF-8"));
        fs::create_dir(root.path().join("images")).expect("writable");
        let resolve = |folder: &str, paths: [&str; 2]| {
            let paths = paths.map(str::to_owned);
            Groups::Auto.resolve(&root.path().join(folder), &paths).expect("valid").groups
        };
        let whole = resolve("", ["images/s_0.png", "images/s_1.png"]);
        assert_eq!(whole[0], whole[1], "one parameter set");
        assert_eq!(resolve("images", ["s_0.png", "s_1.png"]), whole);
        assert_eq!(resolve("images", ["s_0.png", "own.png"]), ["s_0.png", "own.png"], "not all are of it");
    }

    #[test]
    fn a_broken_file_names_the_line() {
        for (text, part) in [
            ("", "no header"),
            ("file,wafer\n", "line 1: no column `group`"),
            ("file,group\na,1\nb\n", "line 3: 1 columns"),
            ("file,group\na,\"1\n", "line 2: a quote"),
            ("file,group\na,1\na,2\n", "`a` is in the groups `1` and `2`"),
        ] {
            let (_keep, path) = write("groups.csv", text);
            let error = read_groups(&path).expect_err("broken").to_string();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn an_image_without_a_group_is_named() {
        let map = BTreeMap::from([("b.png".to_owned(), "w".to_owned())]);
        let error = Groups::Map(map).resolve(Path::new("."), &paths()).expect_err("a/1.png is missing");
        assert!(matches!(&error, Error::NotFound { name, .. } if name == "a/1.png"), "{error}");
        let (_keep, path) = write("groups.csv", "file,group\nb.png,w\n");
        let error = Groups::File(path).resolve(Path::new("."), &paths()).expect_err("missing").to_string();
        assert!(error.contains("groups.csv") && error.contains("`a/1.png` has no group"), "{error}");
    }

    #[test]
    fn folders_can_be_groups() {
        assert_eq!(Groups::Folder.resolve(Path::new("."), &paths()).expect("valid").groups, ["a", "."]);
        assert_eq!(Groups::Auto.resolve(Path::new("no"), &paths()).expect("valid").groups, paths());
    }
}
