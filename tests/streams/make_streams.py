#!/usr/bin/env python3
"""Writes the nets of streams.cases, traced by torch 1.13 with their sample inside: x [1, channels, 48], time last, unless said."""
import os
import pathlib
import runpy
import sys

os.chdir(pathlib.Path(__file__).parent)

import torch
import torch.nn.functional as F
from torch import nn

# What a file holds of its source are relative paths.
save = runpy.run_path("../../tools/python/torch2nnef/trace_model.py")["save"]


class Causal(nn.Module):
    """A convolution that sees the past only."""

    def __init__(self, into, out, kernel, dilation=1, groups=1):
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.conv = nn.Conv1d(into, out, kernel, dilation=dilation, groups=groups)

    def forward(self, x):
        return self.conv(F.pad(x, (self.past, 0)))


class Residual(nn.Module):
    """Temporal convolutions with growing dilation, each added to what it reads."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Causal(4, 4, 3, 2 ** i) for i in range(3))

    def forward(self, x):
        for layer in self.layers:
            x = x + torch.relu(layer(x))
        return x


class Gated(nn.Module):
    """The gate of WaveNet."""

    def __init__(self):
        super().__init__()
        self.filter, self.gate = Causal(3, 4, 2, 2), Causal(3, 4, 2, 2)

    def forward(self, x):
        return torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x))


class Recurrent(nn.Module):
    """Time is axis 1."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.out = layer, nn.Linear(6, 2)

    def forward(self, x):
        return self.out(self.layer(x)[0])


class OverTime(nn.Module):
    """A layer over features, for x [1, T, features]."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Spectrum(nn.Module):
    """Frames of a signal, the magnitudes of their Fourier transform, mel-like bands, and a causal net over frames."""

    def __init__(self):
        super().__init__()
        frame, hop = 16, 8
        n, k = torch.arange(frame), torch.arange(frame // 2 + 1)
        angle = 2 * torch.pi * n[None] * k[:, None] / frame
        window = torch.hann_window(frame)
        self.register_buffer("real", (torch.cos(angle) * window)[:, None])
        self.register_buffer("imag", (torch.sin(angle) * window)[:, None])
        self.hop = hop
        self.bands = nn.Conv1d(9, 5, 1)
        self.net, self.out = Causal(5, 6, 3), nn.Conv1d(6, 3, 1)

    def forward(self, x):
        real, imag = (F.conv1d(x, part, stride=self.hop) for part in (self.real, self.imag))
        bands = torch.log(1e-3 + F.relu(self.bands(real * real + imag * imag)))
        return self.out(torch.relu(self.net(bands)))


class Enhance(nn.Module):
    """Speech enhancement: a mask on the Fourier transform of frames, which overlap and are added again."""

    def __init__(self):
        super().__init__()
        frame, self.hop = 16, 8
        basis = torch.fft.rfft(torch.eye(frame), dim=1)
        window = torch.hann_window(frame).sqrt()
        forward = torch.cat([basis.real, basis.imag], 1).T * window
        inverse = torch.linalg.pinv(torch.cat([basis.real, basis.imag], 1).T).T * window
        self.register_buffer("forward_basis", forward[:, None])
        self.register_buffer("inverse_basis", inverse[:, None])
        self.mask = Causal(9, 9, 3)

    def forward(self, x):
        spectrum = F.conv1d(x, self.forward_basis, stride=self.hop)
        real, imag = spectrum[:, :9], spectrum[:, 9:]
        mask = torch.sigmoid(self.mask(torch.sqrt(real * real + imag * imag + 1e-6)))
        return F.conv_transpose1d(torch.cat([real * mask, imag * mask], 1), self.inverse_basis, stride=self.hop)


class FourierMask(nn.Module):
    """Speech enhancement by torch.stft: a mask on its bins, and frames that overlap and are added again."""

    def __init__(self):
        super().__init__()
        window, bins = torch.hann_window(16).sqrt(), torch.eye(9)
        back = torch.cat([torch.fft.irfft(bins), torch.fft.irfft(1j * bins)]) * window
        self.register_buffer("window", window)
        self.register_buffer("back", back[:, None])
        self.mask = Causal(9, 9, 3)

    def forward(self, x):
        z = torch.stft(x[0], 16, 8, window=self.window, center=False, return_complex=True)
        z = z * torch.sigmoid(self.mask(z.abs()))
        return F.conv_transpose1d(torch.cat([z.real, z.imag], 1), self.back, stride=8)


class Keywords(nn.Module):
    """Keyword spotting on features: a strided convolution, a recurrent layer, and scores for each frame."""

    def __init__(self):
        super().__init__()
        self.conv, self.layer, self.out = nn.Conv1d(4, 6, 4, stride=2), nn.GRU(6, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        y = torch.relu(self.conv(x)).transpose(1, 2)
        return torch.softmax(self.out(self.layer(y)[0]), 2)


class Splice(nn.Module):
    """Each frame beside its neighbours, as acoustic models take it."""

    def __init__(self):
        super().__init__()
        self.out = nn.Conv1d(9, 4, 1)

    def forward(self, x):
        return self.out(torch.cat([x[:, :, :-4], x[:, :, 2:-2], x[:, :, 4:]], 1))


class Image(nn.Module):
    """Two-dimensional convolutions over [1, 1, T, 8]; time is axis 2."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, stride=(1, 2)), nn.Conv2d(3, 2, (2, 3))

    def forward(self, x):
        return self.second(torch.relu(self.first(x))).flatten(3)


class Window(nn.Module):
    """Attention of each frame to itself and the three before it."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Conv1d(4, 4, 1) for _ in range(3))

    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        past = [F.pad(part, (3, 0)) for part in (k, v)]
        keys, values = ([part[:, :, i:i + x.shape[2]] for i in range(4)] for part in past)
        scores = torch.stack([(q * key).sum(1) for key in keys], 1).softmax(1)
        return sum(scores[:, i:i + 1] * value for i, value in enumerate(values))


class Glu(nn.Module):
    """The convolution module of a Conformer, causal."""

    def __init__(self):
        super().__init__()
        self.first, self.deep, self.norm, self.last = (nn.Conv1d(4, 8, 1), Causal(4, 4, 5, groups=4), nn.BatchNorm1d(4),
                                                       nn.Conv1d(4, 4, 1))

    def forward(self, x):
        return x + self.last(F.silu(self.norm(self.deep(F.glu(self.first(x), 1)))))


class Call(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def recurrent(x, layer):
    return layer(x)[0]


def global_mean(x, conv):
    y = conv(x)
    return y - y.mean(2, keepdim=True)


def global_maximum(x, conv):
    return conv(x) / conv(x).amax(2, keepdim=True)


def attention(x, q, k, v):
    weights = torch.softmax(q(x).transpose(1, 2) @ k(x), 2)
    return v(x) @ weights.transpose(1, 2)


def softmax_over_time(x, conv):
    return torch.softmax(conv(x), 2) * x


def turned_round(x, conv):
    return conv(x.flip(2)).flip(2)


def last_frame(x, conv):
    return conv(x)[:, :, -1]


def minus_the_last(x, conv):
    y = conv(x)
    return y - y[:, :, -1:]


def sorted_frames(x, conv):
    return conv(x).sort(2)[0]


def squeezed(x, conv, gate):
    y = conv(x)
    return y * torch.sigmoid(gate(F.adaptive_avg_pool1d(y, 1)))


def scores_of_all(x, conv, out):
    return out(conv(x).mean(2))


def conv(kernel=3, **more):
    return nn.Conv1d(3, 4, kernel, **more)


def streaming_nets():
    time_last, time_first = (3, 48), (48, 5)
    yield "pointwise", nn.Sequential(conv(1), nn.ReLU(), nn.Conv1d(4, 2, 1)), time_last
    yield "causal", Causal(3, 4, 3), time_last
    yield "dilated", nn.Sequential(Causal(3, 4, 3), nn.ReLU(), Causal(4, 4, 3, 2), nn.ReLU(), Causal(4, 2, 3, 4)), time_last
    yield "looks_ahead", nn.Sequential(conv(5, padding=2), nn.Tanh()), time_last
    yield "valid", nn.Sequential(conv(4), nn.ReLU(), nn.Conv1d(4, 4, 3)), time_last
    yield "strided", nn.Sequential(conv(4, stride=2), nn.ReLU(), nn.Conv1d(4, 4, 4, stride=2)), time_last
    yield "depthwise", nn.Sequential(nn.Conv1d(3, 3, 3, groups=3), nn.BatchNorm1d(3), nn.ReLU(), conv(1)), time_last
    yield "residual", Residual(), (4, 48)
    yield "gated", Gated(), time_last
    yield "glu", Glu(), (4, 48)
    yield "lstm", Recurrent(nn.LSTM(5, 6, batch_first=True)), time_first
    yield "gru", Recurrent(nn.GRU(5, 6, batch_first=True)), time_first
    yield "rnn", Recurrent(nn.RNN(5, 6, batch_first=True)), time_first
    yield "deep_lstm", Recurrent(nn.LSTM(5, 6, num_layers=2, batch_first=True)), time_first
    yield "features", OverTime(nn.LayerNorm(5), nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3), nn.Softmax(2)), time_first
    yield "transposed", nn.Sequential(conv(1), nn.ReLU(), nn.ConvTranspose1d(4, 2, 4, stride=2)), time_last
    yield "down_and_up", nn.Sequential(conv(4, stride=2), nn.ReLU(), nn.ConvTranspose1d(4, 2, 4, stride=2)), time_last
    yield "mean_pool", nn.Sequential(conv(1), nn.AvgPool1d(4, 2)), time_last
    yield "max_pool", nn.Sequential(conv(1), nn.MaxPool1d(2, 2)), time_last
    yield "splice", Splice(), time_last
    yield "image", Image(), (1, 48, 8)
    yield "window_attention", Window(), (4, 48)
    yield "spectrum", Spectrum(), (1, 192)
    yield "enhance", Enhance(), (1, 192)
    yield "keywords", Keywords(), (4, 48)
    yield "stft", FourierMask(), (1, 192)


def refused_nets():
    time_last, time_first = (3, 48), (48, 5)
    yield "both_ways_lstm", Call(recurrent, nn.LSTM(5, 6, batch_first=True, bidirectional=True)), time_first
    yield "both_ways_gru", Call(recurrent, nn.GRU(5, 6, batch_first=True, bidirectional=True)), time_first
    yield "global_mean", Call(global_mean, conv(1)), time_last
    yield "global_maximum", Call(global_maximum, conv(1)), time_last
    yield "attention", Call(attention, conv(1), conv(1), conv(1)), time_last
    yield "softmax_over_time", Call(softmax_over_time, nn.Conv1d(3, 3, 1)), time_last
    yield "turned_round", Call(turned_round, conv()), time_last
    yield "last_frame", Call(last_frame, conv()), time_last
    yield "minus_the_last", Call(minus_the_last, conv()), time_last
    yield "sorted_frames", Call(sorted_frames, conv(1)), time_last
    yield "instance_norm", nn.Sequential(conv(1), nn.InstanceNorm1d(4)), time_last
    yield "squeezed", Call(squeezed, conv(1), nn.Conv1d(4, 4, 1)), time_last
    yield "scores_of_all", Call(scores_of_all, conv(1), nn.Linear(4, 2)), time_last


def main():
    for nets in (streaming_nets, refused_nets):
        torch.manual_seed(0)
        for name, net, shape in nets():
            axis = 1 + shape.index(max(shape))
            save(net.eval(), (torch.randn(1, *shape),), f"{name}.pt",
                             dynamic={net.forward.__code__.co_varnames[1]: {axis: "T"}})


if __name__ == "__main__":
    again = "import runpy; runpy.run_path('make_streams.py', run_name='relative')"
    os.execv(sys.executable, [sys.executable, "-c", again])
elif __name__ == "relative":
    main()
