use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ParameterSpace, Request, Result, Sample, SampleError};

/// How far a generator's output is the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Determinism {
    /// On every machine.
    Portable,
    /// On one kind of device with one backend.
    PerBackend,
    /// Through a store of recorded responses, keyed by the request (an LLM behind a network).
    Recorded,
}

/// Makes samples from parameters. A sample depends on its request and nothing else.
///
/// Laws, each a conformance check: a pure function of the request; batching and order invisible; a
/// parameter set outside [`space`](Self::space) is an error of the call, any other failure is one
/// item's and leaves the rest alone. Rejecting near-duplicates is never a generator's business.
pub trait Generator: fmt::Debug + Send + Sync {
    /// What one sample holds: an image, later a record.
    type Item;

    /// The knobs, their domains and defaults.
    fn space(&self) -> &ParameterSpace;

    /// How far the output is the same bytes.
    fn determinism(&self) -> Determinism;

    /// One result per request, in the order of the requests.
    ///
    /// # Errors
    /// [`Error::InvalidParam`](crate::Error::InvalidParam) if a parameter set lies outside the
    /// space or a pin names an input that does not exist.
    fn generate(&self, requests: &[Request]) -> Result<Vec<Result<Sample<Self::Item>, SampleError>>>;
}

/// Sugar; implemented for every [`Generator`], never by hand.
pub trait GeneratorExt: Generator {
    /// The sample of one request.
    ///
    /// # Errors
    /// As [`Generator::generate`]; the item's own failure arrives as
    /// [`Error::Component`](crate::Error::Component).
    fn generate_one(&self, request: &Request) -> Result<Sample<Self::Item>> {
        let mut samples = self.generate(std::slice::from_ref(request))?;
        match samples.pop() {
            Some(sample) => sample.map_err(|source| crate::Error::component("generator", source)),
            None => Err(crate::Error::Shape { what: "generated batch", expected: vec![1], got: vec![0] }),
        }
    }
}

impl<G: Generator + ?Sized> GeneratorExt for G {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<G: Generator + ?Sized> Generator for $pointer {
            type Item = G::Item;

            fn space(&self) -> &ParameterSpace {
                (**self).space()
            }

            fn determinism(&self) -> Determinism {
                (**self).determinism()
            }

            fn generate(&self, requests: &[Request]) -> Result<Vec<Result<Sample<G::Item>, SampleError>>> {
                (**self).generate(requests)
            }
        }
    )*};
}

forward!(&G, Box<G>, std::sync::Arc<G>);
