use std::io::Write;

use burn::tensor::Device;
use flate2::write::GzEncoder;
use image::DynamicImage;
use serde_json::{Map, Value, json};
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, EmbedderExt, Error};
use synth_embed::clip::{ClipActivation, ClipImages, ClipParams, ClipTexts};
use tempfile::TempDir;

use super::reference::{
    Golden, assert_close, copied, devices, fetched, goldens, images, pictures, refusal, rows, write,
};

/// The 62 words of the tiny vocabulary, each of one sign that has no capital.
fn words() -> Vec<String> {
    ('!'..='~').filter(|sign| !sign.is_ascii_uppercase()).take(62).map(String::from).collect()
}

/// Words of one sign, and the special tokens, as 62 and 63.
fn vocabulary() -> Map<String, Value> {
    let words = words().into_iter().map(|word| format!("{word}</w>"));
    let special = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    words.chain(special).zip(0_u32..).map(|(token, number)| (token, number.into())).collect()
}

fn tiny(name: &str) -> TempDir {
    let folder = copied(name);
    write(&folder, "vocab.json", Value::from(vocabulary()).to_string());
    write(&folder, "merges.txt", "#version: 0.2\n");
    folder
}

/// The text of which the tokenizer makes these numbers, between the two special ones.
fn text(numbers: &[u32]) -> String {
    numbers.iter().map(|number| words()[*number as usize].clone()).collect::<Vec<_>>().join(" ")
}

/// The golden's texts.
fn texts() -> Vec<String> {
    let golden = Golden::open(&goldens("models/clip/io.safetensors"));
    let own = |row: Vec<u32>| text(&row[1..row.iter().position(|number| *number == 63).expect("an end")]);
    golden.numbers("input_ids").into_iter().map(own).collect()
}

fn load_images(folder: &TempDir) -> ClipImages {
    ClipParams::default().load_images(folder.path(), &Device::flex()).expect("loads")
}

fn load_texts(folder: &TempDir) -> ClipTexts {
    ClipParams::default().load_texts(folder.path(), &Device::flex()).expect("loads")
}

mod laws_of_images {
    use super::*;

    synth_core::embedder_conformance!(
        || -> Box<dyn Embedder<DynamicImage>> { Box::new(load_images(&tiny("clip"))) },
        EmbedderCaps::new(pictures()).with_constant(DynamicImage::new_luma8(60, 60))
    );
}

mod laws_of_texts {
    use super::*;

    synth_core::embedder_conformance!(
        || -> Box<dyn Embedder<str>> { Box::new(load_texts(&tiny("clip_openai"))) },
        EmbedderCaps::new(texts()).with_constant("")
    );
}

#[test]
fn rows_equal_the_reference_on_every_device() {
    let golden = Golden::open(&goldens("models/clip/io.safetensors"));
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let images = images(&golden);
    let images: Vec<&DynamicImage> = images.iter().collect();
    for (device, tolerance) in devices() {
        let folder = tiny("clip");
        let model = ClipParams::default().load_images(folder.path(), &device).expect("loads");
        assert_close(rows(&model, &images).view(), golden.matrix("image_embeds").view(), tolerance);
        let model = ClipParams::default().load_texts(folder.path(), &device).expect("loads");
        assert_close(rows(&model, &texts).view(), golden.matrix("text_embeds").view(), tolerance);
    }
}

#[test]
fn both_towers_have_one_identity_in_both_layouts() {
    let folders = ["clip", "clip_openai"].map(tiny);
    let [images, other_images] = folders.each_ref().map(load_images);
    let [texts, other_texts] = folders.each_ref().map(load_texts);
    let id = images.identity();
    assert_eq!(id.name, "clip_24x2p8_32");
    assert_eq!(id.preprocessing, "short32-bicubic-crop32-openai-1+clip-bpe-1");
    // The golden's weights fit into the half precision of the other.
    for other in [other_images.identity(), texts.identity(), other_texts.identity()] {
        assert_eq!(id, other);
    }
    let of_image = images.embed_named(&[&pictures()[0]], vec!["a".into()], vec!["a".into()]).expect("a row");
    let of_text = texts.embed_named(&["a b"], vec!["b".into()], vec!["b".into()]).expect("a row");
    assert_eq!(of_image.concat(&of_text).expect("one space").dim(), 20);
}

#[test]
fn the_activation_is_that_of_the_configuration() {
    let folder = tiny("clip");
    let before = load_images(&folder);
    let config = json!({"vision_config": {"hidden_act": "gelu", "num_attention_heads": 4},
        "text_config": {"hidden_act": "gelu", "num_attention_heads": 4}});
    write(&folder, "config.json", config.to_string());
    let (images, texts) = (load_images(&folder), load_texts(&folder));
    assert_eq!(images.identity().name, "clip_24x2p8_32:gelu");
    assert_eq!(images.identity(), texts.identity());
    let picture = &pictures()[0];
    assert_ne!(rows(&before, &[picture]), rows(&images, &[picture]));
    let params = ClipParams::default().with_activation(ClipActivation::QuickGelu);
    let asked = params.load_images(folder.path(), &Device::flex()).expect("loads");
    assert_eq!(asked.identity(), before.identity());
    assert_eq!(rows(&before, &[picture]), rows(&asked, &[picture]));
}

#[test]
fn a_text_counts_up_to_its_first_end() {
    let texts = load_texts(&tiny("clip"));
    let numbers: Vec<u32> = (2..40).collect();
    let (long, cut) = (text(&numbers), text(&numbers[..10]));
    let both = rows(&texts, &[long.as_str(), cut.as_str()]);
    assert_eq!(both.row(0), both.row(1), "12 positions, two of them for special tokens");
    let both = rows(&texts, &["a b", "a b <|endoftext|> c d"]);
    assert_eq!(both.row(0), both.row(1));
    let both = rows(&texts, &["a b", "\tA\u{a0} B\n"]);
    assert_eq!(both.row(0), both.row(1), "white space and capitals");
}

#[test]
fn every_form_of_the_vocabulary_is_one() {
    let folder = tiny("clip");
    let expected = rows(&load_texts(&folder), &["a b !"]);
    std::fs::remove_file(folder.path().join("vocab.json")).expect("removed");
    // The numbers of two words that the text does not have, for the parts of a merge.
    let mut tokens = vocabulary();
    for (unused, token) in [("w</w>", "a"), ("x</w>", "ab</w>")] {
        let number = tokens.remove(unused).expect("there");
        tokens.insert(token.to_owned(), number);
    }
    for merges in [json!([]), json!(["a b</w>"]), json!([["a", "b</w>"]])] {
        let file = json!({"model": {"type": "BPE", "vocab": tokens, "merges": merges},
            "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}});
        write(&folder, "tokenizer.json", file.to_string());
        assert_eq!(rows(&load_texts(&folder), &["a b !"]), expected);
    }
}

#[test]
fn a_vocabulary_that_does_not_fit_is_refused_by_name() {
    let load = |folder: &TempDir| refusal(ClipParams::default().load_texts(folder.path(), &Device::flex()));
    let folder = copied("clip");
    let error = load(&folder);
    for file in ["tokenizer.json", "vocab.json with merges.txt", "bpe_simple_vocab_16e6.txt.gz"] {
        assert!(error.contains(file), "{error}");
    }
    assert_eq!(load_images(&folder).dim(), 20, "images need none");
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"\"bpe_simple_vocab_16e6.txt#version: 0.2\ni n\n").expect("packed");
    write(&folder, "bpe_simple_vocab_16e6.txt.gz", packed.finish().expect("packed"));
    assert!(load(&folder).contains("1 merges, 48894 are needed"), "{}", load(&folder));
    write(&folder, "bpe_simple_vocab_16e6.txt.gz", b"\x1f\x8b\x08\x00torn");
    assert!(load(&folder).contains("bpe_simple_vocab_16e6.txt.gz` is corrupt"));
    write(&folder, "vocab.json", Value::from(vocabulary()).to_string());
    assert!(load(&folder).ends_with("merges.txt"), "{}", load(&folder));
    for (merges, problem) in [
        ("#version: 0.2\nab", "the merge `ab` is not of two tokens"),
        ("#version: 0.2\na b</w>", "the merge of a and b</w> is not of its tokens"),
    ] {
        write(&folder, "merges.txt", merges);
        assert!(load(&folder).contains(problem), "{}", load(&folder));
    }
    write(&folder, "merges.txt", "#version: 0.2\n");
    let mut tokens = vocabulary();
    tokens.insert("new</w>".into(), 64.into());
    write(&folder, "vocab.json", Value::from(tokens).to_string());
    assert!(load(&folder).contains("numbered below 64"), "{}", load(&folder));
    write(&folder, "vocab.json", r#"{"a</w>": 1, "<|startoftext|>": 62}"#);
    assert!(load(&folder).contains("it has no token <|endoftext|>"), "{}", load(&folder));
    write(&folder, "vocab.json", "[]");
    assert!(load(&folder).contains("vocab.json"));
}

#[test]
fn the_end_of_a_text_is_that_of_the_configuration() {
    let folder = tiny("clip");
    let config = |end: u32| {
        json!({"vision_config": {"num_attention_heads": 4},
        "text_config": {"eos_token_id": end, "num_attention_heads": 4}})
    };
    let expected = rows(&load_texts(&folder), &["a b"]);
    write(&folder, "config.json", config(63).to_string());
    assert_eq!(rows(&load_texts(&folder), &["a b"]), expected);
    write(&folder, "config.json", config(61).to_string());
    let error = refusal(ClipParams::default().load_texts(folder.path(), &Device::flex()));
    assert!(error.starts_with("`eos_token_id` must be 63, the number of <|endoftext|>"), "{error}");
}

#[test]
fn what_is_no_clip_is_refused_by_name() {
    let load = |folder: &std::path::Path| ClipParams::default().load_images(folder, &Device::flex());
    let error = load(&goldens("models/siglip")).map(|_| ()).expect_err("refused");
    assert!(matches!(error, Error::Unsupported { .. }) && error.to_string().contains("siglip"), "{error}");
    let folder = tiny("clip");
    for (config, problem) in [
        (r#"{"model_type": "siglip"}"#, "`model_type` siglip"),
        (r#"{"vision_config": {"hidden_size": 768}}"#, "`hidden_size` must be 24, as in the weights"),
        (r#"{"vision_config": {"num_attention_heads": 5}}"#, "`num_attention_heads` must be a divisor of 24"),
        (
            r#"{"vision_config": {"num_attention_heads": 4}, "text_config": {"hidden_act": "swish",
            "num_attention_heads": 4}}"#,
            "`hidden_act` swish",
        ),
        ("{", "config.json"),
    ] {
        write(&folder, "config.json", config);
        let error = refusal(load(folder.path()));
        assert!(error.contains(problem), "{error}");
    }
}

/// With the vocabulary of OpenAI's, a network of its 49,408 rows would be needed; here it must be refused.
#[test]
fn the_published_vocabulary_does_not_fit_a_tiny_network() {
    let Some(published) = fetched("clip-vocabulary") else { return };
    let folder = copied("clip");
    let name = "bpe_simple_vocab_16e6.txt.gz";
    std::fs::copy(published.join(name), folder.path().join(name)).expect("copied");
    let error = refusal(ClipParams::default().load_texts(folder.path(), &Device::flex()));
    assert!(error.contains("numbered below 64") && error.contains("49407"), "{error}");
}

/// LAION's ViT-L/14 was trained with other statistics than OpenAI's.
#[test]
fn images_are_prepared_as_is_described_beside_the_weights() {
    let folder = tiny("clip");
    let usual = load_images(&folder);
    let describe = |side: u32, mean: [f64; 3], std: [f64; 3]| {
        let text = json!({"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": side},
            "crop_size": {"height": side, "width": side}, "resample": 3, "image_mean": mean, "image_std": std});
        write(&folder, "preprocessor_config.json", text.to_string());
    };
    let openai = [[0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_58, 0.275_777_11]];
    describe(32, openai[0], openai[1]);
    assert_eq!(load_images(&folder).identity(), usual.identity());
    describe(32, [0.5; 3], [0.5; 3]);
    let (images, texts) = (load_images(&folder), load_texts(&folder));
    assert_ne!(images.identity().preprocessing, usual.identity().preprocessing);
    assert_eq!(images.identity(), texts.identity());
    let picture = &pictures()[0];
    assert_ne!(rows(&images, &[picture]), rows(&usual, &[picture]));
    describe(48, [0.5; 3], [0.5; 3]);
    let error = refusal(ClipParams::default().load_images(folder.path(), &Device::flex()));
    assert!(error.contains("32 × 32 px") && error.contains("48 × 48 px"), "{error}");
}
