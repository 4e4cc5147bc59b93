#!/usr/bin/env python3
"""Makes digits.pt and digits.inputs.npz: a small convolutional net that reads handwritten digits, and images for it.

    python3 make_demo.py [--digits digits.csv.gz]

Needs PyTorch and numpy (Debian: python3-torch). The data are the 1797 images of 8x8 pixels that scikit-learn ships (UCI
Optical Recognition of Handwritten Digits, CC BY 4.0); without --digits they are read out of its PyPI package, which
is downloaded and not installed. The same machine makes the same files again. Prints the accuracy on images that were
not trained on.
"""
import argparse
import gzip
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
TRAINED_ON = 1437  # the first 80 %: other people wrote the rest
EPOCHS = 30


class Digits(nn.Module):
    """8x8 grey image in [0, 1] -> logits of the ten digits."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 10))

    def forward(self, image):
        return self.classifier(self.features(image))


def read_digits(path):
    """(images [1797, 1, 8, 8] in [0, 1], labels [1797])"""
    if path:
        packed = pathlib.Path(path).read_bytes()
    else:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                            "--dest", folder, "scikit-learn"], check=True)
            with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as wheel:
                packed = wheel.read("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(io.BytesIO(gzip.decompress(packed)), delimiter=",", dtype=np.float32)
    return torch.tensor(table[:, :-1] / 16).reshape(-1, 1, 8, 8), torch.tensor(table[:, -1]).long()


def train(model, images, labels):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        order = torch.randperm(len(images))
        for batch in order.split(64):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--digits", help="scikit-learn's digits.csv.gz")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = read_digits(arguments.digits)
    model = Digits()
    train(model, images[:TRAINED_ON], labels[:TRAINED_ON])
    model.eval()
    unseen, truth = images[TRAINED_ON:], labels[TRAINED_ON:]
    with torch.no_grad():
        accuracy = (model(unseen).argmax(1) == truth).float().mean().item()
        sample = unseen[:4].clone()
        torch.jit.trace(model, sample).save(str(HERE / "digits.pt"))
    np.savez(HERE / "digits.inputs.npz", image=sample.numpy())
    size = (HERE / "digits.pt").stat().st_size
    print(f"accuracy on {len(unseen)} images not trained on: {100 * accuracy:.1f} %; digits.pt has {size} bytes; the "
          f"four sample images are the digits {truth[:4].tolist()}")


if __name__ == "__main__":
    # In a process that knows the file by its name alone: archives hold source positions, which shall name no machine.
    again = "import runpy; runpy.run_path('make_demo.py', run_name='relative')"
    sys.exit(subprocess.run([sys.executable, "-c", again, *sys.argv[1:]], cwd=HERE).returncode)
elif __name__ == "relative":
    main()
