"""What the tests share: the drop-in as an installed package has it, from the build."""

import os
import shutil
import sys
import tempfile
import unittest

SOURCES = os.path.join(os.path.dirname(__file__), "..", "..", "python", "pomeml")
EXTENSION = os.environ.get("POME_PYTHON_MODULE", "")
SKIPPED = 77


def use_drop_in():
    """Puts the package together in a temporary folder and installs the hook, as pomeml.pth does."""
    if not os.path.exists(EXTENSION):
        print("skipped: the Python bindings are not built (./dev python)")
        sys.exit(SKIPPED)
    folder = tempfile.TemporaryDirectory(prefix="pomeml-test-")
    package = os.path.join(folder.name, "pomeml")
    shutil.copytree(SOURCES, package, ignore=shutil.ignore_patterns("__pycache__"))
    os.symlink(EXTENSION, os.path.join(package, "libcoremlpython.so"))
    sys.path.insert(0, folder.name)
    import pomeml.coremltools_hook

    pomeml.coremltools_hook.install()
    return folder  # removed when the caller drops it


def main():
    unittest.main(argv=sys.argv[:1], verbosity=2)
