"""Any PyTorch model, in its own process and on its own device, with its submodules as sites."""

import contextlib
import inspect
import threading
from typing import Any, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch

from recsae.hosting.model import USER_SITE, FloatArray, IntArray, Model, Site, UserInteractions, item_numbers
from recsae.torch_hooks import fast_path_does, hooked, without_fast_path
from recsae.torch_padding import SIDES, Place, Trial, find_side, last_rows, pad, put, take


class TorchModel(Model):
    """A torch.nn.Module that reads a history.

    module: whose submodules are sites, run as it is, in evaluation mode and without gradients.
    encode: (history int64 [B, L], lengths int64 [B]) -> the vectors just before scoring [B, d]; with a third
        parameter, it is given users int64 [B] as well. By default the module itself is called with as many of these as
        it takes; where it gives [B, L, d], the last item's row is taken, and `padding` must be said.
    item_vectors: [items, d]; by default the rows of the module's only nn.Embedding of items + 1 rows, 1 to items.
    item_ids: of the rows, in that order. item_tokens: what stands for each in `history`; by default 1, 2, 3, ….
    history_length: L. Histories are always padded to it, with `padding_token`.
    padding: "left" or "right", the side on which the padding is; "auto": found by trial; ValueError where that
        cannot be told.
    sites: paths of submodules; each is called once in a forward pass and gives [B, L, d] or [B, d] (or [L, B, d], or a
        tuple whose first tensor is that).
    user_ids: of users, if it knows any; user_tokens: what stands for each, by default 1, 2, 3, …; 0 = not known.
    score: as `encode`, but gives the model's own scores [B, items], of all items in the order of item_ids.
    interactions: one UserInteractions for each user.
    withheld: ids of items that are never recommended.
    device: where inputs go; by default where the module's first parameter is.
    Calls are computed one at a time: hooks are the module's, not the call's.
    """

    def __init__(self, module: torch.nn.Module, encode: Optional[Callable[..., Any]] = None, *, item_ids: Sequence[Any],
                 history_length: int, item_vectors: Any = None, item_biases: Any = None,
                 item_tokens: Optional[Sequence[int]] = None, padding_token: int = 0, padding: str = "auto",
                 sites: Sequence[str] = (), user_ids: Sequence[Any] = (), user_tokens: Optional[Sequence[int]] = None,
                 score: Optional[Callable[..., Any]] = None,
                 interactions: Optional[Sequence[UserInteractions]] = None, catalog: Any = None, device: Any = None,
                 withheld: Sequence[Any] = (), display_name: str = "", default_name: str = "", remarks: Sequence[str] = ()) -> None:
        self.item_ids, self.user_ids = [str(name) for name in item_ids], [str(name) for name in user_ids]
        self.history_length = history_length
        self.display_name = display_name or f"PyTorch {torch.__version__} {type(module).__name__}"
        self.default_name = default_name or type(module).__name__
        self.catalog = catalog
        self.scores = score is not None
        self.remarks: List[str] = list(remarks)
        self.withheld = item_numbers(withheld, self.item_ids)
        self._module = module
        self._lock = threading.Lock()
        self._fast_path = True
        self._device = device if device is not None else next((p.device for p in module.parameters()), "cpu")
        self._padding_token = padding_token
        self._item_tokens = _tokens(item_tokens, len(self.item_ids), "item")
        self._user_tokens = _tokens(user_tokens, len(self.user_ids), "user")
        self._interactions = interactions
        self._encode = _with_users(encode if encode is not None else self._call_module(padding))
        self._score = None if score is None else _with_users(score)
        vectors = self._find_item_vectors() if item_vectors is None else item_vectors
        self.item_vectors = _array(vectors)
        self.item_biases = None if item_biases is None else _array(item_biases)
        self._padding, self._places = self._find_places(padding, sites)
        self.sites = tuple(Site(name, place.dim, place.per_position) for name, place in self._places.items())

    def activations(self, users: IntArray, histories: Sequence[IntArray], site: str,
                    all_positions: bool) -> FloatArray:
        with self._running():
            history, lengths, people = self._inputs(users, histories)
            if site == USER_SITE:
                return _array(self._encode(history, lengths, people))
            with hooked(self._module, site) as output:
                self._encode(history, lengths, people)
            return _array(take(output.tensor(), lengths, self._places[site], all_positions))

    def resume(self, users: IntArray, histories: Sequence[IntArray], site: str,
               activations: FloatArray) -> FloatArray:
        with self._running():
            history, lengths, people = self._inputs(users, histories)
            values = torch.from_numpy(np.array(activations, dtype=np.float32))
            with hooked(self._module, site, lambda own: put(own, lengths, self._places[site], values)) as output:
                result = self._encode(history, lengths, people)
            output.tensor()  # it was called, and once
            return _array(result)

    def score(self, users: IntArray, histories: Sequence[IntArray], items: IntArray) -> FloatArray:
        if self._score is None:
            return super().score(users, histories, items)
        with self._running():
            scores = self._score(*self._inputs(users, histories))
            if tuple(scores.shape) != (len(users), len(self.item_ids)):
                raise ValueError(f"score gave shape {tuple(scores.shape)}: {(len(users), len(self.item_ids))} is needed")
            return _array(scores[:, torch.from_numpy(np.asarray(items, dtype=np.int64)).to(scores.device)])

    def interactions(self, start_user: int) -> Optional[Iterable[UserInteractions]]:
        return None if self._interactions is None else self._interactions[start_user:]

    def state(self) -> Iterator[Tuple[str, Any]]:
        for name, value in sorted(self._module.state_dict().items()):
            if isinstance(value, torch.Tensor):
                yield f"{name} {value.dtype} {tuple(value.shape)}", _bytes(value)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Alone, in evaluation mode, without gradients; the module is left as it was."""
        path = contextlib.nullcontext() if self._fast_path else without_fast_path()
        with self._lock, torch.no_grad(), path:
            training = self._module.training
            self._module.eval()
            try:
                yield
            finally:
                self._module.train(training) if training else None

    def _inputs(self, users: IntArray, histories: Sequence[IntArray]) -> "Tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        history, lengths = pad([self._item_tokens[np.asarray(items)] for items in histories], self.history_length,
                               self._padding, self._padding_token, self._device)
        known = np.asarray(users) >= 0
        people = np.zeros(len(known), dtype=np.int64)
        if known.any():
            people[known] = self._user_tokens[np.asarray(users)[known]]
        return history, lengths, torch.from_numpy(people).to(self._device)

    def _find_places(self, padding: str, sites: Sequence[str]) -> "Tuple[str, dict[str, Place]]":
        """The side of the padding, and where each site's activations are."""
        if padding not in (*SIDES, "auto"):
            raise ValueError(f"padding={padding!r}: \"left\", \"right\" or \"auto\" is needed")
        trial = Trial(self._module, self._encode_unknown, self._item_tokens.tolist(), self.history_length,
                      self._padding_token, self._device)
        if sites and not self.history_length:
            raise ValueError(f"sites {list(sites)} of a model that reads no history: its one activation is the user's vector")
        side = padding if self.history_length > 1 else "right"
        if side == "auto":
            with self._running(), without_fast_path():
                side = find_side(trial, self._module, self._encode_unknown)
            self.remarks.append(f"padding=\"{side}\" was found by trial")
        with self._running():
            self._fast_path = not sites or fast_path_does(
                self._module, sites, lambda: self._encode_unknown(*trial.histories(side)))
        with self._running():
            places = {name: trial.site(name, side) for name in sites}
        if not self._fast_path:
            self.remarks.append("runs without PyTorch's fused path for transformers, which passes by the hooks of a site")
        return side, places

    def _encode_unknown(self, history: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self._encode(history, lengths, torch.zeros_like(lengths))
        if result.dim() != 2 or len(result) != len(history):
            raise ValueError(f"encode gave shape {tuple(result.shape)} for {len(history)} histories: [{len(history)}, d] is "
                             "needed, the vectors just before scoring")
        return result

    def _call_module(self, padding: str) -> Callable[..., Any]:
        takes = _parameter_count(self._module.forward)

        def encode(history: torch.Tensor, lengths: torch.Tensor, users: torch.Tensor) -> Any:
            output = self._module(*(history, lengths, users)[:takes])
            if isinstance(output, torch.Tensor) and output.dim() == 3:
                if padding == "auto":
                    raise ValueError(f"{type(self._module).__name__} gives a row for each position, and either side could be "
                                     "padded: say padding=\"left\" or padding=\"right\", or give encode=")
                return output[torch.arange(len(lengths)), last_rows(lengths, output.shape[1], padding)]
            return output

        return encode

    def _find_item_vectors(self) -> Any:
        rows = len(self.item_ids) + 1
        fitting = [(name, part) for name, part in self._module.named_modules()
                   if isinstance(part, torch.nn.Embedding) and part.num_embeddings == rows]
        if len(fitting) != 1:
            raise ValueError(f"item_vectors: {len(fitting)} embeddings of {rows} rows (items + 1) in the module "
                             f"({', '.join(name for name, _ in fitting) or 'none'}): give item_vectors=, [items, d]")
        self.remarks.append(f"item vectors are rows 1 to {rows - 1} of {fitting[0][0]!r}, the only embedding of that size")
        return fitting[0][1].weight[1:]


def _tokens(given: Optional[Sequence[int]], count: int, kind: str) -> "np.ndarray[Any, Any]":
    tokens = np.arange(1, count + 1) if given is None else np.asarray(given)
    if tokens.shape != (count,):
        raise ValueError(f"{kind}_tokens of shape {tokens.shape}: ({count},) is needed, one for each of {kind}_ids")
    return tokens.astype(np.int64)


def _parameter_count(function: Callable[..., Any]) -> int:
    """How many of (history, lengths, users) a function takes."""
    kinds = [p for p in inspect.signature(function).parameters.values()
             if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values()):
        return 3
    if not 1 <= len(kinds) <= 3:
        raise ValueError(f"{getattr(function, '__qualname__', function)} takes {len(kinds)} arguments without defaults: "
                         "one to three are given, (history, lengths, users); give encode=")
    return len(kinds)


def _with_users(function: Callable[..., Any]) -> Callable[..., Any]:
    takes = _parameter_count(function)
    return lambda *inputs: function(*inputs[:takes])


def _array(values: Any) -> FloatArray:
    if isinstance(values, torch.Tensor):
        values = values.detach().to("cpu", torch.float32).numpy()
    return np.array(values, dtype=np.float32)


def _bytes(value: torch.Tensor) -> "np.ndarray[Any, Any]":
    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy() if flat.numel() else np.zeros(0, dtype=np.uint8)
