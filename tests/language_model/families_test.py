#!/usr/bin/env python3
"""Small random models of transformers through the recipe: tokens equal to model.generate, logits at every form of the weights.

  families_test.py GENERATE [FAMILY]...       takes a Python with torch 2.6 or later and transformers; $TORCH2NNEF is the program

Each family is saved as a checkpoint first, so that what is exported was read from safetensors: in shards for the first one.
"""
import pathlib
import subprocess
import sys
import tempfile

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "tools" / "examples" / "language_model"
sys.path.insert(0, str(RECIPE))

try:
    import torch
    import transformers
except ImportError as error:
    print(f"families_test: skipped: {error}")
    sys.exit(77)

import export_language_model as recipe  # noqa: E402

TOKENS = 32
PROMPT = [3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46]
COMMON = {"vocab_size": 96, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
          "max_position_embeddings": 128, "initializer_range": 0.35, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
GROUPED = {**COMMON, "num_key_value_heads": 2}
FAMILIES = {
    "llama": ("LlamaConfig", GROUPED),
    "qwen2": ("Qwen2Config", {**GROUPED, "tie_word_embeddings": True}),
    "qwen3": ("Qwen3Config", {**GROUPED, "head_dim": 16}),
    "mistral": ("MistralConfig", {**GROUPED, "head_dim": 16, "sliding_window": 8}),
    "gemma2": ("Gemma2Config", {**GROUPED, "head_dim": 16, "sliding_window": 8, "query_pre_attn_scalar": 16}),
    "gemma3": ("Gemma3TextConfig", {**GROUPED, "num_hidden_layers": 3, "head_dim": 16, "sliding_window": 8,
                                    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}),
    "phi": ("PhiConfig", COMMON),
    "phi3": ("Phi3Config", GROUPED),
    "gpt2": ("GPT2Config", {"vocab_size": 96, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128,
                            "initializer_range": 0.35, "bos_token_id": 1, "eos_token_id": 2}),
    "smollm3": ("SmolLM3Config", GROUPED),
}


def save_checkpoint(family, folder):
    torch.manual_seed(0)
    kind, sizes = FAMILIES[family]
    model = transformers.AutoModelForCausalLM.from_config(getattr(transformers, kind)(**sizes))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1 and name.endswith("weight"):  # of norms, which are alike otherwise; Gemma adds 1
            torch.nn.init.normal_(parameter, 0 if family.startswith("gemma") else 1, 0.2)
    model.save_pretrained(folder, max_shard_size="100KB" if family == next(iter(FAMILIES)) else "5GB")


def tokens_of_transformers(folder):
    model = recipe.load(folder)
    model.generation_config.eos_token_id = None
    ids = model.generate(torch.tensor([PROMPT]), max_new_tokens=TOKENS, do_sample=False)
    return ids[0, len(PROMPT):].tolist()


def run(generate, *arguments):
    process = subprocess.run([generate, *map(str, arguments)], capture_output=True, text=True, check=False)
    return process.returncode == 0, process.stdout or process.stderr


def problems_of(generate, family, folder):
    """A line per thing that is not as it should be."""
    checkpoint = folder / "checkpoint"
    save_checkpoint(family, checkpoint)
    for form in ("f32", "f16", "q4_0"):
        archive = folder / form
        command = [sys.executable, str(RECIPE / "export_language_model.py"), str(checkpoint), "-o", str(archive)]
        process = subprocess.run(command + (["--quantize", form] if form != "f32" else []), capture_output=True, text=True,
                                 check=False)
        if process.returncode:
            yield f"{family} {form}: {process.stderr[-600:]}"
            continue
        for chunk in (512, 7):
            agrees, text = run(generate, archive, "--check", "--chunk", chunk)
            if not agrees:
                yield f"{family} {form} in chunks of {chunk}: {text}"
        if form == "f32":
            text = run(generate, archive, "--ids", ",".join(map(str, PROMPT)), "--tokens", TOKENS, "--ignore-end")[1]
            expected = tokens_of_transformers(checkpoint)
            if text.split() != [",".join(map(str, expected))]:
                yield f"{family}: tokens are {text.strip()} instead of {expected}"


def main():
    generate, *families = sys.argv[1:]
    count = 0
    for family in families or FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            problems = list(problems_of(generate, family, pathlib.Path(folder)))
        print("\n".join(problems) if problems else f"{family}: {TOKENS} tokens equal; logits agree in f32, f16 and q4_0")
        count += bool(problems)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
