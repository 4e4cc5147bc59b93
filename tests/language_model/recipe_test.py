#!/usr/bin/env python3
"""The recipe for language models, with a decoder in plain torch: exported, its folder read, run by `generate`.

  recipe_test.py GENERATE       $TORCH2NNEF is the program
"""
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "tools" / "examples" / "language_model"
sys.path.insert(0, str(RECIPE))

import numpy  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import export_language_model as recipe  # noqa: E402

GENERATE = ""
HEADS, SIZE, WIDTH, VOCABULARY, WINDOW = 2, 16, 32, 64, 6
DESCRIPTION = {"model_type": "plain", "vocabulary": VOCABULARY, "longest": 96,
               "special_tokens": {"bos": [1], "eos": [2], "pad": []}, "generation": {}}


class Layer(nn.Module):
    def __init__(self, window):
        super().__init__()
        self.window = window
        self.norm, self.after = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x, keys, values):
        q, k, v = (part.unflatten(2, (HEADS, SIZE)).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, 2))
        mask = recipe.mask_of(keys.shape[2], x.shape[1], self.window)
        keys, values = torch.cat([keys, k], 2), torch.cat([values, v], 2)
        scores = (q @ keys.transpose(2, 3) / math.sqrt(SIZE) + mask).softmax(3)
        x = x + self.out((scores @ values).transpose(1, 2).flatten(2))
        return x + self.down(torch.tanh(self.up(self.after(x)))), keys, values


class Decoder(nn.Module):
    """Two layers, one with a window; positions are a table; the last matrix is the embedding's."""

    def __init__(self, keep_all):
        super().__init__()
        self.keep_all = keep_all
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(DESCRIPTION["longest"], WIDTH)
        self.layers = nn.ModuleList([Layer(None), Layer(WINDOW)])
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.4)

    def forward(self, input_ids, *cache):
        past, new = cache[0].shape[2], input_ids.shape[1]
        x = self.tokens(input_ids) + self.positions(torch.arange(past, past + new))
        present = []
        for layer, keys, values in zip(self.layers, cache[0::2], cache[1::2]):
            x, *both = layer(x, keys, values)
            present += both
        return (nn.functional.linear(x if self.keep_all else x[:, -1:], self.tokens.weight), *present)


def empty_cache():
    return [torch.zeros(1, HEADS, 0, SIZE) for _ in range(4)]


def chosen_by_torch(model, prompt, count):
    """The most likely tokens, with the whole text run anew for each."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(torch.tensor([ids]), *empty_cache())[0][0, -1].argmax()))
    return ids[len(prompt):]


class RecipeTest(unittest.TestCase):
    exported = {}  # folders by flags: an export takes seconds

    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.all = pathlib.Path(temporary.name)

    def written(self, *flags, keep_all=False):
        """The model, after self.folder has become a fresh copy of what the recipe writes."""
        key = (*flags, keep_all)
        if key not in self.exported:
            torch.manual_seed(2)
            model, folder = Decoder(keep_all).eval(), self.all / str(len(self.exported))
            folder.mkdir()
            options = recipe.parsed(["none", "-o", str(folder), "--logits", "all" if keep_all else "last", *flags])
            recipe.write_folder(model, empty_cache(), DESCRIPTION, options)
            self.exported[key] = (model, folder)
        model, folder = self.exported[key]
        self.folder = self.all / self.id()
        shutil.copytree(folder, self.folder, dirs_exist_ok=True)
        return model

    def run_it(self, *flags, status=0):
        process = subprocess.run([GENERATE, str(self.folder), *flags], capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, status, process.stderr)
        return process.stdout, process.stderr

    def test_logits_agree_with_torch(self):
        for keep_all in (False, True):
            self.written(keep_all=keep_all)
            for chunk in ("512", "7", "1"):  # the prompt has 20 tokens
                self.assertIn("logits agree", self.run_it("--check", "--chunk", chunk)[0])

    def test_tokens_are_those_of_torch(self):
        model = self.written()
        prompt = [5, 60, 7, 22, 31, 31, 4, 9]
        expected = chosen_by_torch(model, prompt, 32)
        output, errors = self.run_it("--ids", ",".join(map(str, prompt)), "--tokens", "32", "--ignore-end")
        self.assertEqual([int(one) for one in output.split(",")], expected)
        self.assertRegex(errors, r"generated 31 tokens in [\d.]+ s, [\d.]+ tokens per second")
        self.assertGreater(len(set(expected)), 5)  # more than a loop of one token

    def test_a_text_ends_where_the_manifest_says(self):
        model = self.written()
        expected = chosen_by_torch(model, [5, 60, 7], 12)
        manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        manifest["special_tokens"]["eos"] = [expected[-1]]
        (self.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        output = self.run_it("--ids", "5,60,7", "--tokens", "40")[0]
        self.assertEqual([int(one) for one in output.split(",")], expected[:expected.index(expected[-1]) + 1])

    def test_stored_weights_are_checked_as_they_are_stored(self):
        for form in ("f16", "q4_0"):
            model = self.written("--quantize", form)
            self.assertIn("logits agree", self.run_it("--check")[0])
            torch.manual_seed(2)  # the recipe gave the model the stored values
            self.assertFalse(torch.equal(model.layers[0].up.weight, Decoder(False).layers[0].up.weight))

    def test_a_difference_is_found(self):
        self.written()
        bundle = dict(numpy.load(self.folder / "check.npz"))
        bundle["logits"][3, 5] += 0.01
        numpy.savez(self.folder / "check.npz", **bundle)
        output, errors = self.run_it("--check", status=3)
        self.assertIn("logits differ", output)
        self.assertIn("1 of 704 values differ by more than the tolerance, the most at [3, 5]", errors)

    def test_a_prompt_beyond_the_limit_is_refused(self):
        self.written()
        errors = self.run_it("--ids", ",".join(["3"] * 97), status=1)[1]
        self.assertIn("longer than the model's limit of 96 tokens", errors)

    def give_tokenizer(self):
        """Byte-level BPE of 64 tokens: 0 and 1 are special, and every text begins with 1."""
        pieces = [*"abcdefghijklmnopqrstuvwxyz.,!?\u0120\u00c3\u00af", "an", "\u0120b", "\u0120ban"]
        pieces += [f"w{i}" for i in range(VOCABULARY - 2 - len(pieces))]
        special = [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                    "special": True} for i, text in enumerate(("<pad>", "<s>"))]
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        template = {"type": "TemplateProcessing", "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
                    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}
        vocabulary = {piece: i + 2 for i, piece in enumerate(pieces)}
        tokenizer = {"version": "1.0", "added_tokens": special, "pre_tokenizer": byte_level, "post_processor": template,
                     "decoder": byte_level, "model": {"type": "BPE", "vocab": vocabulary,
                                                      "merges": ["a n", "\u0120 b", "\u0120b an"]}}
        (self.folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
        manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        (self.folder / "manifest.json").write_text(json.dumps({**manifest, "tokenizer": "tokenizer.json"}), encoding="utf-8")
        return ["", "", *pieces]

    def test_a_text_goes_in_and_comes_out(self):
        self.written()
        pieces = self.give_tokenizer()
        prompt = [1, *map(pieces.index, ("a", "\u0120ban", "an", "a", "\u00c3", "\u00af"))]
        flags = ["--tokens", "20", "--ignore-end"]
        ids = [int(one) for one in self.run_it("--ids", ",".join(map(str, prompt)), *flags)[0].split(",")]
        self.assertGreater(len(set(ids)), 5)
        command = [GENERATE, str(self.folder), "--text", "a banana\u00ef", *flags]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if "run tools/get-tokenizers" in process.stderr:
            self.skipTest("takes the tokenizers library")
        self.assertEqual(process.returncode, 0, process.stderr)
        self.assertIn(f"prompt    {len(prompt)} tokens", process.stderr)
        expected = "".join(pieces[one] for one in ids).replace("\u0120", " ").encode("latin-1").decode("utf-8", "replace")
        self.assertEqual(process.stdout, expected + "\n")

    def test_a_text_needs_a_tokenizer(self):
        self.written()
        self.assertIn("no tokenizer.json", self.run_it("--text", "a", status=1)[1])
        self.give_tokenizer()
        process = subprocess.run([GENERATE, str(self.folder), "--text", "a"], capture_output=True, text=True, check=False,
                                 env={**os.environ, "TOKENIZERS_LIBRARY": "/nowhere/libtokenizer.so"})
        self.assertEqual(process.returncode, 1)
        self.assertIn("the tokenizers library cannot be loaded", process.stderr)


if __name__ == "__main__":
    GENERATE = sys.argv.pop(1)
    unittest.main()
