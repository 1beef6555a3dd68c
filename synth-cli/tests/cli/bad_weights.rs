//! Weights that are torn, misshapen, hostile or no weights: named with how to mend it, nothing run, nothing
//! written, no memory taken for what they claim.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::bombs::{Entry, deflated_zeros, zip};
use crate::support::{Ended, Place};

/// Virtual memory that the program may take, KiB: a few times what it needs for the small model.
const MEMORY: &str = "-v 1000000";

fn golden(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../synth-embed/tests/goldens/models/dinov2");
    fs::read(folder.join(file)).expect("committed")
}

/// A place with two images in `photos` and the `config.json` of the golden in `weights`.
fn place() -> Place {
    let place = Place::new();
    (0..2).for_each(|kind| place.image(&format!("photos/{kind}.png"), 64, kind));
    place.write("weights/config.json", golden("config.json"));
    place
}

fn run(place: &Place, arguments: &[&str]) -> Ended {
    match cfg!(target_os = "linux") {
        true => place.limited(MEMORY, arguments),
        false => place.run(arguments),
    }
}

/// Both commands refuse these weights and leave nothing.
#[track_caller]
fn refused(place: &Place, weights: &str, says: &[&str]) {
    let before = place.names("");
    let model = ["--model", "dinov2", "--weights", weights, "--device", "flex"];
    run(place, &[&["embed", "photos", "--out", "e.npy"], &model[..]].concat()).code(2).says(says);
    run(place, &[&["compare", "photos", "photos"], &model[..]].concat()).code(2).says(says);
    assert_eq!(place.names(""), before, "nothing is written, nothing was run");
}

/// The golden with its header changed.
fn with_header(change: impl Fn(&mut Value)) -> Vec<u8> {
    let bytes = golden("model.safetensors");
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).expect("JSON");
    change(&mut header);
    let header = serde_json::to_vec(&header).expect("JSON");
    [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
}

#[test]
fn truncated_safetensors_are_to_be_fetched_anew() {
    let (place, whole) = (place(), golden("model.safetensors"));
    for length in [4, 200, whole.len() / 2, whole.len() - 1] {
        place.write("weights/model.safetensors", &whole[..length]);
        let names = ["weights/model.safetensors", "is corrupt"];
        refused(
            &place,
            "weights",
            if length > 8 { &["weights/model.safetensors", "fetch the file anew"] } else { &names },
        );
    }
    place.write("weights/model.safetensors", "");
    refused(&place, "weights", &["weights/model.safetensors", "it is empty; fetch the file anew"]);
    place.write("weights/model.safetensors", [&(1_u64 << 50).to_le_bytes()[..], b"{}"].concat());
    refused(&place, "weights", &["weights/model.safetensors", "its header says 1125899906842624 bytes"]);
}

#[test]
fn wrong_shapes_are_listed_by_name() {
    let place = place();
    let query = "encoder.layer.1.attention.attention.query.weight";
    let (positions, norm) = ("embeddings.position_embeddings", "encoder.layer.0.norm1.weight");
    for (tensor, shape, says) in [
        (query, json!([8, 32]), &["1 of another shape", "expected [48, 16], found [8, 32]"][..]),
        (norm, json!([4, 4]), &["1 of another shape (blocks.0.norm1.weight", "expected [16], found [4, 4]"]),
        (
            positions,
            json!([1, 16, 17]),
            &["tensor `positions` of shape [1, 16, 17] in", "no DINOv2 is like that"],
        ),
        (
            positions,
            json!([1, 17, 1_u64 << 50]),
            &["tensor `embeddings.position_embeddings`", "its storage holds"],
        ),
        (positions, json!([1, 17, u64::MAX]), &["more numbers than memory can hold"]),
    ] {
        place.write(
            "weights/model.safetensors",
            with_header(|header| header[tensor]["shape"] = shape.clone()),
        );
        refused(&place, "weights", &[&["weights/model.safetensors"], says].concat());
    }
}

/// A tensor without numbers may have any other length, for which no memory is taken.
#[test]
fn empty_tensors_with_long_axes_are_refused() {
    let place = place();
    let whole: Value = {
        let bytes = golden("model.safetensors");
        let length = u64::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
        serde_json::from_slice(&bytes[8..8 + length]).expect("JSON")
    };
    let names = whole.as_object().expect("tensors").keys().filter(|name| *name != "__metadata__");
    for name in names {
        let entry = json!({"dtype": "F32", "shape": [0, 1_u64 << 40], "data_offsets": [0, 0]});
        // Under its own name it is empty, its numbers are another's.
        place.write(
            "weights/model.safetensors",
            with_header(|header| {
                header["moved"] = header[name].take();
                header[name] = entry.clone();
            }),
        );
        let model = ["--model", "dinov2", "--weights", "weights", "--device", "flex"];
        run(&place, &[&["embed", "photos", "--out", "e.npy"], &model[..]].concat())
            .code(2)
            .says(&["weights/model.safetensors"]);
    }
}

/// A pickle whose reading by Python makes a file.
fn pickle_making(path: &Path) -> Vec<u8> {
    let command = format!("touch '{}'", path.display());
    let text = [&b"X"[..], &(command.len() as u32).to_le_bytes(), command.as_bytes()].concat();
    [&b"\x80\x02cposix\nsystem\n"[..], &text, b"\x85R."].concat()
}

#[test]
fn a_pickle_that_runs_code_is_named_and_not_run() {
    let place = place();
    let pickle = pickle_making(&place.path("it_ran"));
    let claim = pickle.len() as u32;
    place.write("legacy.pth", &pickle);
    place.write("zip.pth", zip(&Entry { name: "archive/data.pkl", deflated: false, bytes: &pickle, claim }));
    fs::copy(place.path("zip.pth"), place.path("weights/pytorch_model.bin")).expect("copied");
    for (weights, file) in
        [("legacy.pth", "legacy.pth"), ("zip.pth", "zip.pth"), ("weights", "pytorch_model.bin")]
    {
        refused(&place, weights, &[file, "`posix.system`", "none was run", "python -c"]);
        assert!(!place.path("it_ran").exists(), "{file} was run");
    }
}

#[test]
fn a_zip_bomb_is_refused_before_it_is_unpacked() {
    let place = place();
    let (bomb, claim) = (deflated_zeros(200 << 20), u32::MAX - 1);
    let name = "archive/data.pkl";
    place.write("deflated.pth", zip(&Entry { name, deflated: true, bytes: &bomb, claim }));
    refused(&place, "deflated.pth", &["deflated.pth", "is compressed", "save it anew with `torch.save`"]);
    place.write("long.pth", zip(&Entry { name, deflated: false, bytes: b"\x80\x02.", claim }));
    refused(&place, "long.pth", &["long.pth", "is longer than the file"]);
    place.write("archive.pth", zip(&Entry { name: "notes.txt", deflated: true, bytes: &bomb, claim }));
    refused(&place, "archive.pth", &["archive.pth", "not one that `torch.save` wrote"]);
}

#[test]
fn what_are_no_weights_is_told_apart() {
    let place = place();
    for (content, says) in [
        (&b"<!DOCTYPE html><html></html>"[..], "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"these are notes", "neither safetensors nor a file of `torch.save`"),
    ] {
        place.write("notes.pth", content);
        refused(&place, "notes.pth", &["`notes.pth`", says]);
    }
    refused(&place, "nowhere.pth", &["`nowhere.pth` was not found", "--weights FILE|DIR"]);
    fs::create_dir(place.path("empty.pth")).expect("created");
    refused(&place, "empty.pth", &["`empty.pth` was not found"]);
}

#[cfg(unix)]
#[test]
fn what_never_ends_is_not_read() {
    let place = place();
    let pipe = std::process::Command::new("mkfifo").arg(place.path("pipe.pth")).status().expect("mkfifo");
    assert!(pipe.success());
    for weights in ["pipe.pth", "/dev/zero"] {
        refused(&place, weights, &[weights, "not a regular file"]);
    }
    place.write("weights/model.safetensors", golden("model.safetensors"));
    fs::remove_file(place.path("weights/config.json")).expect("there");
    std::os::unix::fs::symlink("/dev/zero", place.path("weights/config.json")).expect("a link");
    refused(&place, "weights", &["weights/config.json", "not a regular file"]);
    fs::remove_file(place.path("weights/config.json")).expect("there");
    place.write("weights/config.json", golden("config.json"));
    let model = ["--model", "dinov2", "--weights", "weights", "--device", "flex"];
    run(&place, &[&["embed", "photos", "--out", "e.npy"], &model[..]].concat()).code(0);
}
