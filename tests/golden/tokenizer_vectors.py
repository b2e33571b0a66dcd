"""Makes the tokenizer's golden vectors with Hugging Face's `tokenizers`.

usage: tokenizer_vectors.py REPOSITORY     (pip install tokenizers)

Writes tests/golden/tokenizer/gpt2_style.json (a small tokenizer with GPT-2's
pre-tokenizer and an added token that is not special) and, for it and for the
demo model's tokenizer, what `tokenizers` says about every text of texts.py.
"""
import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from tokenizers import trainers

from texts import PROMPTS, TEXTS


def gpt2_style():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=True),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=318,
        special_tokens=["<|eos|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXTS, trainer)
    made.add_tokens([AddedToken("multiplexer", normalized=False)])
    return made


def vectors(tokenizer):
    # Without add_special_tokens the text alone is encoded; both parse the
    # spellings of special tokens, which troupe does on request.
    rows = []
    for text in TEXTS + PROMPTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        rows.append(
            {
                "text": text,
                "ids": ids,
                "with_special": tokenizer.encode(text).ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=True),
            }
        )
    return {"made_with": f"tokenizers {tokenizers.__version__}", "rows": rows}


def main():
    root = pathlib.Path(sys.argv[1])
    folder = root / "tests/golden/tokenizer"
    small = gpt2_style()
    small.save(str(folder / "gpt2_style.json"), pretty=False)
    demo = Tokenizer.from_file(str(root / "models/demo/writer/tokenizer.json"))
    for name, tokenizer in (("gpt2_style", small), ("writer", demo)):
        path = folder / f"{name}_vectors.json"
        path.write_text(json.dumps(vectors(tokenizer)) + "\n")


main()
