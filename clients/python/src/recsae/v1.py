"""Messages and stubs of the contract under short names: `recsae.v1.probe.Recommender`, `recsae.v1.probe.ProbeStub`.

Each name is imported when it is first asked for: concept_store, explainer, hosts, jobs, probe, tensor, trainer.
"""

import importlib
import types
from typing import Any

_NAMES = ("concept_store", "explainer", "hosts", "jobs", "probe", "tensor", "trainer")
_found: "dict[str, types.ModuleType]" = {}


def _load(name: str) -> types.ModuleType:
    messages = importlib.import_module(f"recsae.{name}.v1.{name}_pb2")
    both = types.ModuleType(f"recsae.v1.{name}", f"Messages and stubs of recsae.{name}.v1.")
    both.__dict__.update({key: value for key, value in vars(messages).items() if not key.startswith("_")})
    if name != "tensor":  # it has no service
        stubs = importlib.import_module(f"recsae.{name}.v1.{name}_pb2_grpc")
        both.__dict__.update({key: value for key, value in vars(stubs).items() if key.endswith("Stub")})
    return both


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'recsae.v1' has no attribute {name!r}; there are {', '.join(_NAMES)}")
    if name not in _found:
        _found[name] = _load(name)
    return _found[name]


def __dir__() -> "list[str]":
    return sorted(_NAMES)
