use std::sync::atomic::{AtomicUsize, Ordering};

use synth_core::conformance::CodecCaps;
use synth_core::{Error, ItemCodec, Result, codec_conformance};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    LosesSigns,
    CountsCalls,
    LosesEverything,
    TakesGarbageForNothing,
    CompletesWhatIsCut,
    PanicsOnBadBytes,
    HasADot,
}

/// Numbers as a JSON array.
#[derive(Debug)]
struct Toy {
    calls: AtomicUsize,
    flaw: Flaw,
}

impl ItemCodec<Vec<i64>> for Toy {
    fn extension(&self) -> &str {
        if self.flaw == Flaw::HasADot { ".json" } else { "json" }
    }

    fn encode(&self, item: &Vec<i64>) -> Result<Vec<u8>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let item: Vec<i64> = match self.flaw {
            Flaw::LosesSigns => item.iter().map(|value| value.abs()).collect(),
            Flaw::LosesEverything => Vec::new(),
            _ => item.clone(),
        };
        let padding = if self.flaw == Flaw::CountsCalls { call } else { 0 };
        Ok(format!("{item:?}{}", " ".repeat(padding)).into_bytes())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Vec<i64>> {
        let mut bytes = bytes.to_vec();
        if self.flaw == Flaw::CompletesWhatIsCut && bytes.starts_with(b"[") && !bytes.ends_with(b"]") {
            bytes.truncate(bytes.iter().rposition(|&byte| byte == b',').unwrap_or(1));
            bytes.push(b']');
        }
        let read = serde_json::from_slice(&bytes).map_err(|source| Error::component("toy codec", source));
        match self.flaw {
            Flaw::TakesGarbageForNothing => Ok(read.unwrap_or_default()),
            Flaw::PanicsOnBadBytes if bytes.starts_with(b"[") => Ok(read.expect("good bytes")),
            _ => read,
        }
    }
}

fn make(flaw: Flaw) -> impl Fn() -> Box<dyn ItemCodec<Vec<i64>>> {
    move || Box::new(Toy { calls: AtomicUsize::new(0), flaw })
}

fn caps() -> CodecCaps<Vec<i64>> {
    CodecCaps::lossless(vec![vec![1, -2, 3_000_000], vec![], vec![-7; 20]])
}

mod sound {
    use super::*;
    codec_conformance!(make(Flaw::None), caps());
}

broken! { codec, |_| caps();
    decodes_what_it_encodes: LosesSigns => "it decodes what it encodes: item 0, Ok(false)",
    same_item_gives_same_bytes: CountsCalls => "the same item gives the same bytes: item Some(0)",
    different_items_give_different_bytes: LosesEverything => "different items give different bytes",
    garbage_is_an_error: TakesGarbageForNothing => "garbage is an error: 0 bytes were decoded",
    cut_bytes_are_an_error: CompletesWhatIsCut => "cut bytes are an error: 1 of",
    flipped_bits_do_not_panic: PanicsOnBadBytes => "flipped bits do not panic: byte",
    extension_is_bare: HasADot => "the extension is bare: \".json\"",
}
