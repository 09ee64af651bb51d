"""The package of the stubs `recsae.host.v1`, and, called, the function `recsae.host` (recsae.hosting.api).

protoc names packages after the contract's, and one of these is `recsae.host`. Importing it sets the attribute
`host` of `recsae` to this module, whatever stood there; so the module itself can be called.
"""

import pkgutil
import sys
import types
from typing import Any

__path__ = pkgutil.extend_path(__path__, __name__)


class _CallablePackage(types.ModuleType):
    def __call__(self, *args: Any, **options: Any) -> Any:
        from recsae.hosting.api import host

        return host(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
