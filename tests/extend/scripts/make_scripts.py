"""Makes the scripts of this folder: NAME.pt, and NAME.0.npz, NAME.1.npz ... with inputs that take each way through it
and what eager PyTorch gives for them (python3-torch, any version from 1.13 on).

    make_scripts.py [NAME...]

Control flow that the values of an input decide. Classes under @exported hold for every input; those under @refused
cannot, and are refused at the line that ends in `# refused`, in a message that names the line as well where the branch or
loop is, or where its condition was read (`# refused anyway`: whatever the branch is).
"""
import os
import subprocess
import sys
import warnings
from typing import Dict, List, Optional, Tuple

import numpy
import torch
from torch import Tensor, nn
from torch.nn import functional as F

FOLDER = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.basename(__file__)
MODELS = {}

POSITIVE = torch.tensor([[0.5, 1.0, -0.25], [2.0, 0.75, 3.0]])
NEGATIVE = torch.tensor([[-0.5, -1.0, 0.25], [-2.0, 0.125, -3.0]])
SMALL = POSITIVE / 16


def exported(*inputs):
    def add(cls):
        MODELS[cls.__name__] = (cls, [one if isinstance(one, tuple) else (one,) for one in inputs])
        return cls
    return add


def refused(*inputs):
    return exported(*inputs)


# --- branches ---

@exported(POSITIVE, NEGATIVE)
class if_else(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):
            return torch.tanh(x)
        return x.abs() + 1


@exported(POSITIVE, NEGATIVE)
class if_without_else(nn.Module):
    def forward(self, x):
        y = x * 2
        if bool(x.mean() < 0):
            y = y.neg() + x
        return y


@exported(POSITIVE, NEGATIVE, SMALL)
class elif_chain(nn.Module):
    def forward(self, x):
        size = x.abs().max()
        if bool(size > 2.5) and bool(x.sum() > 0):
            return x / size
        elif bool(size > 1):
            return x * 0.5
        else:
            return x * 4


@exported(POSITIVE, NEGATIVE)
class number_chosen(nn.Module):
    def forward(self, x):
        scale = 2.0
        if float(x[0, 0]) < 0:
            scale = 0.5
        return x * scale + scale


@exported(POSITIVE, NEGATIVE)
class integer_chosen(nn.Module):
    def forward(self, x):
        count = 1
        if bool((x > 0).sum() > 3):
            count = 4
        return x + count


@exported(POSITIVE, NEGATIVE, SMALL)
class nested_branches(nn.Module):
    def forward(self, x):
        total = x.sum()
        if bool(total > 0):
            if bool(total > 2):
                y = torch.sqrt(x.abs())
            else:
                y = x * x
            y = y + 1
        else:
            y = torch.exp(x)
        return y * 3


@exported(POSITIVE, NEGATIVE)
class early_return(nn.Module):
    def forward(self, x):
        if bool(x.max() > 2):
            return x.clamp(0.0, 1.0)
        y = torch.sin(x)
        if bool(y.sum() > 0):
            return y
        return y.neg()


@exported((POSITIVE, NEGATIVE), (NEGATIVE, POSITIVE))
class tuple_of_branch(nn.Module):
    def forward(self, a, b):
        if bool(a.sum() > b.sum()):
            first, second = a * 2, b
        else:
            first, second = b, a + 1
        return first, second


@exported(POSITIVE, NEGATIVE)
class list_of_branch(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):
            parts = [x, x * 2]
        else:
            parts = [x.neg(), x + 3]
        return torch.cat(parts, 1)


@exported(POSITIVE, NEGATIVE)
class linear_by_branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 4)
        self.other = nn.Linear(3, 4)

    def forward(self, x):
        if bool(x.mean() > 0):
            return self.one(x)
        return torch.relu(self.other(x))


@exported(POSITIVE, NEGATIVE)
class call_in_branch(nn.Module):
    def scaled(self, x: Tensor, by: float) -> Tensor:
        if bool(x.abs().sum() > 6.8):
            return x * by
        return x / by

    def forward(self, x):
        if bool(x[1, 2] > 0):
            return self.scaled(x, 2.0)
        return self.scaled(x + 1, 4.0)


@exported(POSITIVE, NEGATIVE)
class own_tensor_written(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):
            y = torch.zeros(2, 3)
            y[0] = x[1]
        else:
            y = x.clone()
            y[:, 1] += 5
        return y


@exported(POSITIVE, NEGATIVE)
class flag_computed(nn.Module):
    def forward(self, x):
        high = float(x.max()) > 2.0
        low = float(x.min()) < -2.0
        if high or low:
            x = x * 0.25
        if not high:
            x = x + 1
        return x


@exported((POSITIVE, torch.tensor(True)), (POSITIVE, torch.tensor(False)))
class mask_as_argument(nn.Module):
    def forward(self, x, use: Tensor):
        if bool(use):
            x = F.softmax(x, 1)
        return x * 2


@exported(POSITIVE, NEGATIVE)
class check_that_raises(nn.Module):
    def forward(self, x):
        if bool(torch.isnan(x).any()):
            raise ValueError("not a number")
        return torch.log1p(x.abs())


# --- loops ---

@exported(POSITIVE, SMALL, NEGATIVE)
class while_with_counter(nn.Module):
    def forward(self, x):
        n = 0
        while bool(x.abs().max() > 0.5) and n < 6:
            x = x * 0.5
            n += 1
        return x, torch.tensor(n)


@exported(POSITIVE, SMALL, NEGATIVE)
class while_that_is_bounded(nn.Module):  # exported with --max-iterations 8
    def forward(self, x):
        while bool(x.abs().sum() > 1):
            x = x * 0.6
        return x


@exported(POSITIVE, SMALL, NEGATIVE)
class range_with_break(nn.Module):
    def forward(self, x):
        total = torch.zeros(3)
        for i in range(5):
            total = total + x[0] * float(i + 1)
            if bool(total.abs().sum() > 4):
                break
        return total


@exported((POSITIVE, torch.tensor(3)), (POSITIVE, torch.tensor(0)), (NEGATIVE, torch.tensor(5)))
class range_of_data(nn.Module):  # exported with --max-iterations 5
    def forward(self, x, n: Tensor):
        y = x
        for i in range(int(n)):
            y = y * 0.5 + float(i)
        return y


@exported(POSITIVE, NEGATIVE, SMALL)
class loop_around_branch(nn.Module):
    def forward(self, x):
        for _ in range(3):
            if bool(x.sum() > 1):
                x = x * 0.5
            else:
                x = x + 0.25
        return x


@exported(POSITIVE, NEGATIVE)
class continue_in_loop(nn.Module):
    def forward(self, x):
        total = torch.zeros(2)
        for i in range(3):
            column = x[:, i]
            if bool(column.sum() < 0):
                continue
            total = total + column
        return total


@exported(POSITIVE, SMALL)
class newton(nn.Module):  # exported with --max-iterations 12
    def forward(self, x):
        target = x.abs().sum() + 1
        guess = target
        while bool((guess * guess - target).abs() > 1e-3):
            guess = (guess + target / guess) / 2
        return guess * x


# --- refused ---

@refused(POSITIVE)
class shapes_differ(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):  # refused
            return x
        return x[0]


@refused(POSITIVE)
class dtypes_differ(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):  # refused
            y = x
        else:
            y = x.double()
        return y * 2


@refused(POSITIVE)
class none_or_tensor(nn.Module):
    def forward(self, x):
        y: Optional[Tensor] = None
        if bool(x.sum() > 0):  # refused
            y = x * 2
        if y is not None:
            x = x + y
        return x


@refused(POSITIVE)
class outer_tensor_written(nn.Module):
    def forward(self, x):
        y = x * 2
        if bool(x.sum() > 0):
            y[0] = 1.0  # refused
        return y


@refused(POSITIVE)
class input_written(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):
            x.mul_(2.0)  # refused
        return x


@refused(POSITIVE)
class list_appended(nn.Module):
    def forward(self, x):
        parts = [x]
        if bool(x.sum() > 0):  # refused
            parts.append(x * 2)
        return torch.cat(parts)


@refused(POSITIVE)
class dict_filled(nn.Module):
    def forward(self, x):
        found: Dict[str, Tensor] = {"x": x}
        if bool(x.sum() > 0):  # refused
            found["y"] = x * 2
        return found["x"] * len(found)


@refused(POSITIVE)
class lengths_differ(nn.Module):
    def forward(self, x):
        if bool(x.sum() > 0):  # refused
            parts = [x, x]
        else:
            parts = [x]
        return torch.cat(parts)


@refused(POSITIVE)
class attribute_written(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, x):
        if bool(x.sum() > 0):  # refused
            self.count += 1
        return x * 2


@refused(POSITIVE)
class random_side(nn.Module):
    def forward(self, x):
        if bool(x.sum() < 0):
            return x + torch.rand(2, 3)  # refused anyway
        return x


@refused(POSITIVE)
class table_by_data(nn.Module):
    def forward(self, x):
        table = x.flatten()
        place = (x.sum() * 10).long()
        if bool(place < 6):
            return table.index_select(0, place.reshape(1))  # refused
        return table[:1]


@refused((POSITIVE, torch.tensor(4)))
class integers_divided(nn.Module):
    def forward(self, x, n: Tensor):
        share = torch.tensor(12)
        if bool(n > 0):
            share = torch.div(share, n, rounding_mode="floor")  # refused
        return x * share


@refused(POSITIVE)
class other_side_fails(nn.Module):
    def forward(self, x):
        if bool(x.sum() < 0):
            return x @ x  # refused
        return x


@refused(POSITIVE)
class size_from_number(nn.Module):
    def forward(self, x):
        n = 2
        if bool(x.sum() > 0):
            n = 3
        return torch.zeros(n) + x.sum()  # refused


@refused(POSITIVE)
class mode_from_data(nn.Module):
    def forward(self, x):
        mode = "linear"
        if bool(x.sum() > 0):  # refused
            mode = "nearest"
        return F.interpolate(x.unsqueeze(0), scale_factor=2.0, mode=mode)


@refused(POSITIVE)
class while_without_bound(nn.Module):
    def forward(self, x):
        while bool(x.abs().sum() > 1):  # refused
            x = x * 0.6
        return x


@refused(POSITIVE)
class bound_too_small(nn.Module):  # with --max-iterations 3
    def forward(self, x):
        while bool(x.abs().sum() > 1):  # refused
            x = x * 0.6
        return x


@refused(POSITIVE)
class while_that_appends(nn.Module):
    def forward(self, x):
        parts: List[Tensor] = []
        while bool(x.abs().sum() > 1):  # refused
            x = x * 0.5
            parts.append(x)
        return torch.stack(parts)


@refused(POSITIVE)
class while_that_grows(nn.Module):
    def forward(self, x):
        y = x
        while bool(y.abs().sum() < 20):  # refused
            y = torch.cat([y, y])
        return y.sum(0)


@refused(POSITIVE)
class while_in_place(nn.Module):
    def forward(self, x):
        y = x * 1
        while bool(y.abs().sum() > 1):
            y *= 0.5  # refused
        return y


@refused((POSITIVE, torch.tensor(3)))
class list_by_data(nn.Module):
    def forward(self, x, n: Tensor):
        parts: List[Tensor] = []
        for i in range(int(n)):  # refused
            parts.append(x * float(i))
        return torch.cat(parts)


@refused(POSITIVE)
class shared_then_written(nn.Module):
    def forward(self, x):
        y = x * 1
        z = x * 2
        if bool(x.sum() > 0):
            z = y
        z += 1  # refused
        return y + z


class Growing(nn.Module):  # growing.pt: its state is longer after every call
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(0, 4))

    def forward(self, x):
        self.cache = torch.cat([self.cache, x])
        return self.cache.sum(0)


# --- sizes that change: with flags in scripts.cases ---

import math  # noqa: E402: the lines above are named in the archives

LONG = torch.linspace(-1, 1, 24).reshape(2, 3, 4).sin()
LONGER = torch.linspace(-2, 1, 60).reshape(3, 5, 4).cos()


@exported(LONG, LONGER)
class sizes_compared(nn.Module):  # nn.LSTM compares lists of sizes, and says what is wrong by str.format
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 3, batch_first=True, bidirectional=True)

    def forward(self, x):
        state: Optional[Tuple[Tensor, Tensor]] = None
        if x.shape[1:] == [0, 4]:
            raise ValueError("nothing of {} rows".format(x.size(0)))
        text = "{} by {}".format("rows", 4)
        warnings.warn(text)
        return self.rnn(x, state)[0] * float(len(text))


@exported(LONG, LONGER)
class numbers_of_sizes(nn.Module):
    def forward(self, x):
        rows = x.size(1)
        return x * math.sqrt(rows) + math.log(rows + 1.0) / (2.0 * x.size(0)) + 1.0 / rows


@exported((LONG, LONG[:, :, 0] > 0), (LONGER, LONGER[:, :, 1] > 0))
class loop_with_constants(nn.Module):  # logsumexp and where need constants of their own in every round
    def __init__(self):
        super().__init__()
        self.steps = nn.Parameter(torch.linspace(-1, 1, 16).reshape(4, 4))

    def forward(self, x, mask: Tensor):
        score = x[:, 0]
        for i in range(1, x.size(1)):
            longer = torch.logsumexp(score.unsqueeze(2) + self.steps + x[:, i].unsqueeze(1), dim=1)
            score = torch.where(mask[:, i].unsqueeze(1), longer, score)
        return score


# --- packed sequences, as a trace has them ---

TRACED = set()


def traced(*inputs):
    def add(cls):
        TRACED.add(cls.__name__)
        return exported(*inputs)(cls)
    return add


PADDED = torch.arange(60.0).reshape(3, 5, 4).sin()


@traced((PADDED, torch.tensor([5, 3, 1])), (PADDED.cos(), torch.tensor([4, 4, 2])))
class packed_in_order(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 3, num_layers=2, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        y, (h, _) = self.rnn(packed)
        return nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=5)[0], h


@traced((PADDED.transpose(0, 1), torch.tensor([2, 5, 3])), (PADDED.cos().transpose(0, 1), torch.tensor([1, 4, 5])))
class packed_in_any_order(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 3)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        y, h = self.rnn(packed)
        y, found = nn.utils.rnn.pad_packed_sequence(y, total_length=5, padding_value=-1.0)
        return y, h, found


def arrays(module, inputs):
    names = [argument.name for argument in module.forward.schema.arguments[1:]]
    found = {name: value.numpy() for name, value in zip(names, inputs)}
    results = module(*[value.clone() for value in inputs])
    results = results if isinstance(results, tuple) else (results,)
    for place, value in enumerate(results):
        found["output" if len(results) == 1 else f"output_{place}"] = value.numpy()
    return found


def main():
    warnings.simplefilter("ignore")
    torch.jit.script(Growing().eval()).save(os.path.join(FOLDER, "..", "growing.pt"))
    for name, (cls, inputs) in MODELS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        torch.manual_seed(0)
        module = cls().eval()
        if name in TRACED:
            module = torch.jit.trace(module, tuple(one.clone() for one in inputs[0]), check_trace=False)
        else:
            module = torch.jit.script(module)
        module.save(os.path.join(FOLDER, name + ".pt"))
        with torch.no_grad():
            for place, one in enumerate(inputs):
                numpy.savez(os.path.join(FOLDER, f"{name}.{place}.npz"), **arrays(module, one))


if __name__ == "__main__":
    # The archives name their source by the path that the interpreter was given: only the file's name.
    os.chdir(FOLDER)
    again = f"import runpy; runpy.run_path('{SOURCE}', run_name='relative')"
    subprocess.run([sys.executable, "-c", again, *sys.argv[1:]], check=True)
elif __name__ == "relative":
    main()
