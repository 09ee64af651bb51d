"""The forward hook of a recorder: copies the rows that are drawn, on their device, and waits for nothing."""

from typing import Any, Optional

import torch

from recsae.recording.recorder import Recorder, check_lengths
from recsae.torch_hooks import first_tensor, submodule


def attach(recorder: Recorder, module: torch.nn.Module, site: str, padding: Optional[str]) -> Any:
    """Hooks the site; the handle. ValueError for another padding than "left", "right" or None."""
    if padding not in (None, "left", "right"):
        raise ValueError(f"padding={padding!r}: \"left\" or \"right\" is needed")
    target = submodule(module, site) if site else module

    def hook(_module: Any, _inputs: Any, output: Any) -> None:
        count = 0
        try:
            tensor = first_tensor(output, site)
            count = len(tensor)
            users, histories = recorder.current_batch()
            _take(recorder, tensor, users, histories, padding)
        except Exception as error:  # never into the forward pass
            recorder.complain(error, count)

    return target.register_forward_hook(hook)


def _take(recorder: Recorder, tensor: torch.Tensor, users: Any, histories: Any, padding: Optional[str]) -> None:
    check_lengths(len(tensor), users, histories)
    if tensor.dim() not in (2, 3):
        raise ValueError(f"a site's output of shape {tuple(tensor.shape)}: [B, d] or [B, L, d] is needed")
    if tensor.dim() == 3 and padding is None:
        raise ValueError("a site that gives [B, L, d] needs padding=\"left\" or \"right\"")
    if tensor.dim() == 3 and padding == "right" and histories is None:
        raise ValueError("with padding on the right, the last item's row is known from Recorder.batch(histories=…) alone")
    drawn = recorder.draw(len(tensor))
    if not len(drawn):
        return
    with torch.no_grad():
        if tensor.dim() == 3:
            last = ([tensor.shape[1] - 1] * len(drawn) if padding == "left"
                    else [min(len(histories[row]), tensor.shape[1]) - 1 for row in drawn])
            rows = tensor[torch.as_tensor(drawn, device=tensor.device), torch.as_tensor(last, device=tensor.device)]
        elif len(drawn) == len(tensor):
            rows = tensor.detach().clone()
        else:
            rows = tensor[torch.as_tensor(drawn, device=tensor.device)]
        ready = _event(rows)

    def values() -> Any:
        if ready is not None:
            ready.synchronize()
        return rows.detach().to("cpu", torch.float32).numpy()

    recorder.offer(len(drawn), values, drawn, users, histories)


def _event(rows: torch.Tensor) -> Any:
    """Tells when the copy is there, on a GPU, whose work goes on while the caller does."""
    if rows.device.type != "cuda":
        return None
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(rows.device))
    return event
