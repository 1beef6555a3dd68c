"""Writes clip_tokens.json: what CLIP's tokenizers make of strings of all kinds.

    examples/fetch_models.sh clip-vocabulary
    python synth-embed/tests/goldens/make_clip_tokens.py

Run with clip-anytorch 2.6.0 (OpenAI's simple_tokenizer.py as it is; it needs setuptools < 81),
transformers 5.23.0, tokenizers 0.23.3 and ftfy 6.3.1. Ids start with 49406 (start of text) and end with
49407 (end of text); longer texts are cut to 77 ids, the last of which is 49407. No padding. Three
references, as they differ:

  openai               OpenAI's tokenizer: mends mis-decoded text with ftfy, resolves HTML entities twice, folds
                       white space, lowercases, splits by its regular expression, then byte-level BPE
  openai_without_ftfy  the same without ftfy, which is a large program of its own
  transformers         transformers' CLIPTokenizer: NFC, folds white space, lowercases, same split and merges;
                       neither ftfy nor HTML entities. Lowercases letter by letter, so a sigma at a word's
                       end stays a medial one. It takes a special token's text for the token itself as it
                       is written, OpenAI's in any case.
"""
import gzip
import json
from pathlib import Path

import ftfy
from clip.simple_tokenizer import SimpleTokenizer
from transformers import CLIPTokenizer

HERE = Path(__file__).parent
VOCABULARY = HERE.parents[2] / "data/models/clip-vocabulary/bpe_simple_vocab_16e6.txt.gz"
START, END, LENGTH = 49406, 49407, 77

TEXTS = [
    "", " ", "a", "A", "a photo of a cat", "A PHOTO OF A CAT", "a photo of a cat.", "a photo of a cat!!!",
    "  leading and   inner \t white\nspace\r\n ", "non\u00a0breaking\u2003space\u200bzero width",
    "tabs\t\ttabs", "vertical\x0btab and form\x0cfeed", "line\u2028separator",
    "it's we're I've I'm you'll he'd don't", "IT'S DON'T", "it\u2019s a typographic apostrophe",
    "rock'n'roll 'quoted' ''double''", "'s", "o'clock 'tis 'twas", "1234567890",
    "3.14159 1,000,000 50% $5 \u20ac7", "2024-11-21T16:39:15Z", "v1.2.3-beta+build",
    "snake_case camelCase kebab-case", "C++ C# F# .NET", "https://example.org/a?b=c&d=e#f", "name@example.org",
    "caf\u00e9 na\u00efve \u00fcber", "cafe\u0301 nai\u0308ve u\u0308ber", "stra\u00dfe STRASSE \u1e9e",
    "\u0130stanbul \u0131\u015f\u0131k", "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u03a3\u0391\u03a3",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u4f60\u597d\uff0c\u4e16\u754c",
    "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c", "\uc548\ub155\ud558\uc138\uc694",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 family",
    "flags \U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd", "\u2764\ufe0f heart",
    "\u00bd \u00b2 \u2162 \u0664", "\ufb01ne \uff21\uff22\uff23 \u2460",
    "&amp; &lt;b&gt; &quot;x&quot; &#39;y&#39; &eacute;", "&amp;amp; &amp;lt;",
    "AT&T R&D a & b &notanentity; &copy", "<|startoftext|>", "<|endoftext|> after the end", "<|ENDOFTEXT|>",
    "schön ÃŠtre donâ€™t", "\u201csmart\u201d \u2018quotes\u2019 \u2014 dash \u2026", "...!!!???,,,;;;",
    "(a)[b]{c}<d>", "\x00null\x07bell\x1b[31mred", "back\\slash /slash |pipe|", "#hashtag @mention", "~`^*_=+",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "qwrtzpsdfg xkcd zzyzx",
    "word " * 74, "word " * 75, "word " * 76, "a very long description of a solar cell " * 30,
    "scratches and voids in an x-ray image of a solder joint", "electroluminescence image, 300x300 px, crack",
]


def merges():
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode().split("\n")
    return [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]


def cut(ids):
    ids = [START, *ids, END]
    return ids if len(ids) <= LENGTH else ids[: LENGTH - 1] + [END]


def main():
    openai = SimpleTokenizer(str(VOCABULARY))
    fast = CLIPTokenizer(vocab=dict(openai.encoder), merges=merges())
    fix = ftfy.fix_text
    rows = []
    for text in TEXTS:
        row = {"text": text, "openai": cut(openai.encode(text))}
        ftfy.fix_text = lambda unmended: unmended
        row["openai_without_ftfy"] = cut(openai.encode(text))
        ftfy.fix_text = fix
        row["transformers"] = fast(text, truncation=True, max_length=LENGTH)["input_ids"]
        rows.append(row)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "clip_tokens.json").write_text(f"[\n{lines}\n]\n")
    for row in rows:
        kinds = [key for key in ("openai_without_ftfy", "transformers") if row[key] != row["openai"]]
        if kinds:
            print(f"{row['text']!r}: {', '.join(kinds)} differ")


if __name__ == "__main__":
    main()
