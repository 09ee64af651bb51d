"""scripts/check-rooms.py passes the tree as it is and names file and rule of each planted breach."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "scripts" / "check-rooms.py"
ROOMS = """
common/base:
common/math:      common/base
common/math/simd: SIMD
services/a:       common/base common/math
services/b:       common/base
"""


class CheckRoomsTest(unittest.TestCase):

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        subprocess.run(["git", "init", "--quiet", self.root], check=True)
        self.plant("scripts/rooms.txt", ROOMS)
        self.plant("common/base/status.h", "#include <string>\n")
        self.plant("common/math/simd/kernels.cc", '#include "hwy/highway.h"\n')
        self.plant("services/a/rpc/call.cc", '#include "common/base/status.h"\n')

    def plant(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self, root=None):
        done = subprocess.run([sys.executable, CHECK, root or self.root], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def expect_breach(self, rule, *names):
        status, said = self.check()
        self.assertEqual(status, 1, said)
        lines = [line for line in said.splitlines() if f"rule {rule}" in line]
        self.assertTrue(any(all(name in line for name in names) for line in lines), said)

    def test_the_tree_passes(self):
        self.assertEqual(self.check(ROOT), (0, "Every line is in its room.\n"))

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.check()[0], 0, self.check()[1])

    def test_circle_of_files(self):
        self.plant("common/base/x.h", '#include "common/base/y.h"\n')
        self.plant("common/base/y.h", '#include "common/base/x.h"\n')
        self.expect_breach(1, "common/base/x.h", "common/base/y.h")

    def test_circle_of_folders(self):
        self.plant("services/a/rpc/one.h", '#include "services/a/run/two.h"\n')
        self.plant("services/a/run/two.h", "")
        self.plant("services/a/run/three.h", '#include "services/a/rpc/four.h"\n')
        self.plant("services/a/rpc/four.h", "")
        self.expect_breach(1, "services/a/rpc", "services/a/run")

    def test_a_root_below_its_sub_folder(self):
        self.plant("services/a/shared.h", "")
        self.plant("services/a/rpc/call.cc", '#include "services/a/shared.h"\n')
        self.expect_breach(2, "services/a/rpc/call.cc", "services/a/shared.h")

    def test_a_room_that_is_not_for_it(self):
        self.plant("common/base/status.h", '#include "common/math/matrix.h"\n')
        self.plant("common/math/matrix.h", "")
        self.expect_breach(3, "common/base/status.h", "common/math/matrix.h")

    def test_another_service(self):
        self.plant("services/b/b.cc", '#include "services/a/a.h"\n')
        self.plant("services/a/a.h", "")
        self.expect_breach(3, "services/b/b.cc", "services/a/a.h")

    def test_libraries_out_of_place(self):
        for header, library in (("immintrin.h", "SIMD"), ("rocksdb/db.h", "ROCKSDB"),
                                ("grpcpp/grpcpp.h", "GRPC"), ("recsae/x.pb.h", "PROTOBUF"),
                                ("torch/torch.h", "TORCH")):
            self.plant("common/math/x.cc", f"#include <{header}>\n")
            self.expect_breach(3, "common/math/x.cc", library)

    def test_a_file_in_no_room(self):
        self.plant("common/else/x.cc", "")
        status, said = self.check()
        self.assertEqual(status, 1)
        self.assertIn("common/else/x.cc: no room", said)

    def test_stubs_in_a_header(self):
        self.plant("services/a/rpc/call.h", '#include "recsae/x.grpc.pb.h"\n')
        self.expect_breach(4, "services/a/rpc/call.h", "recsae/x.grpc.pb.h")

    def test_an_error_without_a_reason(self):
        self.plant("services/a/rpc/call.cc", 'auto f() { return absl::InternalError("x"); }\n')
        self.expect_breach(5, "services/a/rpc/call.cc", "InternalError")


if __name__ == "__main__":
    unittest.main()
