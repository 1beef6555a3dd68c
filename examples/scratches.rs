//! The generator of `custom_generator.rs`: scratches on a brushed plate of 64 × 64 px.

use std::collections::BTreeMap;

use image::{DynamicImage, GrayImage, Luma};
use synth_core::{
    Annotation, Determinism, Domain, Error, Generator, Parameter, ParameterSpace, Provenance, Request,
    Result, Sample, SampleError,
};

#[derive(Debug)]
pub(crate) struct Scratches(ParameterSpace);

impl Scratches {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(ParameterSpace::new(vec![
            Parameter::new("count", Domain::int(1, 16)),
            Parameter::new("length_px", Domain::float(8.0, 48.0)),
            Parameter::new("darkness", Domain::float(0.1, 0.9)),
        ])?))
    }

    fn sample(&self, request: &Request) -> Result<Sample<DynamicImage>> {
        // A set outside the space, and a pin of an input that does not exist, are errors of the call.
        let params = self.0.resolve(&request.params)?;
        if let Some((name, value)) = request.pins.iter().next() {
            return Err(Error::invalid(name, "absent: scratches have no inputs", value));
        }
        // Everything random comes from the request's own stream: no batch, order or thread shows.
        let mut stream = request.stream();
        let mut image = GrayImage::from_fn(64, 64, |_, y| {
            Luma([(150.0 + 12.0 * f64::from(y % 3) + 5.0 * stream.normal()) as u8])
        });
        let keep = 1.0 - params.float("darkness")?;
        for _ in 0..params.int("count")? {
            let [x, y] = [0, 1].map(|_| stream.uniform(0.0, 64.0));
            let [dx, dy] = [0, 1].map(|_| stream.normal());
            let norm = (dx * dx + dy * dy).sqrt().max(1e-9);
            for step in 0..params.float("length_px")? as u32 {
                let [px, py] = [(x, dx), (y, dy)].map(|(at, d)| at + f64::from(step) * d / norm);
                if (0.0..64.0).contains(&px) && (0.0..64.0).contains(&py) {
                    let pixel = &mut image.get_pixel_mut(px as u32, py as u32).0[0];
                    *pixel = (f64::from(*pixel) * keep) as u8;
                }
            }
        }
        let annotations = vec![Annotation::Label { category: "scratched".into() }];
        let (generator, request, inputs) = ("scratches-1".into(), request.clone(), BTreeMap::new());
        let provenance = Provenance { generator, request, inputs, uncontrolled: BTreeMap::new() };
        Ok(Sample { item: image.into(), annotations, provenance })
    }
}

impl Generator for Scratches {
    type Item = DynamicImage;

    fn space(&self) -> &ParameterSpace {
        &self.0
    }

    fn determinism(&self) -> Determinism {
        Determinism::Portable
    }

    fn generate(&self, requests: &[Request]) -> Result<Vec<Result<Sample<DynamicImage>, SampleError>>> {
        requests.iter().map(|request| self.sample(request).map(Ok)).collect()
    }
}

/// One line proves the generator right: a test per law.
#[cfg(test)]
mod conformance {
    use super::*;
    use synth_core::conformance::GeneratorCaps;

    synth_core::generator_conformance!(
        || Box::new(Scratches::new().expect("valid")),
        GeneratorCaps::new(|image: &DynamicImage| image.as_bytes().to_vec())
    );
}
