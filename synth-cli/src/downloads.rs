//! Weights by name: from the cache that Python's `huggingface_hub` shares, or from the hub into it.

use std::path::PathBuf;

use synth_core::Result;
use synth_embed::models::Model;

use crate::context::Context;

/// The folder with a model's files; what the cache lacks is fetched.
#[cfg(feature = "hub")]
pub(crate) fn fetch(model: &Model, context: &Context) -> Result<PathBuf> {
    use synth_embed::weights::hub::HubParams;
    let (hub, files) = (HubParams::from_env()?.build()?, model.on_hub()?);
    if let Some(folder) = hub.cached(&files) {
        return Ok(folder);
    }
    let (params, size) = (hub.params(), megabytes(model.bytes()));
    if !params.offline {
        context.talk.say(format!(
            "fetching {} ({size}, {}) from {} into {}",
            model.repository,
            model.license,
            params.endpoint,
            params.cache.display()
        ));
    }
    hub.fetch(&files, context.talk.progress().as_ref(), &context.cancel)
}

#[cfg(not(feature = "hub"))]
pub(crate) fn fetch(model: &Model, _context: &Context) -> Result<PathBuf> {
    let reason = "this build has no feature `hub` to fetch its weights".to_owned();
    Err(synth_core::Error::Unsupported { what: format!("embedder `{}` without weights", model.name), reason })
}

/// The folder with a model's files, if all of them are in the cache.
#[cfg(feature = "hub")]
pub(crate) fn cached(model: &Model) -> Result<Option<PathBuf>> {
    use synth_embed::weights::hub::HubParams;
    Ok(HubParams::from_env()?.build()?.cached(&model.on_hub()?))
}

#[cfg(not(feature = "hub"))]
pub(crate) fn cached(_model: &Model) -> Result<Option<PathBuf>> {
    Ok(None)
}

/// A size for people.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
