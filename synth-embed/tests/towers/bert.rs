use burn::tensor::Device;
use serde_json::{Value, json};
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, Error};
use synth_embed::bert::{Bert, BertParams, Pooling};
use tempfile::TempDir;

use super::reference::{Golden, assert_close, copied, devices, fetched, goldens, refusal, rows, write};

/// Number `i` is the word `wi`; what is cut and filled up is not to be believed.
fn tokenizer(words: usize) -> Value {
    let vocabulary: serde_json::Map<String, Value> =
        (0..words).map(|number| (format!("w{number}"), number.into())).collect();
    let special = |number: u32| {
        json!({"id": number, "content": format!("w{number}"), "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false})
    };
    let token = |number: u32| json!({"SpecialToken": {"id": format!("w{number}"), "type_id": 0}});
    let named =
        |number: u32| json!({"id": format!("w{number}"), "ids": [number], "tokens": [format!("w{number}")]});
    json!({
        "version": "1.0",
        "truncation": {"max_length": 5, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "w0"},
        "added_tokens": [special(62), special(63)],
        "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [token(62), {"Sequence": {"id": "A", "type_id": 0}}, token(63)],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"w62": named(62), "w63": named(63)},
        },
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w1"},
    })
}

fn tiny() -> TempDir {
    let folder = copied("bert");
    write(&folder, "tokenizer.json", tokenizer(64).to_string());
    folder
}

fn load(params: &BertParams, folder: &TempDir) -> Bert {
    params.load(folder.path(), &Device::flex()).expect("loads")
}

/// The text of which the tokenizer makes these numbers, between the two special ones.
fn text(numbers: &[u32]) -> String {
    numbers.iter().map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ")
}

/// The golden's texts.
fn texts() -> Vec<String> {
    let golden = Golden::open(&goldens("models/bert/io.safetensors"));
    let own = |row: Vec<u32>| text(&row[1..row.iter().position(|number| *number == 63).expect("an end")]);
    golden.numbers("input_ids").into_iter().map(own).collect()
}

mod laws {
    use super::*;

    synth_core::embedder_conformance!(
        || -> Box<dyn Embedder<str>> { Box::new(load(&BertParams::default(), &tiny())) },
        EmbedderCaps::new(texts()).with_constant("")
    );
}

#[test]
fn rows_equal_the_reference_on_every_device() {
    let golden = Golden::open(&goldens("models/bert/io.safetensors"));
    let (folder, texts) = (tiny(), texts());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (device, tolerance) in devices() {
        let normalized = BertParams::default().load(folder.path(), &device).expect("loads");
        let expected = golden.matrix("sentence_embedding");
        assert_close(rows(&normalized, &texts).view(), expected.view(), tolerance);
        // More than a device takes at once, and texts of several lengths in turns.
        let many: Vec<&str> = texts.iter().copied().cycle().take(70).collect();
        let got = rows(&normalized, &many);
        for (row, got) in got.outer_iter().enumerate() {
            let expected = expected.row(row % texts.len());
            let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference <= tolerance, "row {row}: {difference}");
        }
        let plain = BertParams::default().with_normalized(false).load(folder.path(), &device).expect("loads");
        assert_close(rows(&plain, &texts).view(), golden.matrix("mean_pooled").view(), tolerance);
    }
}

#[test]
fn the_first_token_can_be_the_row() {
    let golden = Golden::open(&goldens("models/bert/io.safetensors"));
    let (shape, _) = golden.bytes("last_hidden_state");
    let (_, bytes) = golden.bytes("last_hidden_state");
    let values: Vec<f32> =
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect();
    let first: Vec<f32> =
        values.chunks(shape[1] * shape[2]).flat_map(|text| text[..shape[2]].to_vec()).collect();
    let expected = ndarray::Array2::from_shape_vec((shape[0], shape[2]), first).expect("a matrix");
    let folder = tiny();
    let params = BertParams::default().with_pooling(Pooling::Cls).with_normalized(false);
    let (model, texts) = (load(&params, &folder), texts());
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert_close(rows(&model, &texts).view(), expected.view(), 1e-4);
    assert_eq!(model.identity().name, "bert_l2_h32:cls:unnormalized");
    // The same, asked for by the model's own files.
    write(&folder, "1_Pooling/config.json", r#"{"pooling_mode": "cls"}"#);
    let modules = r#"[{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"}]"#;
    write(&folder, "modules.json", modules);
    assert_eq!(load(&BertParams::default(), &folder).identity(), model.identity());
}

#[test]
fn a_long_text_is_cut_at_its_end() {
    let folder = tiny();
    let numbers: Vec<u32> = (2..50).collect();
    let (long, cut) = (text(&numbers), text(&numbers[..14]));
    let model = load(&BertParams::default(), &folder);
    let both = rows(&model, &[long.as_str(), cut.as_str()]);
    assert_eq!(both.row(0), both.row(1), "16 positions, two of them for special tokens");
    write(&folder, "sentence_bert_config.json", r#"{"max_seq_length": 6}"#);
    let shorter = load(&BertParams::default(), &folder);
    let cut = text(&numbers[..4]);
    let both = rows(&shorter, &[long.as_str(), cut.as_str()]);
    assert_eq!(both.row(0), both.row(1));
    assert_ne!(model.identity(), shorter.identity());
    let params = BertParams::default().with_max_tokens(17);
    let error = refusal(params.load(folder.path(), &Device::flex()));
    assert_eq!(error, "`max_tokens` must be at most 16, the positions in the weights, got 17");
    let error = refusal(BertParams::default().with_max_tokens(2).load(folder.path(), &Device::flex()));
    assert_eq!(error, "`max_tokens` must be more than the 2 special tokens of every text, got 2");
}

#[test]
fn the_identity_tells_the_tokenizer() {
    let folder = tiny();
    let before = load(&BertParams::default(), &folder).identity().clone();
    assert_eq!(before.name, "bert_l2_h32");
    assert!(before.preprocessing.starts_with("tokenizer") && before.preprocessing.ends_with("-cut16-1"));
    write(&folder, "tokenizer.json", tokenizer(64).to_string().replace("w5", "v5"));
    let after = load(&BertParams::default(), &folder).identity().clone();
    assert_eq!(before.weights, after.weights);
    assert_ne!(before.preprocessing, after.preprocessing);
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let load = |folder: &TempDir| BertParams::default().load(folder.path(), &Device::flex());
    let folder = copied("bert");
    let error = load(&folder).map(|_| ()).expect_err("no tokenizer");
    assert!(
        matches!(error, Error::NotFound { .. }) && error.to_string().contains("tokenizer.json"),
        "{error}"
    );
    write(&folder, "tokenizer.json", tokenizer(65).to_string());
    let error = refusal(load(&folder));
    assert!(error.contains("numbered below 64") && error.contains("the number 64"), "{error}");
    write(&folder, "tokenizer.json", "{\"version\": \"1.0\"");
    assert!(refusal(load(&folder)).contains("tokenizer.json"));
    write(&folder, "tokenizer.json", tokenizer(64).to_string());
    for (config, problem) in [
        (r#"{"num_attention_heads": 3}"#, "`num_attention_heads` must be a divisor of 32"),
        (r#"{"hidden_size": 32}"#, "`num_attention_heads` must be in the `config.json`"),
        (r#"{"hidden_size": 384, "num_attention_heads": 4}"#, "`hidden_size` must be 32, as in the weights"),
        (r#"{"model_type": "roberta", "num_attention_heads": 4}"#, "`model_type` roberta"),
        (r#"{"hidden_act": "relu", "num_attention_heads": 4}"#, "`hidden_act` relu"),
        (r#"{"position_embedding_type": "relative_key"}"#, "`position_embedding_type` relative_key"),
        ("[", "config.json"),
    ] {
        write(&folder, "config.json", config);
        let error = refusal(load(&folder));
        assert!(error.contains(problem), "{error}");
    }
    let error = refusal(BertParams::default().load(goldens("models/dinov2"), &Device::flex()));
    assert!(error.contains("dinov2") && error.contains("embeddings.word_embeddings.weight"), "{error}");
}

/// `tests/goldens/make_real.py`: sentence-transformers' own rows. On a software driver only those of at most
/// 16 tokens, for the time that the others take.
#[test]
fn minilm_equals_sentence_transformers() {
    let Some(folder) = fetched("minilm-l6-v2") else { return };
    let golden = Golden::open(&goldens("real/minilm.safetensors"));
    let sentences = std::fs::read(goldens("real/minilm.json")).expect("committed");
    let sentences: Vec<String> = serde_json::from_slice(&sentences).expect("strings");
    let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
    let expected = golden.matrix("embeddings");
    let lengths = golden.numbers("token_count").remove(0);
    for (device, tolerance) in devices() {
        let model = BertParams::default().load(&folder, &device).expect("loads");
        let longest = if device == Device::flex() { u32::MAX } else { 16 };
        let kept: Vec<usize> = (0..sentences.len()).filter(|row| lengths[*row] <= longest).collect();
        assert!(kept.len() > 10);
        let sentences: Vec<&str> = kept.iter().map(|row| sentences[*row]).collect();
        let expected = expected.select(ndarray::Axis(0), &kept);
        assert_close(rows(&model, &sentences).view(), expected.view(), tolerance);
        assert_eq!(model.identity().name, "bert_l6_h384");
        assert!(model.identity().preprocessing.ends_with("-cut256-1"), "{}", model.identity());
    }
}
