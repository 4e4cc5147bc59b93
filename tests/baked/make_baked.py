"""Makes the models of this folder: NAME.pt for every line of baked.cases (python3-torch, any version from 1.13 on).

    make_baked.py [NAME...]

Each class below bakes the size of an axis in, the way people do; the line to change ends in `# baked`. Those at the end
are some of them put right.
"""
import os
import subprocess
import sys
import warnings
from typing import Dict, List

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FOLDER = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.basename(__file__)
B, S, D = 4, 5, 6  # batch, sequence and width of the sample
MODELS = {}


def traced(*sizes):
    def add(cls):
        MODELS[cls.__name__] = (cls, [torch.rand(size) for size in sizes], True)
        return cls
    return add


def scripted(*sizes):
    def add(cls):
        MODELS[cls.__name__] = (cls, [torch.rand(size) for size in sizes], False)
        return cls
    return add


def weight(*size):
    return torch.linspace(-1, 1, int(torch.tensor(size).prod())).mul(7).sin().reshape(size)


# --- shapes that are numbers ---

@traced((B, S, D))
class view_of_numbers(nn.Module):
    def forward(self, x):
        return (x * 2).view(4, 30)  # baked


@traced((B, S, D))
class view_of_an_int(nn.Module):
    def forward(self, x):
        batch = int(x.shape[0])
        return torch.relu(x - 0.5).view(batch, 30)  # baked


@traced((2, S, D))
class reshape_of_the_sequence(nn.Module):
    def forward(self, x):
        return x.reshape(-1, 5, 6).sum(0)  # baked


@traced((B, S, D))
class heads_by_number(nn.Module):
    def forward(self, x):
        return x.view(4, 5, 2, 3).transpose(1, 2)  # baked


@traced((B, S, D))
class reshape_after_transpose(nn.Module):
    def forward(self, x):
        return x.transpose(0, 1).reshape(5, 24)  # baked


@traced((1, 3, 8, 8))
class windows_by_number(nn.Module):
    def forward(self, x):
        return x.view(1, 3, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5)  # baked


@traced((B, S))
class expand_to_numbers(nn.Module):
    def forward(self, x):
        return x.unsqueeze(1).expand(4, 3, 5)  # baked


@traced((B, S, D))
class repeat_by_number(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(weight(1, 1, D))

    def forward(self, x):
        return torch.cat([self.token.repeat(4, 1, 1), x], 1)  # baked


@traced((B, S, D))
class new_zeros_of_numbers(nn.Module):
    def forward(self, x):
        return torch.cat([x, x.new_zeros(4, 1, 6)], 1)  # baked


@traced((B, S, D))
class full_of_numbers(nn.Module):
    def forward(self, x):
        return torch.cat([torch.full((4, 1, 6), 0.5), x], 1)  # baked


@traced((B, S))
class fill_of_len(nn.Module):
    def forward(self, x):
        return torch.cat([x, torch.zeros(int(len(x)), 1)], 1)  # baked


@traced((1, 12, 9))
class fold_to_numbers(nn.Module):
    def forward(self, x):
        return F.fold(x, (4, 4), (2, 2))  # baked


@traced((B, S, D))
class strided_by_hand(nn.Module):
    def forward(self, x):
        return torch.as_strided(x * 2, (4, 6), (30, 1))  # baked


# --- tables and weights of the sample's size ---

@traced((B, S, D))
class position_table(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(weight(S, D))

    def forward(self, x):
        return x + self.table  # baked


@traced((B, S, D))
class position_embedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(16, D)

    def forward(self, x):
        places = self.embed(torch.arange(5))
        return x * 0.5 + places  # baked


@traced((B, S, D))
class arange_of_an_int(nn.Module):
    def forward(self, x):
        places = torch.arange(int(x.shape[1])).float()
        return x + places.unsqueeze(1)  # baked


@traced((B, S, S))
class causal_mask_buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.tril(torch.ones(S, S)) == 0)

    def forward(self, x):
        return x.masked_fill(self.mask, -10.0).softmax(-1)  # baked


@traced((B, S, S))
class causal_mask_made_in_forward(nn.Module):
    def forward(self, x):
        mask = torch.tril(torch.ones(5, 5))
        return x * mask  # baked


@traced((B, S))
class where_with_a_table(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("keep", torch.arange(S) % 2 == 0)

    def forward(self, x):
        return torch.where(self.keep, x, -x)  # baked


@traced((B, S, D))
class mixing_weight(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Parameter(weight(S, S))

    def forward(self, x):
        return torch.einsum("bsd,st->btd", x, self.mix)  # baked


@traced((B, S))
class matrix_over_the_axis(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(weight(S, 7))

    def forward(self, x):
        return torch.relu(x @ self.weight)  # baked


@traced((B, S, D))
class batch_of_matrices(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(weight(B, D, 3))

    def forward(self, x):
        return torch.bmm(x, self.weight)  # baked


@traced((B, 3, 8, 8))
class linear_after_flatten(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(weight(10, 192) / 8)

    def forward(self, x):
        x = torch.relu(x - 0.5).flatten(1)
        return x.matmul(self.weight.t())  # baked


@traced((B, S, D))
class norm_over_the_sequence(nn.Module):
    def forward(self, x):
        return torch.layer_norm(x, [5, 6])  # baked


@traced((B, S))
class norm_of_features(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", weight(S))
        self.register_buffer("var", weight(S).abs() + 0.5)

    def forward(self, x):
        return torch.batch_norm(x, None, None, self.mean, self.var, False, 0.1, 1e-5, False)  # baked


@traced((B, S))
class bias_of_rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(weight(B, 3))
        self.weight = nn.Parameter(weight(S, 3))

    def forward(self, x):
        return torch.addmm(self.bias, x, self.weight)  # baked


@traced((S, B, 3))
class state_of_a_batch(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 6)
        self.register_buffer("state", weight(1, B, 6))

    def forward(self, x):
        return self.rnn(x, self.state)[0]  # baked


@traced((B, S))
class gather_by_a_table(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("places", torch.arange(B).unsqueeze(1) % S)

    def forward(self, x):
        first = x.gather(1, self.places)
        return x - first  # baked


# --- counts that are numbers ---

@traced((B, 6, D))
class split_in_known_pieces(nn.Module):
    def forward(self, x):
        a, b = x.split(3, 1)  # baked
        return a * b


@traced((3, D))
class unbind_of_the_batch(nn.Module):
    def forward(self, x):
        a, b, c = x.unbind(0)  # baked
        return a * b - c


@traced((3, D))
class loop_over_the_batch(nn.Module):
    def forward(self, x):
        total = torch.zeros(D)
        for row in x:  # baked
            total = torch.tanh(total + row)
        return total


@traced((B, S, D))
class stack_of_known_rows(nn.Module):
    def forward(self, x):
        rows = torch.stack([x[:, i] * (i + 1) for i in range(x.shape[1])], 1)
        return rows + x  # baked


@traced((B, S))
class first_items_beside_all(nn.Module):
    def forward(self, x):
        return x[:, :5] * x  # baked


@traced((1, 3, 8, 8))
class resize_beside_the_input(nn.Module):
    def forward(self, x):
        small = F.avg_pool2d(x, 2)
        return F.interpolate(small, size=(8, 8)) + x  # baked


@traced((1, 3, 4, 4))
class adaptive_pool_beside_the_input(nn.Module):
    def forward(self, x):
        return x - F.adaptive_avg_pool2d(x, (4, 4))  # baked


# --- control flow of scripts ---

@scripted((B, S))
class branch_on_a_size(nn.Module):
    def forward(self, x):
        if x.size(1) > 4:  # baked
            x = x * 2.0
        return x + 1.0


@scripted((B, S))
class branch_on_a_product(nn.Module):
    def forward(self, x):
        n = x.size(0) * x.size(1)
        if n > 20:  # baked
            return x.neg()
        return x.abs()


@scripted((B, S))
class assert_of_the_size(nn.Module):
    def forward(self, x):
        assert x.size(1) == 5  # baked
        return x * 2.0


@scripted((B, S))
class early_return(nn.Module):
    def forward(self, x):
        if x.size(0) < 4:  # baked
            return x
        return x.flip(0)


@scripted((B, S))
class counting_loop(nn.Module):
    def forward(self, x):
        n = 0
        for i in range(x.size(1)):  # baked
            n += i
        return x * n


@scripted((B, S))
class while_it_is_long(nn.Module):
    def forward(self, x):
        while x.size(1) > 2:  # baked
            x = x[:, 1:] + x[:, :-1]
        return x


@scripted((S, D))
class loop_that_fills_a_tensor(nn.Module):
    def forward(self, x):
        out = torch.zeros(5, 6)
        for i in range(x.size(0)):  # baked
            out[i] = x[i] * 2.0
        return out


@scripted((S, D))
class loop_with_odd_rounds(nn.Module):
    def forward(self, x):
        total = torch.zeros(6)
        for i in range(x.size(0)):
            if i % 2 == 1:  # baked
                total = total + x[i]
        return total


@scripted((S, D))
class loop_into_a_dict(nn.Module):
    def forward(self, x):
        rows: Dict[int, Tensor] = {}
        for i in range(x.size(0)):  # baked
            rows[i] = x[i]
        return rows[0] + rows[1]


@scripted((B, S))
class pieces_of_known_length(nn.Module):
    def forward(self, x):
        pieces: List[Tensor] = []
        for piece in torch.split(x, 2, 1):  # baked
            pieces.append(piece.sum(1))
        return torch.stack(pieces)


# --- put right: these are exported ---

@traced((B, S, D))
class right_view(nn.Module):
    def forward(self, x):
        return (x * 2).view(x.shape[0], -1)


@traced((B, S, D))
class right_heads(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0], x.shape[1], 2, 3).transpose(1, 2)


@traced((B, S, D))
class right_token(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(weight(1, 1, D))

    def forward(self, x):
        return torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)


@traced((B, S, D))
class right_zeros(nn.Module):
    def forward(self, x):
        return torch.cat([x, x.new_zeros(x.shape[0], 1, x.shape[2])], 1)


@traced((B, S, D))
class right_positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(weight(64, D))

    def forward(self, x):
        return x + self.table[: x.shape[1]]


@traced((B, S, D))
class right_arange(nn.Module):
    def forward(self, x):
        return x + torch.arange(x.shape[1]).float().unsqueeze(1)


@traced((B, S, S))
class right_causal_mask(nn.Module):
    def forward(self, x):
        n = x.shape[1]
        return x.masked_fill(torch.tril(torch.ones(n, n)) == 0, -10.0).softmax(-1)


@traced((B, 3, 8, 8))
class right_head(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 10)

    def forward(self, x):
        return self.linear(F.adaptive_avg_pool2d(torch.relu(x - 0.5), 1).flatten(1))


@traced((S, B, 3))
class right_state(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 6)
        self.register_buffer("state", weight(1, 1, 6))

    def forward(self, x):
        return self.rnn(x, self.state.expand(1, x.shape[1], 6).contiguous())[0]


@traced((B, 6, D))
class right_halves(nn.Module):
    def forward(self, x):
        half = x.shape[1] // 2
        return x[:, :half].sum(1) * x[:, half:].sum(1)


@traced((1, 3, 8, 8))
class right_resize(nn.Module):
    def forward(self, x):
        return F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0) - F.interpolate(x[:, :, ::2, ::2], scale_factor=2.0)


@scripted((S, D))
class right_loop(nn.Module):
    def forward(self, x):
        total = torch.zeros(6)
        rows: List[Tensor] = []
        for i in range(x.size(0)):
            total = torch.tanh(total + x[i])
            rows.append(total)
        return torch.stack(rows)


@scripted((B, S))
class right_length(nn.Module):
    def forward(self, x):
        return x.sum(1) / x.size(1)


@traced((1, 8, 8, 3))
class right_windows(nn.Module):
    """One window of 16 x 16 at all sizes that are recorded, and yet more at larger ones."""

    def forward(self, x):
        x = F.pad(x, (0, 0, 0, (16 - x.shape[2] % 16) % 16, 0, (16 - x.shape[1] % 16) % 16))
        b, h, w, c = x.shape
        windows = x.view(b, h // 16, 16, w // 16, 16, c).permute(0, 1, 3, 2, 4, 5)
        return torch.relu(windows.reshape(-1, 256, c) - 0.5).sum(1)


@traced((2, 3, 12))
class right_kernels(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(3, 4, 7)
        self.second = nn.Conv1d(4, 2, 5, stride=2)

    def forward(self, x):
        return self.second(torch.relu(self.first(x))).mean(2)


@traced((2, 12, 5))
class right_pieces(nn.Module):
    def forward(self, x):
        b, s, d = x.shape
        return torch.relu(x.reshape(b, s // 3, 3, d) - 0.5).sum(2)


# --- sizes that fail nowhere, or far from the sample ---

@traced((4, 9, 2))
class view_that_comes_out_even(nn.Module):
    def forward(self, x):
        return x.view(int(x.shape[0]), -1)  # baked


@traced((6, 3))
class sum_over_indices(nn.Module):
    def forward(self, x):
        total = torch.zeros(3)
        for row in range(x.shape[0]):
            total = total + torch.tanh(x[row]) * (row + 1)  # baked
        return total


@traced((6, 3))
class mean_by_len(nn.Module):
    def forward(self, x):
        return x.sum(0) / len(x)  # baked


@traced((B, S))
class mean_of_all_by_number(nn.Module):
    def forward(self, x):
        return x.sum() * 2 / float(x.shape[0] * x.shape[1])  # baked


@traced((8, D))
class right_table_to_its_end(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(weight(8, D))

    def forward(self, x):
        return x + self.table[:x.shape[0]]


@traced((6, D))
class right_last_rows(nn.Module):
    def forward(self, x):
        return x[-5:] * 2


@traced((2, 40, 3))
class right_last_frames(nn.Module):
    def forward(self, x):
        return x[:, -10:].mean(1)


@traced((2, 9))
class right_without_the_end(nn.Module):
    def forward(self, x):
        return x[:, :-3].sum(1)


@traced((2, 7))
class right_pad_to_a_length(nn.Module):
    def forward(self, x):
        return F.pad(x, (0, 12 - x.shape[1]))


@traced((16, 3))
class right_known_pieces(nn.Module):
    def forward(self, x):
        return torch.split(x, 6)


@traced((1, 3, 4, 6))
class right_patches(nn.Module):
    """The four items of a patch are as many as the sample has rows."""

    def forward(self, x):
        b, c, h, w = x.shape
        patches = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1)
        return torch.relu(patches.reshape(-1, 4, c) - 0.5).sum(1)


def main():
    warnings.simplefilter("ignore")
    for name, (cls, inputs, is_traced) in MODELS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        torch.manual_seed(0)
        module = cls().eval()
        made = torch.jit.trace(module, inputs) if is_traced else torch.jit.script(module)
        made.save(os.path.join(FOLDER, name + ".pt"))


if __name__ == "__main__":
    # The archives name their source by the path that the interpreter was given: only the file's name.
    os.chdir(FOLDER)
    again = f"import runpy; runpy.run_path('{SOURCE}', run_name='relative')"
    subprocess.run([sys.executable, "-c", again, *sys.argv[1:]], check=True)
elif __name__ == "relative":
    main()
