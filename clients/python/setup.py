"""Builds the wheel: the sources, and the stubs of ../../protos beside them."""

import os
import pathlib
import re

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).parent
PROTOS = pathlib.Path(os.environ.get("RECSAE_PROTOS", HERE.parent.parent / "protos"))


class BuildWithStubs(build_py):
    """Generates recsae/*/v1/*_pb2*.py and what google/rpc has not (that is googleapis-common-protos') into the build."""

    def run(self):
        super().run()
        import grpc_tools
        from grpc_tools import protoc

        protos = sorted(PROTOS.glob("recsae/*/v1/*.proto"))
        if not protos:
            raise SystemExit(f"recsae: no recsae/*/v1/*.proto in {PROTOS}: build in the suite's tree, or set RECSAE_PROTOS")
        well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        arguments = ["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={self.build_lib}",
                     f"--grpc_python_out={self.build_lib}", *map(str, protos)]
        if protoc.main(arguments) != 0:
            raise SystemExit("recsae: protoc failed")
        for proto in protos:  # tensor has no service, so its stub is only imports
            for stub in (pathlib.Path(self.build_lib) / proto.relative_to(PROTOS)).parent.glob("*_pb2_grpc.py"):
                if not re.search(r"^class ", stub.read_text(), re.MULTILINE):
                    stub.unlink()


setup(cmdclass={"build_py": BuildWithStubs})
