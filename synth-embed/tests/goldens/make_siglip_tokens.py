"""Writes siglip_tokens/: a small SentencePiece tokenizer, and what SigLIP's makes of strings of all kinds.

    python synth-embed/tests/goldens/make_siglip_tokens.py [nmt_nfkc]

Run with sentencepiece 0.2.3, protobuf 7.36.2, transformers 5.23.0 and tokenizers 0.23.3. `tokenizer.json` is a
unigram model of 300 pieces, trained on the sentences below, with the padding, end and unknown token of the
published one as 0, 1 and 2, in the form of the published file: lower case, no punctuation, white space
folded, words after a space. `tokens.json` holds for each text what transformers' `SiglipTokenizer`, which
runs SentencePiece itself, makes of it: at most 64 numbers, the last of which is the end, 1; no padding.

The published tokenizer is normalized by SentencePiece's `nmt_nfkc`, whose table of 0.3 MB is not worth a
commit; RULES are a few of its. With `nmt_nfkc` as an argument that is used instead, nothing is written, and
only the texts are printed on which SentencePiece and `tokenizer.json` behind `canonical` then differ.
"""
import io
import json
import sys
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import SiglipTokenizer
from transformers.convert_slow_tokenizer import import_protobuf

OUT = Path(__file__).parent / "siglip_tokens"
LENGTH = 64
RULES = "2581\t20\nA0\t20\n2003\t20\n200B\t20\n2028\t20\nFB01\t66 69\n2026\t2E 2E 2E\nBD\t31 2044 32\n65 301\tE9\n"
PUNCTUATION = r"[!\"\#\$%\&'\(\)\*\+,\-\.:;=\?@\[\\\]\^_`\{\|\}\~]"

SENTENCES = """a photo of a cat
a photo of two cats and a dog on the grass
this is a photo of a solar cell with a crack
an electroluminescence image of a solar module
an x ray image of a solder joint with voids
scratches on a metal surface under bright light
a close up photo of the surface of a wooden table
the quick brown fox jumps over the lazy dog
a bad photo of a large building in the city at night
a good photo of a small house near the river
a drawing of a bird a painting of a horse
a black and white photo of an old woman
many people walk along the street in the rain
it is we are i have i am you will he would do not
the café in zürich is naïve über größe señor
0 1 2 3 4 5 6 7 8 9 10 20 300 1234567890 2024 50
jamais vu déjà vu привет мир мама мыла раму
ein bild von einer katze und einem hund im garten""".split("\n")

TEXTS = [
    "", " ", "a", "A", "a photo of a cat", "A PHOTO OF A CAT.", "This is a photo of a cat!!!", "a photo of a cat ",
    "  leading and   inner \t white\nspace\r\n ", " a", "a\x1cb", "a\u00a0b\u2003c\u200bd", "line\u2028separator", "...",
    "it's we're I've I'm you'll he'd don't", "1,234,567,890 & 50% of $2.50", "x-ray", "snake_case camelCase C++",
    "https://example.org/a?b=c&d=e#f", "<b>bold</b> a/b <3 >", "caf\u00e9 na\u00efve \u00dcBER GR\u00d6SSE", "cafe\u0301",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u4f60\u597d", "\U0001f600 cat", "\u2581a \u2581 b\u2581c",
    "\u0130stanbul", "\u03a3\u0391\u03a3", "\ufb01ne \uff21 \u00bd", "\u201csmart\u201d \u2014 dash \u2026", "unk", "s",
    "~`^*_=+|\\{}[]()@#$", "cat " * 70, "a photo of a cat on the grass " * 10, "qqqq zzzz",
]


def train(path, rule):
    model = io.BytesIO()
    rules = path.with_suffix(".tsv")
    rules.write_text(RULES)
    normal = {"normalization_rule_name": rule} if rule else {"normalization_rule_tsv": str(rules)}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20), model_writer=model, vocab_size=300, model_type="unigram",
        character_coverage=1.0, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        num_threads=1, hard_vocab_limit=False, minloglevel=2, **normal)
    path.write_bytes(model.getvalue())


def published_form(path):
    proto = import_protobuf().ModelProto()
    proto.ParseFromString(path.read_bytes())
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2))
    steps = [normalizers.Lowercase(), normalizers.Replace(Regex(PUNCTUATION), ""),
             normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    if proto.normalizer_spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single=["$A", "</s>"], special_tokens=[("</s>", 1)])
    tokenizer.add_special_tokens(["</s>", "<unk>"])
    return tokenizer


def canonical(reference, text):
    return reference.canonicalize_text(text.replace("\u2581", " "))


def main(rule=None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spiece.model"
        train(path, rule)
        reference, published = SiglipTokenizer(str(path)), published_form(path)
        rows = [{"text": text, "numbers": reference(text, truncation=True, max_length=LENGTH)["input_ids"]}
                for text in TEXTS]
    for row in rows:
        alone = published.encode(canonical(reference, row["text"])).ids[:-1]
        if [*alone[: LENGTH - 1], 1] != row["numbers"]:
            print(f"{row['text']!r}: {row['numbers']}, the published form {alone}")
    if rule:
        return
    OUT.mkdir(exist_ok=True)
    published.save(str(OUT / "tokenizer.json"), pretty=False)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (OUT / "tokens.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
