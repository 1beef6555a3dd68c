use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use synth_core::conformance::GeneratorCaps;
use synth_core::{
    Determinism, Domain, Error, Generator, Parameter, ParameterSet, ParameterSpace, Provenance, Request,
    Result, Sample, SampleError, Seed, Stream, generator_conformance,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    DropsTheLast,
    RemembersCalls,
    IgnoresTheSeed,
    IgnoresTheIndex,
    SeesTheBatch,
    SeesItsPlace,
    SeesTheThreads,
    InventsOne,
    ClampsParams,
    IgnoresUnknownPins,
    HidesItsInputs,
    HasMoreThanItsParams,
    FailsAllForOne,
}

#[derive(Clone, Serialize, Deserialize)]
struct ToyParams {
    bias: u64,
}

/// Bytes: `length` draws of the item's stream, on top of a base input from a pool of two.
#[derive(Debug)]
struct Toy {
    space: ParameterSpace,
    bias: u64,
    calls: AtomicU64,
    flaw: Flaw,
}

impl Toy {
    fn new(params: &ToyParams, flaw: Flaw) -> Self {
        let space = ParameterSpace::new(vec![Parameter::new("length", Domain::int(2, 9))]).expect("valid");
        let bias = params.bias + u64::from(flaw == Flaw::HasMoreThanItsParams);
        Self { space, bias, calls: AtomicU64::new(0), flaw }
    }

    fn length(&self, request: &Request) -> Result<i64> {
        if self.flaw == Flaw::ClampsParams {
            return Ok(request.params.float("length").unwrap_or(2.0).clamp(2.0, 9.0) as i64);
        }
        self.space.resolve(&request.params)?.int("length")
    }

    /// The base input: pinned, or drawn. `broken` exists, but nothing can be made from it.
    fn base(&self, request: &Request) -> Result<String> {
        let unknown = request.pins.iter().find(|(name, value)| {
            name.as_str() != "base" || !["left", "right", "broken"].contains(&value.as_str())
        });
        match unknown {
            Some((name, value)) if self.flaw != Flaw::IgnoresUnknownPins => {
                Err(Error::invalid(name, "base: left or right", value))
            }
            _ => Ok(request
                .pins
                .get("base")
                .cloned()
                .unwrap_or_else(|| ["left", "right"][self.stream(request, "base").index(2)].to_owned())),
        }
    }

    fn stream(&self, request: &Request, purpose: &str) -> Stream {
        match self.flaw {
            Flaw::IgnoresTheSeed => Seed::from_u64(0).derive(purpose).stream(request.index),
            Flaw::IgnoresTheIndex => request.seed.derive(purpose).stream(0),
            _ => request.seed.derive(purpose).stream(request.index),
        }
    }

    fn sample(&self, request: &Request, salt: u64) -> Result<Result<Sample<Vec<u8>>, SampleError>> {
        let (length, base) = (self.length(request)?, self.base(request)?);
        if base == "broken" {
            return Ok(Err(SampleError::NonFinite));
        }
        let mut stream = self.stream(request, "item");
        let add = salt + self.bias + base.len() as u64;
        let item = (0..length).map(|_| stream.bits().wrapping_add(add) as u8).collect();
        let inputs = match self.flaw {
            Flaw::HidesItsInputs => BTreeMap::new(),
            _ => BTreeMap::from([("base".to_owned(), base)]),
        };
        let (generator, request) = ("toy-1".to_owned(), request.clone());
        let provenance = Provenance { generator, request, inputs, uncontrolled: BTreeMap::new() };
        Ok(Ok(Sample { item, annotations: Vec::new(), provenance }))
    }

    fn salt(&self, batch: usize, place: usize) -> u64 {
        match self.flaw {
            Flaw::RemembersCalls => self.calls.load(Ordering::Relaxed),
            Flaw::SeesTheBatch => batch as u64,
            Flaw::SeesItsPlace => place as u64,
            Flaw::SeesTheThreads => rayon::current_num_threads() as u64,
            _ => 0,
        }
    }
}

impl Generator for Toy {
    type Item = Vec<u8>;

    fn space(&self) -> &ParameterSpace {
        &self.space
    }

    fn determinism(&self) -> Determinism {
        Determinism::Portable
    }

    fn generate(&self, requests: &[Request]) -> Result<Vec<Result<Sample<Vec<u8>>, SampleError>>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let invented = Request::new(ParameterSet::new().with("length", 2), Seed::from_u64(0), 0);
        let requests = match self.flaw {
            Flaw::InventsOne if requests.is_empty() => std::slice::from_ref(&invented),
            _ => requests,
        };
        let all = requests.iter().enumerate();
        let samples = all.map(|(place, request)| self.sample(request, self.salt(requests.len(), place)));
        let mut samples: Vec<_> = samples.collect::<Result<_>>()?;
        if self.flaw == Flaw::FailsAllForOne && samples.iter().any(Result::is_err) {
            return Err(Error::component("toy", "an item failed"));
        }
        if self.flaw == Flaw::DropsTheLast {
            samples.pop();
        }
        Ok(samples)
    }
}

fn make(flaw: Flaw) -> impl Fn() -> Box<dyn Generator<Item = Vec<u8>>> {
    move || Box::new(Toy::new(&ToyParams { bias: 3 }, flaw))
}

fn rebuilt() -> Box<dyn Generator<Item = Vec<u8>>> {
    let json = serde_json::to_string(&ToyParams { bias: 3 }).expect("serialises");
    Box::new(Toy::new(&serde_json::from_str(&json).expect("reads back"), Flaw::None))
}

fn caps() -> GeneratorCaps<Vec<u8>> {
    let mut failing = Request::new(ParameterSet::new().with("length", 4), Seed::from_u64(0), 0);
    failing.pins.insert("base".into(), "broken".into());
    let inputs = vec!["base".into()];
    GeneratorCaps { inputs, failing: Some(failing), rebuilt: Some(rebuilt), ..GeneratorCaps::new(Vec::clone) }
}

mod sound {
    use super::*;
    generator_conformance!(make(Flaw::None), caps());
}

broken! { generator, |_| caps();
    one_result_per_request: DropsTheLast => "one result per request: 4 results for 5 requests",
    same_request_gives_same_sample: RemembersCalls => "the same request gives the same sample: item 0",
    other_seed_gives_other_items: IgnoresTheSeed => "another seed gives other items",
    other_index_gives_other_items: IgnoresTheIndex => "another index gives other items",
    batching_is_invisible: SeesTheBatch => "batching is invisible: item 0 has other bytes",
    order_is_invisible: SeesItsPlace => "the order of requests is invisible: item 0 has other bytes",
    thread_count_is_invisible: SeesTheThreads => "the number of threads is invisible",
    no_requests_give_no_samples: InventsOne => "no requests give no samples: got 1",
    params_outside_the_space_are_an_error: ClampsParams => "params outside the space are an error: accepted",
    unknown_pin_is_an_error: IgnoresUnknownPins => "an unknown pin is an error: accepted",
    provenance_tells_how_to_make_it_again: HidesItsInputs => "provenance lists all inputs",
    built_from_serialised_params_is_the_same: HasMoreThanItsParams => "serialised params is the same: item 0",
    one_bad_item_spares_the_others: FailsAllForOne => "one bad item spares the others: the whole call failed",
}
