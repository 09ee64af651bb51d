"""Opens recommenders: hosts, records, explains and steers them with the RecSAE suite.

    import recsae
    with recsae.host(model, train_data, valid_data, test_data, name="mine") as host:
        ...                                             # a probe runs the model from here on

Messages and stubs of the contract lie in this package as protoc lays them out (`recsae.probe.v1.probe_pb2`);
`recsae.v1` has them under short names (`recsae.v1.probe`).
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

# Generated code may lie in another folder of the path (a build of the suite puts it into build/…/python).
__path__ = pkgutil.extend_path(__path__, __name__)

from recsae import adapters, v1  # noqa: E402
from recsae._version import __version__  # noqa: E402
from recsae.client import Client  # noqa: E402
from recsae.errors import Error, HostRefused  # noqa: E402
from recsae.factors import FactorModel  # noqa: E402
from recsae.hosting.api import host  # noqa: E402
from recsae.hosting.host import Host  # noqa: E402
from recsae.hosting.interactions import leave_one_out  # noqa: E402
from recsae.hosting.model import Model, Site, UserInteractions  # noqa: E402
from recsae.recording.recorder import Recorder, record  # noqa: E402

if TYPE_CHECKING:
    from recsae.torch_model import TorchModel

__all__ = ["__version__", "Client", "Error", "FactorModel", "Host", "HostRefused", "Model", "Recorder", "Site", "TorchModel",
           "UserInteractions", "adapters", "host", "leave_one_out", "record", "v1"]


def __getattr__(name: str) -> Any:
    """TorchModel needs torch, which is imported when it is asked for."""
    if name == "TorchModel":
        return importlib.import_module("recsae.torch_model").TorchModel
    raise AttributeError(f"module 'recsae' has no attribute {name!r}")
