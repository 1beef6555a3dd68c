use image::DynamicImage;
use ndarray::{Array2, s};
use rayon::prelude::*;
use synth_core::{Embedder, Generator, ParameterSet, ParameterSpace, Request, Result, Seed};
use synth_gen::{Voids, VoidsParams, builtin_chips};

/// Side of the images, in pixels.
pub const SIDE_PX: u32 = 224;
const CHUNK: usize = 16;

/// The built-in void simulator seen through an embedder.
#[derive(Debug)]
pub struct VoidImages {
    voids: Voids,
    embedder: Box<dyn Embedder<DynamicImage>>,
}

impl VoidImages {
    /// The simulator on the built-in chips of 224 × 224 px, without labels.
    ///
    /// # Errors
    /// Never with the built-in chips.
    pub fn new(embedder: Box<dyn Embedder<DynamicImage>>) -> Result<Self> {
        let voids = VoidsParams { labels: false, ..VoidsParams::default() }.build(builtin_chips(SIDE_PX)?)?;
        Ok(Self { voids, embedder })
    }

    /// The simulator's parameters.
    #[must_use]
    pub fn space(&self) -> &ParameterSpace {
        self.voids.space()
    }

    /// What the images are seen through.
    #[must_use]
    pub fn embedder(&self) -> &dyn Embedder<DynamicImage> {
        &*self.embedder
    }

    /// Embeddings `[sets, dim]` of one image for each set.
    ///
    /// # Errors
    /// A set outside the space.
    pub fn embed(&self, sets: &[ParameterSet], seed: Seed) -> Result<Array2<f32>> {
        let chunks: Vec<Array2<f32>> = sets
            .par_chunks(CHUNK)
            .enumerate()
            .map(|(chunk, sets)| self.embed_chunk(sets, seed, chunk * CHUNK))
            .collect::<Result<_>>()?;
        let mut all = Array2::zeros((sets.len(), self.embedder.dim()));
        for (i, chunk) in chunks.iter().enumerate() {
            all.slice_mut(s![i * CHUNK..i * CHUNK + chunk.nrows(), ..]).assign(chunk);
        }
        Ok(all)
    }

    fn embed_chunk(&self, sets: &[ParameterSet], seed: Seed, first: usize) -> Result<Array2<f32>> {
        let request = |(i, set): (usize, &ParameterSet)| Request::new(set.clone(), seed, (first + i) as u64);
        let requests: Vec<Request> = sets.iter().enumerate().map(request).collect();
        let images: Vec<DynamicImage> = self
            .voids
            .generate(&requests)?
            .into_iter()
            .map(|s| s.map(|s| s.item).map_err(|e| synth_core::Error::component("voids", e)))
            .collect::<Result<_>>()?;
        self.embedder.embed(&images.iter().collect::<Vec<_>>())
    }
}
