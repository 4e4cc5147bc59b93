#!/usr/bin/env python3
"""The recipe for speech models: a transducer in plain torch, and a small Whisper where transformers is.

  recipe_test.py TRACT_RUN       $TORCH2NNEF is the program
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "tools" / "examples" / "speech"
sys.path.insert(0, str(RECIPE))

import numpy  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import export_speech as recipe  # noqa: E402

try:
    import transformers
except ImportError:
    transformers = None

TRACT_RUN = ""
BLANK, VOCABULARY, WIDTH = 8, 12, 16


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.layer = nn.Conv1d(8, WIDTH, 3, stride=2), nn.LSTM(WIDTH, WIDTH, batch_first=True)

    def forward(self, features):
        return self.layer(torch.relu(self.conv(features.transpose(1, 2))).transpose(1, 2))[0]


class Predictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(VOCABULARY, WIDTH), nn.LSTM(WIDTH, WIDTH, batch_first=True)

    def forward(self, token, h, c):
        y, (h, c) = self.layer(self.embedding(token), (h, c))
        return y, h, c


class Joiner(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, VOCABULARY)

    def forward(self, frame, prediction):
        return self.out(torch.tanh(self.left(frame) + self.right(prediction)))


def small_whisper():
    config = transformers.WhisperConfig(
        vocab_size=96, num_mel_bins=16, d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=128, decoder_ffn_dim=128, max_source_positions=20, max_target_positions=48,
        init_std=0.35, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3)
    return transformers.WhisperForConditionalGeneration(config).eval()


class SpeechTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(2)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_it(self):
        process = subprocess.run([sys.executable, str(RECIPE / "run_speech.py"), str(self.folder), "--tract", TRACT_RUN],
                                 capture_output=True, text=True, check=False)
        return process.returncode, process.stdout or process.stderr

    def write_transducer(self):
        parts = [Encoder(), Predictor(), Joiner()]
        for part in parts:
            for parameter in part.parameters():
                nn.init.normal_(parameter, 0, 0.6)
        state = (torch.zeros(1, 1, WIDTH), torch.zeros(1, 1, WIDTH))
        recipe.transducer_folder(*parts, recipe.drawn(1, 13, 8), state, BLANK, self.folder)

    def test_transducer(self):
        self.write_transducer()
        bundle = numpy.load(self.folder / "check.npz")
        self.assertGreater(len(set(bundle["tokens"].tolist())), 2)
        self.assertIn(BLANK, bundle["logits"].argmax(1))
        status, text = self.run_it()
        self.assertEqual(status, 0, text)
        self.assertIn(f"{len(bundle['logits'])} steps, logits agree", text)

    def test_a_difference_is_found(self):
        self.write_transducer()
        bundle = dict(numpy.load(self.folder / "check.npz"))
        bundle["logits"][2, 3] += 0.01
        numpy.savez(self.folder / "check.npz", **bundle)
        status, text = self.run_it()
        self.assertEqual(status, 3, text)
        self.assertIn("differ", text)

    @unittest.skipUnless(transformers, "takes transformers")
    def test_whisper(self):
        recipe.whisper_folder(small_whisper(), self.folder)
        status, text = self.run_it()
        self.assertEqual(status, 0, text)
        self.assertIn("10 steps, logits agree", text)


if __name__ == "__main__":
    TRACT_RUN = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
