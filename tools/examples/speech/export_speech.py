#!/usr/bin/env python3
"""Exports a speech model in three archives with one manifest.

    export_speech.py MODEL -o FOLDER        a Whisper model of transformers: a folder or an id

    encoder.nnef.tar    the sound's features in, its encoding out
    cross.nnef.tar      the encoding in, keys and values of the decoder's cross attention out: once per sound
    decoder.nnef.tar    token ids, the self cache and the cross cache in, logits and the longer self cache out

`transducer_folder` does the same for an encoder, a predictor and a joiner of one's own. `run_speech.py` runs both kinds.
"""
import argparse
import json
import pathlib
import sys

TOOLS = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOOLS / "python"), str(TOOLS / "examples" / "language_model")]

import numpy  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from export_language_model import cache_argument, cache_names, cache_of, copy_tokenizer, description_of, mask_of  # noqa: E402
from torch2nnef import ExportError, export_model_to_nnef  # noqa: E402


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- Whisper ---

class Encoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.encoder = model.get_encoder()

    def forward(self, features):
        return self.encoder(features).last_hidden_state


class Cross(nn.Module):
    """Keys and values of each layer's cross attention [1, heads, frames, size]."""

    def __init__(self, model):
        super().__init__()
        self.layers = nn.ModuleList(layer.encoder_attn for layer in model.get_decoder().layers)

    def forward(self, encoding):
        result = []
        for layer in self.layers:
            for part in (layer.k_proj, layer.v_proj):
                result.append(part(encoding).unflatten(2, (layer.num_heads, layer.head_dim)).transpose(1, 2))
        return tuple(result)


class Decoder(nn.Module):
    """forward(input_ids [1, S], the self cache, then the cross cache) -> logits of the last token, the longer self cache."""

    def __init__(self, model):
        super().__init__()
        self.decoder, self.out = model.get_decoder(), model.proj_out
        self.frames, self.width = model.config.max_source_positions, model.config.d_model
        self.cache_name = cache_argument(model)

    def forward(self, input_ids, *caches):
        from transformers.cache_utils import EncoderDecoderCache
        own, cross = cache_of(caches[:len(caches) // 2]), cache_of(caches[len(caches) // 2:])
        past, new = caches[0].shape[2], input_ids.shape[1]
        # The encoding is in the cross cache; an argument only says that there is one.
        hidden = self.decoder(input_ids=input_ids, attention_mask=mask_of(past, new, None), use_cache=True,
                              encoder_hidden_states=torch.zeros(1, self.frames, self.width),
                              position_ids=torch.arange(past, past + new)[None],
                              **{self.cache_name: EncoderDecoderCache(own, cross)}).last_hidden_state
        return (self.out(hidden[:, -1:]), *(tensor for layer in own.layers for tensor in (layer.keys, layer.values)))


def write_archive(module, arguments, folder, name, inputs, outputs, axes=None, flags=()):
    """One archive, and its entry in the manifest."""
    file = f"{name}.nnef.tar"
    print(export_model_to_nnef(module.eval(), arguments, folder / file, input_names=inputs, output_names=outputs,
                               dynamic_axes=axes, options=list(flags)))
    return {"archive": file, "inputs": inputs, "outputs": outputs}


def greedy(decoder, own, cross, start, steps):
    """Tokens and the logits before each, by PyTorch."""
    ids, tokens, rows = start, [], []
    for _ in range(steps):
        logits, *own = decoder(torch.tensor([ids]), *own, *cross)
        rows.append(logits[0, -1])
        tokens.append(int(rows[-1].argmax()))
        ids = tokens[-1:]
    return tokens, torch.stack(rows)


def whisper_folder(model, folder, flags=()):
    """Exports a Whisper model in eval mode, and writes its manifest and check.npz."""
    config = model.config
    encoder, cross, decoder = Encoder(model).eval(), Cross(model).eval(), Decoder(model).eval()
    features = drawn(1, config.num_mel_bins, 2 * config.max_source_positions)
    size = config.d_model // config.decoder_attention_heads
    with torch.no_grad():
        encoding = encoder(features)
        sound = cross(encoding)
    past, present = cache_names(2 * config.decoder_layers)
    crossed = [name.replace("past", "cross") for name in past]
    own = [drawn(1, config.decoder_attention_heads, 4, size, seed=i) for i in range(len(past))]
    longest = config.max_target_positions
    start = [config.decoder_start_token_id]
    manifest = {
        "format": 1, "kind": "encoder-decoder", **{**description_of(model), "longest": longest},
        "encoder": write_archive(encoder, (features,), folder, "encoder", ["features"], ["encoding"], flags=flags),
        "cross": write_archive(cross, (encoding,), folder, "cross", ["encoding"], crossed, flags=flags),
        "decoder": write_archive(
            decoder, (torch.tensor([[1, 2, 3]]), *own, *sound), folder, "decoder", ["input_ids", *past, *crossed],
            ["logits", *present], {"input_ids": {1: "S"}, **{name: {2: "P"} for name in past}},
            ["--symbol", f"P=0..{longest - 1}", "--symbol", f"S=1..{longest}", *flags]),
        "cache": [{"input": one, "output": other, "shape": [1, config.decoder_attention_heads, 0, size]}
                  for one, other in zip(past, present)],
        "start": start,
    }
    write_manifest(manifest, folder)
    with torch.no_grad():
        tokens, logits = greedy(decoder, [one[:, :, :0] for one in own], sound, start, 10)
    numpy.savez(folder / "check.npz", features=features.numpy(), tokens=numpy.array(tokens), logits=logits.numpy())


# --- transducers ---

def transducer_folder(encoder, predictor, joiner, features, state, blank, folder, frames_axis=1, flags=()):
    """Exports the three parts of a transducer, and writes its manifest and check.npz.

    encoder(features) -> [1, T', width]; predictor(token [1, 1], *state) -> ([1, 1, width], *state);
    joiner(one frame [1, width], prediction [1, width]) -> logits [1, vocabulary], of which `blank` moves to the next frame.
    """
    for part in (encoder, predictor, joiner):
        part.eval()
    states = [f"state_{i}" for i in range(len(state))]
    nexts = [f"next_{i}" for i in range(len(state))]
    token = torch.tensor([[blank]])
    with torch.no_grad():
        encoding, (prediction, *_) = encoder(features), predictor(token, *state)
    manifest = {
        "format": 1, "kind": "transducer", "blank": blank, "state": [list(one.shape) for one in state],
        "encoder": write_archive(encoder, (features,), folder, "encoder", ["features"], ["encoding"],
                                 {"features": {frames_axis: "T"}}, flags),
        "predictor": write_archive(predictor, (token, *state), folder, "predictor", ["token", *states],
                                   ["prediction", *nexts], flags=flags),
        "joiner": write_archive(joiner, (encoding[:, 0], prediction[:, 0]), folder, "joiner", ["frame", "prediction"],
                                ["logits"], flags=flags),
    }
    write_manifest(manifest, folder)
    with torch.no_grad():
        tokens, rows = transduce(encoder, predictor, joiner, features, state, blank)
    numpy.savez(folder / "check.npz", features=features.numpy(), tokens=numpy.array(tokens, dtype=numpy.int64),
                logits=numpy.stack(rows))


def transduce(encoder, predictor, joiner, features, state, blank, most=3):
    """Greedy decoding by PyTorch: at most so many tokens a frame. Tokens, and the logits of each step."""
    encoding, tokens, rows = encoder(features), [], []
    prediction, *state = predictor(torch.tensor([[blank]]), *state)
    for frame in range(encoding.shape[1]):
        for _ in range(most):
            logits = joiner(encoding[:, frame], prediction[:, 0])
            rows.append(logits[0].numpy())
            token = int(logits.argmax())
            if token == blank:
                break
            tokens.append(token)
            prediction, *state = predictor(torch.tensor([[token]]), *state)
    return tokens, rows


def write_manifest(manifest, folder):
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


# --- the command ---

def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("model", help="a folder, or an id that transformers resolves")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--quantize", action="append", default=[], metavar="FORM[:REGEX]", help="handed to torch2nnef")
    options = parser.parse_args()
    from transformers import AutoModelForSpeechSeq2Seq
    folder = pathlib.Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    model = AutoModelForSpeechSeq2Seq.from_pretrained(options.model, dtype=torch.float32, attn_implementation="sdpa").eval()
    copy_tokenizer(options.model, folder)
    try:
        whisper_folder(model, folder, [flag for form in options.quantize for flag in ("--quantize", form)])
    except ExportError as error:
        print(f"export_speech: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
