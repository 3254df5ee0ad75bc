"""The hook stays out where it is not wanted, and changes no file."""

import os
import subprocess
import sys
import unittest

import support

FOLDER = support.use_drop_in()
ASK = """
import sys
sys.path.insert(0, {folder!r})
import pomeml.coremltools_hook as hook
hook.install()
import coremltools
import coremltools.models.utils as utils
print(coremltools.models.model._MLModelProxy is not None, bool(utils._macos_version()))
"""


def ask(**environment):
    code = ASK.format(folder=FOLDER.name)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    ).stdout.split()


class Hook(unittest.TestCase):
    def test_on(self):
        self.assertEqual(ask(), ["True", "True"])

    def test_switched_off(self):
        self.assertEqual(ask(POME_COREMLTOOLS="0"), ["False", "False"])

    def test_finder_stays_out_on_macos(self):
        import pomeml.coremltools_hook as hook

        real, sys.platform = sys.platform, "darwin"
        try:
            self.assertIsNone(hook.Finder.find_spec(hook.MODULE))
        finally:
            sys.platform = real


if __name__ == "__main__":
    support.main()
