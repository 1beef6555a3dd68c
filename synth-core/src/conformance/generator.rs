//! Laws of [`Generator`].

use super::check::{on_threads, skip, suite};
use crate::{
    Annotation, Domain, Error, Generator, ParameterSet, ParameterSpace, ParameterValue, Pins, Provenance,
    Request, Seed,
};

suite! {
    ($)
    /// One `#[test]` per law of [`Generator`](crate::Generator).
    ///
    /// Takes a function that makes the generator, `Fn() -> Box<dyn Generator<Item = T>>`, and its
    /// [`GeneratorCaps`](crate::conformance::GeneratorCaps).
    generator, generator_conformance {
        one_result_per_request,
        same_request_gives_same_sample,
        other_seed_gives_other_items,
        other_index_gives_other_items,
        batching_is_invisible,
        order_is_invisible,
        thread_count_is_invisible,
        no_requests_give_no_samples,
        params_outside_the_space_are_an_error,
        unknown_pin_is_an_error,
        provenance_tells_how_to_make_it_again,
        built_from_serialised_params_is_the_same,
        one_bad_item_spares_the_others,
    }
}

/// Makes a fresh generator.
pub type MakeGenerator<T> = dyn Fn() -> Box<dyn Generator<Item = T>>;

/// Makes the generator from its params after they went through serde.
pub type RebuildGenerator<T> = fn() -> Box<dyn Generator<Item = T>>;

/// What a generator claims, and the fixtures for its checks.
#[derive(Clone, Debug)]
pub struct GeneratorCaps<T> {
    /// The bytes by which two items are compared.
    pub item_bytes: fn(&T) -> Vec<u8>,
    /// Parameter sets of the requests; where there are none they are drawn from the space.
    pub params: Vec<ParameterSet>,
    /// Pins of every request, for a generator that has no pool to draw an input from.
    pub pins: Pins,
    /// Names of the inputs that it uses for every item (`base_image`), pinned or drawn.
    pub inputs: Vec<String>,
    /// Whether the seed and the index change the item at all.
    pub randomised: bool,
    /// Inputs that take any text (`prompt`), so that no value of them is unknown.
    pub free_inputs: Vec<String>,
    /// A valid request whose item fails.
    pub failing: Option<Request>,
    /// The same generator, made from its params after a trip through serde.
    pub rebuilt: Option<RebuildGenerator<T>>,
}

impl<T> GeneratorCaps<T> {
    /// A randomised generator that needs no pins; without the optional fixtures.
    pub fn new(item_bytes: fn(&T) -> Vec<u8>) -> Self {
        Self {
            item_bytes,
            params: Vec::new(),
            pins: Pins::new(),
            inputs: Vec::new(),
            randomised: true,
            free_inputs: Vec::new(),
            failing: None,
            rebuilt: None,
        }
    }

    fn requests(&self, space: &ParameterSpace) -> Vec<Request> {
        let seed = Seed::from_u64(1).derive("conformance/items");
        (0..5).map(|index| Request { pins: self.pins.clone(), ..self.request(space, seed, index) }).collect()
    }

    fn request(&self, space: &ParameterSpace, seed: Seed, index: u64) -> Request {
        let at = index % 3;
        let params = match self.params.len() {
            0 => space.draw(&mut Seed::from_u64(1).derive("conformance/params").stream(at)),
            n => self.params[at as usize % n].clone(),
        };
        Request::new(params, seed, index)
    }

    /// Generates and reduces to what can be compared and sent between threads.
    fn make(&self, generator: &dyn Generator<Item = T>, requests: &[Request]) -> Vec<Outcome> {
        let results = generator.generate(requests).expect("valid requests must be accepted");
        let made = results.into_iter().map(|result| match result {
            Ok(sample) => Ok(Made {
                item: (self.item_bytes)(&sample.item),
                annotations: sample.annotations,
                provenance: sample.provenance,
            }),
            Err(error) => Err(error.to_string()),
        });
        made.collect()
    }

    fn assert_tells(&self, space: &ParameterSpace, request: &Request, provenance: &Provenance) {
        let told = &provenance.request;
        let resolved = |params| space.resolve(params).expect("provenance holds params of the space");
        let same = (told.seed, told.index, &told.pins) == (request.seed, request.index, &request.pins)
            && resolved(&told.params) == resolved(&request.params);
        assert!(same, "provenance holds the request: {told:?} instead of {request:?}");
        assert!(!provenance.generator.is_empty(), "provenance names the generator");
        let listed = |name: &String| provenance.inputs.get(name);
        let missing = self.inputs.iter().find(|name| listed(name).is_none());
        assert!(missing.is_none(), "provenance lists all inputs: {missing:?} is missing");
        let other = request.pins.iter().find(|(name, value)| listed(name) != Some(value));
        assert!(
            other.is_none(),
            "provenance lists what was pinned: {other:?} is not in {:?}",
            provenance.inputs
        );
    }
}

/// What is compared of a sample, or the message of its failure.
type Outcome = Result<Made, String>;

#[derive(Clone, Debug, PartialEq)]
struct Made {
    item: Vec<u8>,
    annotations: Vec<Annotation>,
    provenance: Provenance,
}

/// Every request has its result, in the requests' order, and at least one item succeeds.
pub fn one_result_per_request<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    let made = caps.make(&*generator, &requests);
    assert!(made.len() == 5, "one result per request: {} results for 5 requests", made.len());
    assert!(made.iter().any(Result::is_ok), "one result per request: every item failed, {:?}", made[0]);
    for (request, made) in requests.iter().zip(made).filter_map(|(r, made)| Some((r, made.ok()?))) {
        let got = made.provenance.request.index;
        assert!(got == request.index, "one result per request, in order: {got} at {}", request.index);
    }
}

/// The same request gives the same item, annotations and provenance, from this generator and from
/// another one made alike.
pub fn same_request_gives_same_sample<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    let first = caps.make(&*generator, &requests);
    let law = "the same request gives the same sample";
    assert_same(law, &first, &caps.make(&*generator, &requests));
    assert_same(law, &first, &caps.make(&*make(), &requests));
}

/// Another seed gives other items.
pub fn other_seed_gives_other_items<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let other = |request: &Request| Request { seed: request.seed.derive("other"), ..request.clone() };
    assert_differs("another seed gives other items", make, caps, other);
}

/// Another index in the same series gives other items.
pub fn other_index_gives_other_items<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let other = |request: &Request| Request { index: request.index + 1000, ..request.clone() };
    assert_differs("another index gives other items", make, caps, other);
}

/// Five requests at once, two and three, or one by one: the samples are the same.
pub fn batching_is_invisible<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    let whole = caps.make(&*generator, &requests);
    for size in [1, 2, 3] {
        let parts: Vec<_> = requests.chunks(size).flat_map(|part| caps.make(&*generator, part)).collect();
        assert_same("batching is invisible", &whole, &parts);
    }
}

/// Permuted requests give the same samples, permuted.
pub fn order_is_invisible<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    let straight = caps.make(&*generator, &requests);
    for order in [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let permuted: Vec<_> = order.iter().map(|&i: &usize| requests[i].clone()).collect();
        let expected: Vec<_> = order.iter().map(|&i| straight[i].clone()).collect();
        assert_same("the order of requests is invisible", &expected, &caps.make(&*generator, &permuted));
    }
}

/// One thread or two: the samples are the same.
pub fn thread_count_is_invisible<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    let [one, two] = [1, 2].map(|threads| on_threads(threads, || caps.make(&*generator, &requests)));
    assert_same("the number of threads is invisible", &one, &two);
}

/// No requests, no samples, no error.
pub fn no_requests_give_no_samples<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let made = caps.make(&*make(), &[]);
    assert!(made.is_empty(), "no requests give no samples: got {}", made.len());
}

/// A parameter set outside the space is [`Error::InvalidParam`] of the whole call.
pub fn params_outside_the_space_are_an_error<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let mut requests = caps.requests(generator.space());
    let inside = requests[1].params.clone();
    let mut outside = vec![inside.clone().with("no such parameter", 1)];
    for parameter in generator.space().parameters() {
        outside.push(inside.clone().with(&parameter.name, value_outside(&parameter.domain)));
    }
    for params in outside {
        requests[1].params = params;
        assert_invalid("params outside the space are an error", &*generator, &requests);
    }
}

/// A pin of an input that does not exist is [`Error::InvalidParam`] of the whole call.
pub fn unknown_pin_is_an_error<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    let inputs =
        caps.make(&*generator, &requests).into_iter().flatten().flat_map(|made| made.provenance.inputs);
    let bounded = inputs.map(|(name, _)| name).filter(|name| !caps.free_inputs.contains(name));
    for name in bounded.chain(["no such input".to_owned()]) {
        let mut pinned = requests.clone();
        pinned[1].pins.insert(name, "no such value".to_owned());
        assert_invalid("an unknown pin is an error", &*generator, &pinned);
    }
}

/// Provenance names the generator, the request and all inputs; it survives JSON and regenerates the
/// sample; every input it lists can be pinned.
pub fn provenance_tells_how_to_make_it_again<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let generator = make();
    let requests = caps.requests(generator.space());
    for (request, outcome) in requests.iter().zip(caps.make(&*generator, &requests)) {
        let Ok(made) = outcome else { continue };
        let provenance = &made.provenance;
        caps.assert_tells(generator.space(), request, provenance);
        let json = serde_json::to_string(provenance).expect("provenance serialises");
        let read: Provenance = serde_json::from_str(&json).expect("provenance reads back");
        assert!(read == *provenance, "provenance survives JSON: {json}");
        let again = caps.make(&*generator, std::slice::from_ref(&read.request));
        assert_same("provenance regenerates its sample", &[Ok(made)], &again);
        let pinned = Request { pins: read.inputs.clone(), ..request.clone() };
        let inputs = caps.make(&*generator, &[pinned]).remove(0).map(|made| made.provenance.inputs);
        assert!(inputs == Ok(read.inputs), "provenance lists inputs that can be pinned: got {inputs:?}");
    }
}

/// The generator built from its params after a trip through serde makes the same samples.
pub fn built_from_serialised_params_is_the_same<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let Some(rebuilt) = caps.rebuilt else {
        return skip("built_from_serialised_params_is_the_same", "caps.rebuilt is not given");
    };
    let (generator, rebuilt) = (make(), rebuilt());
    let law = "built from serialised params is the same";
    assert!(generator.space() == rebuilt.space(), "{law}: the spaces differ");
    let requests = caps.requests(generator.space());
    assert_same(law, &caps.make(&*generator, &requests), &caps.make(&*rebuilt, &requests));
}

/// An item that fails is one failed result; the others are what they are without it.
pub fn one_bad_item_spares_the_others<T>(make: &MakeGenerator<T>, caps: &GeneratorCaps<T>) {
    let Some(failing) = &caps.failing else {
        return skip("one_bad_item_spares_the_others", "caps.failing is not given");
    };
    let generator = make();
    let mut requests = caps.requests(generator.space());
    let good = caps.make(&*generator, &requests);
    requests.insert(2, failing.clone());
    let results = generator.generate(&requests).map_err(|error| error.to_string());
    assert!(results.is_ok(), "one bad item spares the others: the whole call failed, {:?}", results.err());
    let mut mixed = caps.make(&*generator, &requests);
    assert!(mixed.len() == 6, "one bad item spares the others: {} results for 6 requests", mixed.len());
    let bad = mixed.remove(2);
    assert!(bad.is_err(), "one bad item spares the others: caps.failing did not fail");
    assert_same("one bad item spares the others", &good, &mixed);
}

fn assert_same(law: &str, expected: &[Outcome], got: &[Outcome]) {
    assert!(expected.len() == got.len(), "{law}: {} samples, expected {}", got.len(), expected.len());
    for (at, pair) in expected.iter().zip(got).enumerate() {
        match pair {
            (Ok(a), Ok(b)) => {
                assert!(a.item == b.item, "{law}: item {at} has other bytes");
                assert!(a.annotations == b.annotations, "{law}: item {at} has other annotations");
                let (a, b) = (&a.provenance, &b.provenance);
                assert!(a == b, "{law}: item {at} has other provenance, {a:?} and {b:?}");
            }
            (a, b) => {
                assert!(a == b, "{law}: item {at} failed, {:?} and {:?}", a.as_ref().err(), b.as_ref().err())
            }
        }
    }
}

fn assert_differs<T>(
    law: &str,
    make: &MakeGenerator<T>,
    caps: &GeneratorCaps<T>,
    other: impl Fn(&Request) -> Request,
) {
    if !caps.randomised {
        return skip(law, "caps.randomised is false");
    }
    let generator = make();
    let requests = caps.requests(generator.space());
    let others: Vec<Request> = requests.iter().map(other).collect();
    let items = |requests: &[Request]| -> Vec<_> {
        caps.make(&*generator, requests).into_iter().map(|made| made.map(|made| made.item)).collect()
    };
    assert!(items(&requests) != items(&others), "{law}: all five are the same");
}

fn assert_invalid<T>(law: &str, generator: &dyn Generator<Item = T>, requests: &[Request]) {
    match generator.generate(requests) {
        Err(Error::InvalidParam { .. }) => {}
        Err(error) => panic!("{law}: expected `Error::InvalidParam`, got {error}"),
        Ok(_) => panic!("{law}: accepted {:?} with pins {:?}", requests[1].params, requests[1].pins),
    }
}

fn value_outside(domain: &Domain) -> ParameterValue {
    match domain {
        Domain::Float { high, .. } => ParameterValue::Float(high + high.abs() + 1.0),
        Domain::Int { high, .. } => ParameterValue::Float(*high as f64 + 1.0),
        Domain::Choice { .. } => ParameterValue::Choice("no such choice".to_owned()),
        Domain::Simplex { parts } => ParameterValue::Simplex(vec![1.0; parts + 1]),
    }
}
