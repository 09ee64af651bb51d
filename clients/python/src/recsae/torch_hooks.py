"""Forward hooks: what a submodule gives, and another value in its place."""

import contextlib
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import torch

Replace = Callable[[torch.Tensor], torch.Tensor]


class SiteError(ValueError):
    """A submodule that cannot be a site."""


@contextlib.contextmanager
def without_fast_path() -> Iterator[None]:
    """nn.TransformerEncoder computes a layer as one fused operation in evaluation, past its submodules' hooks; not in
    this block. (Process-wide, as PyTorch has it: another thread's model may be slower meanwhile, and no other.)"""
    backend = getattr(torch.backends, "mha", None)
    before = backend.get_fastpath_enabled() if backend is not None else True
    if backend is not None:
        backend.set_fastpath_enabled(False)
    try:
        yield
    finally:
        if backend is not None:
            backend.set_fastpath_enabled(before)


def first_tensor(output: Any, name: str) -> torch.Tensor:
    """The tensor that a site stands for: the output, or the first tensor of a tuple or list. SiteError without one."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, (tuple, list)):
        for part in output:
            if isinstance(part, torch.Tensor):
                return part
    raise SiteError(f"site {name!r} gives a {type(output).__name__}: a tensor is needed, or a tuple or list with one")


def with_first_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """`output` with another first tensor."""
    if isinstance(output, torch.Tensor):
        return tensor
    place = next(i for i, part in enumerate(output) if isinstance(part, torch.Tensor))
    parts = [tensor if i == place else part for i, part in enumerate(output)]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


def submodule(module: torch.nn.Module, name: str) -> torch.nn.Module:
    """SiteError, with names that there are, where there is none."""
    try:
        return module.get_submodule(name)
    except AttributeError:
        names = [path for path, _ in module.named_modules() if path]
        shown = ", ".join(names[:40]) + (f", … ({len(names)} in all)" if len(names) > 40 else "")
        raise SiteError(f"no submodule {name!r} in {type(module).__name__}; there are {shown}") from None


class SiteOutput:
    """What a site gave in a block."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.found: List[torch.Tensor] = []

    def tensor(self) -> torch.Tensor:
        """The one tensor. SiteError when the site was not called, or more than once."""
        if len(self.found) != 1:
            raise SiteError(f"site {self._name!r} was called {len(self.found)} times in one forward pass: a site must be "
                            "called once" + ("" if self.found else "; is it computed by its parent, without being called?"))
        return self.found[0]


@contextlib.contextmanager
def hooked(module: torch.nn.Module, name: str, replace: Optional[Replace] = None) -> Iterator[SiteOutput]:
    """Collects what the submodule `name` gives in the block; with `replace`, what comes after it sees that instead."""
    output = SiteOutput(name)

    def hook(_module: Any, _inputs: Any, value: Any) -> Any:
        tensor = first_tensor(value, name)
        output.found.append(tensor)
        return None if replace is None else with_first_tensor(value, replace(tensor))

    handle = submodule(module, name).register_forward_hook(hook)
    try:
        yield output
    finally:
        handle.remove()


def fast_path_does(module: torch.nn.Module, names: Sequence[str], run: Callable[[], torch.Tensor]) -> bool:
    """Whether run() calls each of these submodules once, and gives the same with hooks and without, when PyTorch may
    take its fast path."""
    without = run()
    for name in names:
        with hooked(module, name) as output:
            result = run()
        if len(output.found) != 1 or output.found[0].is_nested or not torch.equal(result, without):
            return False
    return True


def called_submodules(module: torch.nn.Module, run: Callable[[], Any]) -> List[Tuple[str, torch.Tensor]]:
    """(path, first tensor) of each submodule that is called exactly once in run(), in the order in which they end."""
    calls: List[Tuple[str, torch.Tensor]] = []

    def watch(path: str) -> Any:
        def hook(_module: Any, _inputs: Any, value: Any) -> None:
            with contextlib.suppress(SiteError):
                calls.append((path, first_tensor(value, path)))
        return hook

    with without_fast_path():
        handles = [part.register_forward_hook(watch(path)) for path, part in module.named_modules() if path]
        try:
            run()
        finally:
            for handle in handles:
                handle.remove()
    names = [path for path, _ in calls]
    return [(path, tensor) for path, tensor in calls if names.count(path) == 1]
