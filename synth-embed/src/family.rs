use serde::Serialize;

/// A kind of pretrained model, named as the module that loads it.
///
/// # Examples
/// ```
/// # #[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))] {
/// use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
/// use synth_embed::Family;
/// use synth_embed::weights::Checkpoint;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// let token = TensorView::new(Dtype::F32, vec![1, 1, 1], &[0; 4])?;
/// serialize_to_file([("embeddings.cls_token", &token)], None, &path)?;
/// assert_eq!(Family::of(&Checkpoint::open(&path)?), Some(Family::Dinov2));
///
/// serialize_to_file([("another", &token)], None, &path)?;
/// assert_eq!(Family::of(&Checkpoint::open(&path)?), None);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Encoders of sentences.
    Bert,
    /// Images and texts in one space.
    Clip,
    /// Images.
    Dinov2,
    /// Images; of EfficientNet only the Lite models.
    EfficientNet,
    /// Images and texts in one space.
    Siglip,
}

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
impl Family {
    /// The family of a checkpoint, told by the names of its tensors; `None` for a checkpoint of no family here. That the rest of it fits is known once it is loaded.
    #[must_use]
    pub fn of(checkpoint: &crate::weights::Checkpoint) -> Option<Self> {
        use crate::{bert, clip, dinov2, efficientnet, siglip};
        let families = [
            (Self::Bert, bert::is_one(checkpoint)),
            (Self::Clip, clip::is_one(checkpoint)),
            (Self::Dinov2, dinov2::is_one(checkpoint)),
            (Self::EfficientNet, efficientnet::is_one(checkpoint)),
            (Self::Siglip, siglip::is_one(checkpoint)),
        ];
        families.into_iter().find(|(_, is_one)| *is_one).map(|(family, _)| family)
    }
}
