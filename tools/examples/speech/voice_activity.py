#!/usr/bin/env python3
"""A pre-trained model on real sound: silero-vad says which pieces of 32 ms are speech, in tract and in PyTorch.

    voice_activity.py silero_vad.jit SOUND.wav [--tract PROGRAM]

silero_vad.jit is in the wheel of silero-vad (`pip download --no-deps silero-vad`, then unzip). The model of 16 kHz in it is
exported: a piece with 64 samples before it, and the state, go in; the probability and the next state come out. SOUND.wav has 16
bits and a multiple of 16 kHz. Exit status: 0 both agree, 3 they do not.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))

import numpy  # noqa: E402
import torch  # noqa: E402

from run_speech import Archive  # noqa: E402
from torch2nnef import export_model_to_nnef  # noqa: E402

PIECE, CONTEXT, RATE = 512, 64, 16000


def read_sound(path):
    """Samples of the first channel at 16 kHz, with silence around them."""
    with wave.open(path) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16).astype(numpy.float32) / 32768
        samples = samples.reshape(-1, file.getnchannels())[:, 0]
        step = file.getframerate() // RATE
    samples = numpy.convolve(samples, numpy.ones(step, numpy.float32) / step, "same")[::step]
    silence = numpy.zeros(RATE // 2, numpy.float32)
    return numpy.concatenate([silence, samples.astype(numpy.float32), silence])


def export(model, folder):
    """The part for 16 kHz, with its state as an input and an output."""
    path = folder / "vad.pt"
    torch.jit.save(model._model, str(path))  # pylint: disable=protected-access
    numpy.savez(folder / "vad.inputs.npz", x=numpy.zeros((1, CONTEXT + PIECE), numpy.float32) + 0.01,
                state=numpy.zeros((2, 1, 128), numpy.float32))
    print(export_model_to_nnef(path, file_path_export=folder / "vad.nnef.tar", output_names=["probability", "next_state"]))
    return {"archive": "vad.nnef.tar"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("model")
    parser.add_argument("sound")
    parser.add_argument("--tract", default=os.environ.get("TRACT", "tract"), help="default: $TRACT, else tract")
    options = parser.parse_args()
    model, samples = torch.jit.load(options.model).eval(), read_sound(options.sound)
    context, state, largest, speech, count = numpy.zeros(CONTEXT, numpy.float32), numpy.zeros((2, 1, 128), numpy.float32), 0.0, [], 0
    with tempfile.TemporaryDirectory() as place, torch.no_grad():
        archive = Archive(pathlib.Path(place), export(model, pathlib.Path(place)), options.tract)
        for begin in range(0, len(samples) - PIECE + 1, PIECE):
            piece = samples[begin:begin + PIECE]
            result = archive(x=numpy.concatenate([context, piece])[None], state=state)
            context, state, probability = piece[-CONTEXT:], result["next_state"], float(result["probability"][0, 0])
            largest = max(largest, abs(probability - float(model(torch.from_numpy(piece.copy())[None], RATE)[0, 0])))
            speech += [begin / RATE] if probability > 0.5 else []
            count += 1
    print(f"{count} pieces, {len(speech)} with speech, from {min(speech, default=0):.2f} s to {max(speech, default=0):.2f} s; "
          f"the largest difference from PyTorch is {largest:.2g}")
    return 0 if largest < 1e-3 else 3


if __name__ == "__main__":
    sys.exit(main())
