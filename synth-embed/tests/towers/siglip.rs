use burn::tensor::Device;
use image::DynamicImage;
use serde_json::{Value, json};
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, EmbedderExt, Error};
use synth_embed::siglip::{SiglipImages, SiglipParams, SiglipTexts};
use tempfile::TempDir;

use super::reference::{
    Golden, assert_close, copied, devices, goldens, images, pictures, refusal, rows, write,
};

/// Number `i` of 64, from 3 on and but for 1, is one letter that is left as it is.
fn letter(number: u32) -> char {
    char::from_u32(0x3041 + number).expect("a letter")
}

/// Words of one letter; 1 ends a text, 0 is unknown.
fn tokenizer(words: u32) -> Value {
    let piece = |number: u32| match number {
        0 => json!(["<unk>", 0.0]),
        1 => json!(["</s>", 0.0]),
        _ => json!([format!("\u{2581}{}", letter(number)), -1.0]),
    };
    json!({
        "version": "1.0",
        "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": null,
        "added_tokens": [{"id": 1, "content": "</s>", "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false}],
        "normalizer": null,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always", "split": true},
        "post_processor": null,
        "decoder": null,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
            "vocab": (0..words).map(piece).collect::<Vec<_>>()},
    })
}

fn tiny() -> TempDir {
    let folder = copied("siglip");
    write(&folder, "tokenizer.json", tokenizer(64).to_string());
    folder
}

fn text(numbers: &[u32]) -> String {
    numbers.iter().map(|number| letter(*number).to_string()).collect::<Vec<_>>().join(" ")
}

/// The golden's texts.
fn texts() -> Vec<String> {
    let golden = Golden::open(&goldens("models/siglip/io.safetensors"));
    let own = |row: Vec<u32>| text(&row[..row.iter().position(|number| *number == 1).expect("an end")]);
    golden.numbers("input_ids").into_iter().map(own).collect()
}

fn load_images(folder: &TempDir) -> SiglipImages {
    SiglipParams::default().load_images(folder.path(), &Device::flex()).expect("loads")
}

fn load_texts(folder: &TempDir) -> SiglipTexts {
    SiglipParams::default().load_texts(folder.path(), &Device::flex()).expect("loads")
}

mod laws_of_images {
    use super::*;

    synth_core::embedder_conformance!(
        || -> Box<dyn Embedder<DynamicImage>> { Box::new(load_images(&tiny())) },
        EmbedderCaps::new(pictures()).with_constant(DynamicImage::new_luma8(60, 60))
    );
}

mod laws_of_texts {
    use super::*;

    synth_core::embedder_conformance!(
        || -> Box<dyn Embedder<str>> { Box::new(load_texts(&tiny())) },
        EmbedderCaps::new(texts()).with_constant("")
    );
}

#[test]
fn rows_equal_the_reference_on_every_device() {
    let golden = Golden::open(&goldens("models/siglip/io.safetensors"));
    let texts = texts();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let images = images(&golden);
    let images: Vec<&DynamicImage> = images.iter().collect();
    for (device, tolerance) in devices() {
        let folder = tiny();
        let model = SiglipParams::default().load_images(folder.path(), &device).expect("loads");
        assert_close(rows(&model, &images).view(), golden.matrix("image_embeds").view(), tolerance);
        let model = SiglipParams::default().load_texts(folder.path(), &device).expect("loads");
        assert_close(rows(&model, &texts).view(), golden.matrix("text_embeds").view(), tolerance);
    }
}

#[test]
fn both_towers_have_one_identity() {
    let folder = tiny();
    let (images, texts) = (load_images(&folder), load_texts(&folder));
    assert_eq!(images.identity(), texts.identity());
    assert_eq!(images.identity().name, "siglip_24x2_patch8_32");
    assert_eq!(images.identity().preprocessing, "squash32-bicubic-halves-1+siglip-unigram-1");
    let of_image = images.embed_named(&[&pictures()[0]], vec!["a".into()], vec!["a".into()]).expect("a row");
    let of_text = texts.embed_named(&["a"], vec!["b".into()], vec!["b".into()]).expect("a row");
    assert_eq!(of_image.concat(&of_text).expect("one space").dim(), 24);
}

#[test]
fn texts_are_taken_in_their_canonical_form() {
    let texts = load_texts(&tiny());
    let numbers: Vec<u32> = (3..40).collect();
    let (long, cut) = (text(&numbers), text(&numbers[..11]));
    let both = rows(&texts, &[long.as_str(), cut.as_str()]);
    assert_eq!(both.row(0), both.row(1), "12 positions, the last of them for the end");
    let plain = text(&[7, 8]);
    let loud = format!("  {}!\t\u{2581}\n({})...", letter(7), letter(8));
    let both = rows(&texts, &[plain.as_str(), loud.as_str()]);
    assert_eq!(both.row(0), both.row(1));
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let load = |folder: &TempDir| SiglipParams::default().load_texts(folder.path(), &Device::flex());
    let folder = copied("siglip");
    let error = load(&folder).map(|_| ()).expect_err("no tokenizer");
    assert!(
        matches!(error, Error::NotFound { .. }) && error.to_string().contains("tokenizer.json"),
        "{error}"
    );
    assert_eq!(load_images(&folder).dim(), 24, "images need none");
    write(&folder, "tokenizer.json", tokenizer(65).to_string());
    assert!(refusal(load(&folder)).contains("numbered below 64"));
    write(&folder, "tokenizer.json", tokenizer(64).to_string().replace("</s>", "</t>"));
    assert!(refusal(load(&folder)).contains("it has no token </s>"));
    let bpe = json!({"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}});
    write(&folder, "tokenizer.json", bpe.to_string());
    assert!(refusal(load(&folder)).contains("a tokenizer of kind BPE"));
    write(&folder, "tokenizer.json", tokenizer(64).to_string());
    for (config, problem) in [
        (r#"{"model_type": "clip"}"#, "`model_type` clip"),
        (r#"{"vision_config": {"image_size": 224}}"#, "`image_size` must be 32 for 16 patches of 8 px"),
        (r#"{"vision_config": {"num_attention_heads": 5}}"#, "`num_attention_heads` must be a divisor of 24"),
    ] {
        write(&folder, "config.json", config);
        let error = refusal(load(&folder));
        assert!(error.contains(problem), "{error}");
    }
    let error = refusal(SiglipParams::default().load_images(goldens("models/clip"), &Device::flex()));
    assert!(error.contains("vision_model.head.probe"), "{error}");
}
