//! `synth models`: the embedders by name, and what of them is in the cache.

use std::path::PathBuf;

use serde::Serialize;
use synth_core::{Embedder, Error};
use synth_embed::FeaturesParams;
use synth_embed::models::{Embeds, Model};

use crate::args::ModelsArguments;
use crate::config::nearest;
use crate::context::Context;
use crate::downloads::{self, megabytes};
use crate::failure::Failure;
use crate::models::{DEFAULT, ONNX};
use crate::talk::{print, print_json};

const HEADS: [&str; 7] = ["NAME", "EMBEDS", "DIM", "PARAMETERS", "DOWNLOAD", "LICENCE", "CACHED"];

/// A model with the place of its files.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    model: &'static Model,
    bytes: u64,
    cached: Option<PathBuf>,
}

/// Lists the models, after fetching those that are asked for.
pub(crate) fn models(arguments: &ModelsArguments, context: &Context) -> Result<(), Failure> {
    let wanted: Vec<&Model> = arguments.fetch.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
    for model in wanted {
        let folder = downloads::fetch(model, context)?;
        context.talk.say(format!("{} is in {}", model.name, folder.display()));
    }
    let listed = Model::all()
        .iter()
        .map(|model| Ok(Listed { model, bytes: model.bytes(), cached: downloads::cached(model)? }));
    let listed: Vec<Listed> = listed.collect::<Result<_, Error>>()?;
    if context.json {
        print_json(&listed)?;
    } else {
        let features = FeaturesParams::default().build()?;
        print(&table(features.dim(), &listed))?;
    }
    Ok(())
}

fn find(name: &str) -> Result<&'static Model, Failure> {
    let names = || Model::all().iter().map(|model| model.name);
    Model::find(name).ok_or_else(|| {
        let expected = format!("one of {}", names().collect::<Vec<_>>().join(", "));
        let failure = Failure::from(Error::invalid("--fetch", expected, name));
        match nearest(name, names()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure,
        }
    })
}

fn table(features_dim: usize, listed: &[Listed]) -> String {
    let dash = || "-".to_owned();
    let features = [DEFAULT.to_owned(), words(Embeds::Images).into(), features_dim.to_string()];
    let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
    rows.push([&features[..], &[dash(), dash(), dash(), "needs no weights".into()]].concat());
    let onnx = [ONNX.to_owned(), words(Embeds::Images).into(), dash(), dash(), dash(), dash()];
    let needs = if cfg!(feature = "onnx") { "needs an .onnx file" } else { "not in this build" };
    rows.push([&onnx[..], &[needs.into()]].concat());
    rows.extend(listed.iter().map(|Listed { model, bytes, cached }| {
        let parameters = format!("{:.1} M", model.parameters as f64 / 1e6);
        let cached = cached.as_ref().map_or_else(dash, |_| "yes".into());
        let (size, license) = (megabytes(*bytes), model.license.to_owned());
        vec![
            model.name.into(),
            words(model.embeds).into(),
            model.dim.to_string(),
            parameters,
            size,
            license,
            cached,
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn words(embeds: Embeds) -> &'static str {
    match embeds {
        Embeds::Texts => "texts",
        Embeds::ImagesAndTexts => "images, texts",
        _ => "images",
    }
}
