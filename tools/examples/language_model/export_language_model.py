#!/usr/bin/env python3
"""Exports a causal language model of transformers to a folder that `generate` runs.

    export_language_model.py MODEL -o FOLDER [--logits last|all] [--quantize FORM[:REGEX]]...

MODEL is a folder (config.json and safetensors, in one file or in shards) or an id that transformers resolves. FOLDER gets

    model.nnef.tar     one step: token ids and the key/value cache in, logits and the longer cache out
    manifest.json      what a runner needs: names of inputs and outputs, shapes of the cache, special tokens, generation options
    tokenizer.json     the model's own, where it has one
    check.npz          a prompt, tokens that follow it, and the logits that PyTorch computes: for `generate FOLDER --check`

Both lengths of a step are symbols: P tokens in the cache and S new ones. A prompt may be given in one step or in chunks.
"""
import argparse
import contextlib
import inspect
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))

import numpy  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from stored_weights import nearest_form, stored_weights  # noqa: E402
from torch2nnef import ExportError, export_model_to_nnef  # noqa: E402

KINDS = {"full_attention", "sliding_attention"}  # layers whose cache is keys and values of every token
GENERATION = ("do_sample", "temperature", "top_k", "top_p", "repetition_penalty", "max_new_tokens", "max_length")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


class Unsupported(Exception):
    """The model is not one that this recipe knows how to run."""


# --- one step of the model ---

def window_of(config, kind):
    """How many tokens a layer of this kind sees, or None for all of them."""
    if kind == "sliding_attention":
        return config.sliding_window
    return None


def kinds_of(config):
    """The kind of attention of each layer."""
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kind = "sliding_attention" if getattr(config, "sliding_window", None) else "full_attention"
        kinds = [kind] * config.num_hidden_layers
    unknown = sorted(set(kinds) - KINDS)
    if unknown:
        raise Unsupported(f"layers of kind {', '.join(unknown)}: their state is not a cache of keys and values")
    return list(kinds)


def mask_of(past, new, window):
    """[1, 1, S, P + S], added to the scores: 0 where a token sees another, else the least number."""
    rows = torch.arange(past, past + new)[:, None]
    columns = torch.arange(past + new)[None, :]
    visible = columns <= rows
    if window is not None:
        visible = visible & (columns > rows - window)
    return torch.where(visible, 0.0, torch.finfo(torch.float32).min)[None, None]


class Step(nn.Module):
    """forward(input_ids [1, S], key and value of each layer [1, heads, P, size]) -> logits, key and value of each layer."""

    def __init__(self, model, logits):
        super().__init__()
        self.model = model
        self.keep = 1 if logits == "last" else 0  # 0: all
        self.kinds = kinds_of(model.config)
        self.cache_name = cache_argument(model)
        self.takes_positions = "position_ids" in inspect.signature(model.base_model.forward).parameters

    def forward(self, input_ids, *cache):
        past, new = cache[0].shape[2], input_ids.shape[1]
        masks = {kind: mask_of(past, new, window_of(self.model.config, kind)) for kind in dict.fromkeys(self.kinds)}
        arguments = {self.cache_name: cache_of(cache)}
        if self.takes_positions:
            arguments["position_ids"] = torch.arange(past, past + new)[None]
        result = self.model(input_ids=input_ids, attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
                            use_cache=True, logits_to_keep=self.keep, **arguments)
        layers = arguments[self.cache_name].layers
        return (result.logits, *(tensor for layer in layers for tensor in (layer.keys, layer.values)))


def cache_argument(model):
    """The name of the argument that takes a cache: it changed in transformers 5."""
    return "cache" if "cache" in inspect.signature(model.base_model.forward).parameters else "past_key_values"


def cache_of(tensors):
    """A cache of transformers that holds these keys and values. Layers with a window keep all tokens; the mask hides them."""
    from transformers.cache_utils import DynamicCache, DynamicLayer
    cache = DynamicCache()
    for keys, values in zip(tensors[0::2], tensors[1::2]):
        layer = DynamicLayer()
        takes = len(inspect.signature(layer.lazy_initialization).parameters)  # transformers 4 asks for the keys alone
        layer.lazy_initialization(*(keys, values)[:takes])
        layer.keys, layer.values = keys, values
        cache.layers.append(layer)
    return cache


def empty_cache(model):
    """A cache of no tokens: its shapes are those that the model makes itself."""
    from transformers.cache_utils import DynamicCache
    cache = DynamicCache()
    with torch.no_grad():
        model(input_ids=torch.zeros((1, 2), dtype=torch.int64), use_cache=True, **{cache_argument(model): cache})
    layers = [layer for layer in cache.layers if layer.is_initialized]
    if len(layers) != model.config.num_hidden_layers:
        raise Unsupported(f"{len(layers)} of {model.config.num_hidden_layers} layers have a cache of their own")
    return [tensor[:, :, :0].contiguous() for layer in layers for tensor in (layer.keys, layer.values)]


# --- loading ---

def load(name):
    """The model in f32 and eval mode; bfloat16 and float16 checkpoints are widened without loss."""
    from transformers import AutoConfig, AutoModelForCausalLM
    config = AutoConfig.from_pretrained(name)
    # Scores that are bent (Gemma 2) exist in the plain attention only.
    options = {"attn_implementation": "eager"} if getattr(config, "attn_logit_softcapping", None) else {}
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **options)
    return model.eval()


def longest_of(config):
    return getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 2048


# --- what is beside the archive ---

def cache_names(count):
    names = [f"{what}_{layer}" for layer in range(count // 2) for what in ("key", "value")]
    return [f"past_{name}" for name in names], [f"present_{name}" for name in names]


def ids_of(value):
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def description_of(model):
    """What the manifest says of the model itself."""
    config, options = model.config, getattr(model, "generation_config", None)
    special = {name: ids_of(getattr(options, f"{name}_token_id", None)) or ids_of(getattr(config, f"{name}_token_id", None))
               for name in ("bos", "eos", "pad")}
    return {
        "model_type": config.model_type,
        "vocabulary": model.get_output_embeddings().weight.shape[0],
        "longest": longest_of(config),
        "special_tokens": special,
        "generation": {name: getattr(options, name) for name in GENERATION if getattr(options, name, None) is not None},
    }


def manifest_of(description, cache, options):
    """Everything that `generate` asks; the README next to this file explains each entry."""
    inputs, outputs = cache_names(len(cache))
    return {
        "format": 1,
        "archive": options.archive,
        "tokens": "input_ids",
        "logits": {"output": "logits", "of": options.logits},
        "cache": [{"input": one, "output": other, "shape": list(tensor.shape), "axis": 2}
                  for one, other, tensor in zip(inputs, outputs, cache)],
        "tokenizer": "tokenizer.json" if (pathlib.Path(options.output) / "tokenizer.json").exists() else None,
        **description,
    }


def copy_tokenizer(name, folder):
    """The files of the tokenizer as they are; for an id, those that transformers finds."""
    if pathlib.Path(name).is_dir():
        for file in TOKENIZER:
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(pathlib.Path(name) / file, folder / file)
        return
    from transformers import AutoTokenizer
    try:
        AutoTokenizer.from_pretrained(name).save_pretrained(folder)
    except (OSError, ValueError) as error:
        print(f"export_language_model: no tokenizer is copied: {str(error).splitlines()[0]}", file=sys.stderr)


def expected_steps(step, cache, vocabulary, length, steps):
    """A drawn prompt, the tokens that the model chooses after it, and the logits of the last place of each step."""
    prompt = torch.randint(0, vocabulary, (1, length), generator=torch.Generator().manual_seed(0))
    ids, chosen, rows = prompt, [], []
    with torch.no_grad():
        for _ in range(steps + 1):
            logits, *cache = step(ids, *cache)
            rows.append(logits[0, -1])
            chosen.append(int(rows[-1].argmax()))
            ids = torch.tensor([[chosen[-1]]])
    return {"prompt": prompt[0].numpy(), "tokens": numpy.array(chosen), "logits": torch.stack(rows).numpy()}


def compare_with_model(model, step, cache, vocabulary):
    """Raises Unsupported unless steps with a cache give what the model itself gives for the whole text.

    A model may use masks and caches in ways of its own, such as distances between tokens that it adds to a mask.
    """
    length = min(24, longest_of(model.config) // 2)
    try:
        made = expected_steps(step, cache, vocabulary, length, min(4, length - 1))
    except Exception as error:  # pylint: disable=broad-except  # whatever a model of another kind makes of the arguments
        raise Unsupported(f"{type(model).__name__} does not take a mask and a cache as this recipe makes them: {error}") from error
    text = torch.tensor([[*made["prompt"], *made["tokens"][:-1]]])
    with torch.no_grad():
        whole = model(input_ids=text, use_cache=False).logits[0, length - 1:].numpy()
    size = max(1.0, float(numpy.abs(whole).max()))
    if numpy.abs(whole - made["logits"]).max() > 1e-3 * size:
        raise Unsupported(f"{type(model).__name__} computes something else step by step, with a cache as this recipe makes it")


def apply_stored_weights(step, archive):
    """Gives the model the values that a quantised archive holds, so that a check compares like with like."""
    weights = step.state_dict(keep_vars=True)  # tied ones by each of their names
    for label, values in stored_weights(archive):
        weight = weights.get(label)
        form = None if weight is None else nearest_form(values, weight.detach().numpy())
        if form is None:
            raise Unsupported(f"the stored weight {label} is none of the model's: check.npz cannot be computed")
        with torch.no_grad():
            weight.copy_(torch.from_numpy(form))


# --- the folder ---

def write_folder(step, cache, description, options):
    """Exports `step`, and writes what belongs to it beside the archive. `cache`: tensors of a cache without tokens."""
    folder, longest = pathlib.Path(options.output), description["longest"]
    inputs, outputs = cache_names(len(cache))
    draw = torch.Generator().manual_seed(0)
    sample = [torch.randn([*tensor.shape[:2], 4, tensor.shape[3]], generator=draw) for tensor in cache]
    ids = torch.randint(0, description["vocabulary"], (1, 3), generator=draw)
    flags = [flag for form in options.quantize for flag in ("--quantize", form)] + options.option
    report = export_model_to_nnef(
        step, (ids, *sample), folder / options.archive, input_names=["input_ids", *inputs], output_names=["logits", *outputs],
        dynamic_axes={"input_ids": {1: "S"}, **{name: {2: "P"} for name in inputs}}, verbose=options.verbose,
        check=not options.no_check, options=["--symbol", f"P=0..{longest - 1}", "--symbol", f"S=1..{longest}", *flags])
    manifest = manifest_of(description, cache, options)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    apply_stored_weights(step, folder / options.archive)
    length = min(options.prompt_length, longest - options.check_steps - 1)
    numpy.savez(folder / "check.npz", **expected_steps(step, cache, manifest["vocabulary"], length, options.check_steps))
    return report


# --- the command ---

def parsed(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("model", help="a folder, or an id that transformers resolves")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--archive", default="model.nnef.tar", metavar="NAME", help="NAME.nnef.tar (default) or NAME.nnef.tgz")
    parser.add_argument("--logits", choices=("last", "all"), default="last", help="of the last new token, or of all")
    parser.add_argument("--quantize", action="append", default=[], metavar="FORM[:REGEX]", help="handed to torch2nnef")
    parser.add_argument("--option", action="append", default=[], metavar="FLAG", help="any other flag of torch2nnef")
    parser.add_argument("--no-check", action="store_true", help="do not compare the archive with PyTorch")
    parser.add_argument("--prompt-length", type=int, default=20, help="of the prompt in check.npz")
    parser.add_argument("--check-steps", type=int, default=10, help="tokens after it")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args(arguments)


def main():
    options = parsed()
    folder = pathlib.Path(options.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model = load(options.model)
        step, cache, description = Step(model, options.logits).eval(), empty_cache(model), description_of(model)
        compare_with_model(model, step, cache, description["vocabulary"])
        copy_tokenizer(options.model, folder)
        print(write_folder(step, cache, description, options))
    except (ExportError, Unsupported) as error:
        print(f"export_language_model: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
