//! Laws of [`ItemCodec`].

use super::check::{skip, suite};
use crate::{ItemCodec, Seed};

suite! {
    ($)
    /// One `#[test]` per law of [`ItemCodec`](crate::ItemCodec).
    ///
    /// Takes a function that makes the codec, `Fn() -> Box<dyn ItemCodec<T>>`, and its
    /// [`CodecCaps`](crate::conformance::CodecCaps).
    codec, codec_conformance {
        decodes_what_it_encodes,
        same_item_gives_same_bytes,
        different_items_give_different_bytes,
        garbage_is_an_error,
        cut_bytes_are_an_error,
        flipped_bits_do_not_panic,
        extension_is_bare,
    }
}

/// Makes a fresh codec.
pub type MakeCodec<T> = dyn Fn() -> Box<dyn ItemCodec<T>>;

/// The fixtures for a codec's checks.
#[derive(Clone, Debug)]
pub struct CodecCaps<T> {
    /// At least two different items that the format holds.
    pub items: Vec<T>,
    /// Whether a decoded item is the one encoded; a lossy codec allows for its loss.
    pub same: fn(&T, &T) -> bool,
    /// The format tells that bytes are missing at the end.
    pub detects_cuts: bool,
}

impl<T: PartialEq> CodecCaps<T> {
    /// A lossless codec whose format tells when bytes are missing.
    #[must_use]
    pub fn lossless(items: Vec<T>) -> Self {
        Self { items, same: T::eq, detects_cuts: true }
    }
}

impl<T> CodecCaps<T> {
    fn encoded(&self, codec: &dyn ItemCodec<T>) -> Vec<Vec<u8>> {
        assert!(self.items.len() > 1, "the suite needs at least two items, got {}", self.items.len());
        self.items
            .iter()
            .map(|item| codec.encode(item).expect("the suite's items must be encodable"))
            .collect()
    }
}

/// Decoding an item's bytes gives the item.
pub fn decodes_what_it_encodes<T>(make: &MakeCodec<T>, caps: &CodecCaps<T>) {
    let codec = make();
    for (at, bytes) in caps.encoded(&*codec).iter().enumerate() {
        let same = codec.decode(bytes).map(|item| (caps.same)(&caps.items[at], &item));
        assert!(matches!(same, Ok(true)), "it decodes what it encodes: item {at}, {same:?}");
    }
}

/// The same item gives the same bytes, from this codec and another one made alike.
pub fn same_item_gives_same_bytes<T>(make: &MakeCodec<T>, caps: &CodecCaps<T>) {
    let codec = make();
    let first = caps.encoded(&*codec);
    for again in [caps.encoded(&*codec), caps.encoded(&*make())] {
        let at = first.iter().zip(&again).position(|(a, b)| a != b);
        assert!(at.is_none(), "the same item gives the same bytes: item {at:?} differs");
    }
}

/// The suite's items, which differ, do not all get the same bytes.
pub fn different_items_give_different_bytes<T>(make: &MakeCodec<T>, caps: &CodecCaps<T>) {
    let bytes = caps.encoded(&*make());
    assert!(bytes.iter().any(|b| *b != bytes[0]), "different items give different bytes");
}

/// Nothing, text and noise are errors, not items and not panics.
pub fn garbage_is_an_error<T>(make: &MakeCodec<T>, _caps: &CodecCaps<T>) {
    let codec = make();
    let mut stream = Seed::from_u64(1).derive("conformance/garbage").stream(0);
    let noise: Vec<u8> = (0..256).map(|_| stream.bits() as u8).collect();
    for garbage in [&[][..], b"} not this format {", &[0xff; 64], &noise] {
        assert!(codec.decode(garbage).is_err(), "garbage is an error: {} bytes were decoded", garbage.len());
    }
}

/// Where the format tells, the first byte or half of the bytes is an error.
pub fn cut_bytes_are_an_error<T>(make: &MakeCodec<T>, caps: &CodecCaps<T>) {
    if !caps.detects_cuts {
        return skip("cut_bytes_are_an_error", "caps.detects_cuts is false");
    }
    let codec = make();
    for bytes in caps.encoded(&*codec).iter().filter(|bytes| bytes.len() > 1) {
        for kept in [1, bytes.len() / 2] {
            let result = codec.decode(&bytes[..kept]);
            assert!(result.is_err(), "cut bytes are an error: {kept} of {} were decoded", bytes.len());
        }
    }
}

/// A flipped bit gives an item or an error, never a panic.
pub fn flipped_bits_do_not_panic<T>(make: &MakeCodec<T>, caps: &CodecCaps<T>) {
    let codec = make();
    let mut stream = Seed::from_u64(1).derive("conformance/flips").stream(0);
    for bytes in caps.encoded(&*codec) {
        for _ in 0..64 {
            let mut flipped = bytes.clone();
            let at = stream.index(flipped.len().max(1));
            if let Some(byte) = flipped.get_mut(at) {
                *byte ^= 1 << stream.index(8);
            }
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| codec.decode(&flipped).is_ok()));
            assert!(outcome.is_ok(), "flipped bits do not panic: byte {at} of {}", bytes.len());
        }
    }
}

/// The extension is a name without a dot, in lower case.
pub fn extension_is_bare<T>(make: &MakeCodec<T>, _caps: &CodecCaps<T>) {
    let codec = make();
    let extension = codec.extension();
    let bare = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(!extension.is_empty() && extension.chars().all(bare), "the extension is bare: {extension:?}");
}
