"""Histories as padded tensors, and on which side a model wants its padding: found out by trial."""

import dataclasses
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch

from recsae.torch_hooks import SiteError, called_submodules, hooked

SIDES = ("right", "left")  # the side on which the padding is
Encode = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # (history [B, L], lengths [B]) -> [B, d]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a site's activations are in its output. side: of the padding in it; "" = one row for a whole history.
    batch_second: [L, B, d] instead of [B, L, d], as nn.TransformerEncoder gives it without batch_first."""

    dim: int
    side: str
    batch_second: bool = False

    @property
    def per_position(self) -> bool:
        return self.side != ""


def pad(histories: Sequence[Any], length: int, side: str, padding: int, device: Any) -> "Tuple[torch.Tensor, torch.Tensor]":
    """int64 [B, length] and lengths int64 [B]."""
    history = np.full((len(histories), length), padding, dtype=np.int64)
    for row, items in zip(history, histories):
        if len(items):
            row[slice(length - len(items), length) if side == "left" else slice(0, len(items))] = items
    lengths = torch.tensor([len(items) for items in histories], dtype=torch.int64)
    return torch.from_numpy(history).to(device), lengths.to(device)


def last_rows(lengths: torch.Tensor, length: int, side: str) -> torch.Tensor:
    """Position of each history's last item, int64 [B]."""
    return torch.full_like(lengths, length - 1) if side == "left" else lengths - 1


def take(output: torch.Tensor, lengths: torch.Tensor, place: Place, all_positions: bool = False) -> torch.Tensor:
    """Rows of a site's output: [B, d], or those of all items, oldest first, [sum of lengths, d]."""
    if not place.per_position:
        return output
    rows = output.transpose(0, 1) if place.batch_second else output
    length = rows.shape[1]
    if not all_positions:
        return rows[torch.arange(len(lengths), device=rows.device), last_rows(lengths, length, place.side).to(rows.device)]
    steps = torch.arange(length, device=rows.device)
    counts = lengths.to(rows.device)[:, None]
    return rows[steps >= length - counts if place.side == "left" else steps < counts]


def put(output: torch.Tensor, lengths: torch.Tensor, place: Place, values: torch.Tensor) -> torch.Tensor:
    """A copy of a site's output with `values` [B, d] in place of each history's last row."""
    values = values.to(output.device, output.dtype)
    if not place.per_position:
        return values
    changed = output.clone()
    rows = changed.transpose(0, 1) if place.batch_second else changed
    rows[torch.arange(len(lengths), device=rows.device), last_rows(lengths, rows.shape[1], place.side).to(rows.device)] = values
    return changed


class Trial:
    """Runs a model on pairs of histories that differ in their last item alone."""

    def __init__(self, module: torch.nn.Module, encode: Encode, tokens: Sequence[int], length: int, padding: int,
                 device: Any) -> None:
        self._module, self._encode, self._length = module, encode, length
        self._padding, self._device = padding, device
        tokens = [int(token) for token in tokens]
        picked = [tokens[(7 * i + 1) % len(tokens)] for i in range(length + 1)]
        # Short ones, so that the last item of one side's padding is padding on the other side.
        counts = sorted({1, max(1, length // 2), max(1, length - 1)})
        self._pairs = [(picked[:n], picked[:n - 1] + [next((t for t in reversed(tokens) if t != picked[n - 1]),
                                                             picked[n - 1])]) for n in counts]
        if len({len(self._pairs) * 2, length}) == 1:
            self._pairs.append(self._pairs[0])  # so that [B, L] and [L, B] are told apart

    def histories(self, side: str) -> "Tuple[torch.Tensor, torch.Tensor]":
        return pad([items for pair in self._pairs for items in pair], self._length, side, self._padding, self._device)

    def site(self, name: str, side: str, only: Optional[str] = None) -> Place:
        """Where the activations of a site are, with input padded on `side`. `only`: the one side to be tried in the
        output; else that of the input first. SiteError says why there is none."""
        history, lengths = self.histories(side)
        with hooked(self._module, name) as output:
            own = self._encode(history, lengths)
        tensor = output.tensor()
        shape = self._shape(name, tensor, len(lengths))
        reasons: List[str] = []
        for candidate in ([""] if shape == "flat" else [only] if only else [side, *(s for s in SIDES if s != side)]):
            place = Place(int(tensor.shape[-1]), candidate, shape == "batch second")
            reason = self._fault(name, place, history, lengths, tensor, own)
            if reason is None:
                return place
            reasons.append(f"{candidate + ' padding: ' if candidate else ''}{reason}")
        raise SiteError(f"site {name!r} is of no use: " + "; ".join(reasons))

    def _shape(self, name: str, tensor: torch.Tensor, batch: int) -> str:
        shape = tuple(tensor.shape)
        if not tensor.is_floating_point():
            raise SiteError(f"site {name!r} gives {tensor.dtype}: floating point is needed")
        if len(shape) == 2 and shape[0] == batch:
            return "flat"
        if len(shape) == 3 and shape[:2] == (batch, self._length):
            return "batch first"
        if len(shape) == 3 and shape[:2] == (self._length, batch):
            return "batch second"
        raise SiteError(f"site {name!r} gives shape {shape} for {batch} histories of {self._length} positions: "
                        f"[{batch}, {self._length}, d] or [{batch}, d] is needed")

    def _fault(self, name: str, place: Place, history: torch.Tensor, lengths: torch.Tensor, tensor: torch.Tensor,
               own: torch.Tensor) -> Optional[str]:
        """Why the rows at `place` are not those of the last items."""
        rows = take(tensor, lengths, place)
        if not torch.isfinite(rows).all():
            return "the row of the last item is not finite"
        swapped = rows.reshape(len(rows) // 2, 2, -1).flip(1).reshape(rows.shape)
        if not _differs(rows, swapped).all():
            return "the row of the last item does not change with the last item"
        with hooked(self._module, name, lambda output: put(output, lengths, place, swapped)):
            resumed = self._encode(history, lengths)
        if not _differs(own, resumed).all():
            return "another value in the row of the last item does not change what the model gives"
        return None


def find_side(trial: Trial, module: torch.nn.Module, encode: Encode) -> str:
    """The side on which a model wants its padding: the only one for which the model reads the last item's row of
    the last submodule that has a row for each position. ValueError when that is both or neither."""
    verdicts: Dict[str, str] = {}
    for side in SIDES:
        history, lengths = trial.histories(side)
        calls = called_submodules(module, lambda: encode(history, lengths))
        shape = tuple(history.shape)
        names = [name for name, tensor in calls if tensor.dim() == 3 and tensor.is_floating_point()
                 and tuple(tensor.shape[:2]) in (shape, shape[::-1])]
        if not names:
            raise ValueError("padding=\"auto\": no submodule has a row for each position, by which the side could be "
                             "found; say padding=\"left\" or padding=\"right\" (the side on which the padding is)")
        try:
            trial.site(names[-1], side, only=side)
            verdicts[side] = f"{names[-1]}: may be"
        except SiteError as error:
            verdicts[side] = str(error)
    fitting = [side for side, verdict in verdicts.items() if verdict.endswith(": may be")]
    if len(fitting) == 1:
        return fitting[0]
    raise ValueError(f"padding=\"auto\": {'both sides fit' if fitting else 'neither side fits'} ("
                     + "; ".join(f"{side}: {verdict}" for side, verdict in verdicts.items())
                     + "); say padding=\"left\" or padding=\"right\" (the side on which the padding is)")


def _differs(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Which rows differ by more than rounding, bool [B]."""
    one, other = one.double(), other.double()
    return (one - other).abs().amax(dim=-1) > 1e-6 * (one.abs().amax(dim=-1) + 1e-30)
