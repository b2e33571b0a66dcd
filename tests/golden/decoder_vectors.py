"""Makes tests/golden/tiny_llama: a small random checkpoint in Hugging Face's
layout (bfloat16, sharded, untied head) and what `transformers` computes with it
in float32: logits after a prompt and the greedy continuation.

usage: decoder_vectors.py REPOSITORY   (after tokenizer_vectors.py;
pip install torch transformers safetensors)
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

from texts import PROMPTS

GREEDY_TOKENS = 48


def make_model(vocabulary):
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=vocabulary + 2,  # padded beyond the tokenizer, as is common
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=160,
        rms_norm_eps=1e-6,
        rope_theta=5000.0,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.copy_(1 + 0.2 * torch.randn_like(weight))
            else:
                weight.normal_(0, 0.6 / weight.shape[-1] ** 0.5)
        model.model.embed_tokens.weight.normal_(0, 1)
        model.lm_head.weight.normal_(0, 0.3)
        model.lm_head.weight[0] = 0  # so that texts do not end early
    return model.to(torch.bfloat16)


def main():
    root = pathlib.Path(sys.argv[1])
    folder = root / "tests/golden/tiny_llama"
    tokenizer_file = root / "tests/golden/tokenizer/gpt2_style.json"
    document = json.loads(tokenizer_file.read_text())
    tokens = set(document["model"]["vocab"].values())
    vocabulary = len(tokens | {t["id"] for t in document["added_tokens"]})
    vectors = tokenizer_file.with_name("gpt2_style_vectors.json")
    known = {r["text"]: r["ids"] for r in json.loads(vectors.read_text())["rows"]}
    model = make_model(vocabulary)
    model.save_pretrained(folder, safe_serialization=True, max_shard_size="96KB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    shutil.copy(tokenizer_file, folder / "tokenizer.json")
    # Loaded anew: a conversion would leave bfloat16's rounding in the angles.
    model = LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    model.eval()
    rows = []
    for prompt in PROMPTS:
        ids = known[prompt]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0]
            text = list(ids)
            while len(text) < len(ids) + GREEDY_TOKENS:
                step = model(torch.tensor([text])).logits[0, -1]
                text.append(int(step[:vocabulary].argmax()))
        rows.append(
            {
                "prompt": prompt,
                "ids": ids,
                "logits": [round(float(x), 6) for x in logits[-1]],
                "greedy": text[len(ids):],
            }
        )
    made_with = f"transformers {transformers.__version__}, torch {torch.__version__}"
    (folder / "vectors.json").write_text(
        json.dumps({"made_with": made_with, "rows": rows}) + "\n"
    )


main()
