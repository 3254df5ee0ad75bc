"""Makes coremltools predict on Linux, with Pome in the place of Core ML.

`pomeml.pth` calls `install()` when the interpreter starts. That adds one finder in front of
`sys.meta_path`; nothing is imported, and no file of coremltools is changed. When coremltools is
imported, the finder

- supplies the extension module `coremltools.libcoremlpython`, which Linux wheels lack;
- answers `_is_macos` and `_macos_version` of `coremltools.models.utils`, by which coremltools
  decides whether it may predict, as a Mac with `PRETENDED_MACOS` would.

It stays out on macOS, and wherever the environment variable POME_COREMLTOOLS is "0".
"""

import os
import sys

MODULE = "coremltools.libcoremlpython"
UTILS = "coremltools.models.utils"
PRETENDED_MACOS = (26, 0)
SWITCH = "POME_COREMLTOOLS"


def is_wanted():
    """Whether the drop-in is to be used in this process."""
    return sys.platform != "darwin" and os.environ.get(SWITCH) != "0"


def _answer_platform_checks(utils):
    utils._is_macos = lambda: True
    utils._macos_version = lambda: PRETENDED_MACOS


def _extension_spec():
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import spec_from_file_location

    path = os.path.join(os.path.dirname(__file__), "libcoremlpython.so")
    return spec_from_file_location(MODULE, path, loader=ExtensionFileLoader(MODULE, path))


def _utils_spec(path):
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(UTILS, path)
    if spec is None or spec.loader is None:
        return spec
    run = spec.loader.exec_module

    def run_and_answer(module):
        run(module)
        _answer_platform_checks(module)

    spec.loader.exec_module = run_and_answer  # of this one loader, which serves this module alone
    return spec


class Finder:
    """A `sys.meta_path` finder for the two modules above; every other name is left to others."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if fullname == MODULE and is_wanted():
            return _extension_spec()
        if fullname == UTILS and is_wanted():
            return _utils_spec(path)
        return None


def install():
    """Adds the finder, once. Called by pomeml.pth."""
    if is_wanted() and Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)


def uninstall():
    """Takes the finder away again, for coremltools that has not been imported yet."""
    if Finder in sys.meta_path:
        sys.meta_path.remove(Finder)
