"""The tests of torch_cases, where PyTorch 2 is there."""

import unittest

try:
    from torch_cases import TorchTest  # noqa: F401
except ImportError as error:
    MISSING = str(error)

    class TorchTest(unittest.TestCase):
        def test_torch(self):
            self.skipTest(MISSING)


if __name__ == "__main__":
    unittest.main()
