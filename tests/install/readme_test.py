#!/usr/bin/env python3
"""The C++ example in README.md is examples/readme.cpp, which another test compiles."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
shown = re.search(r'```cpp\n(.*?)```', (root / 'README.md').read_text(), re.S)
if not shown or shown[1] != (root / 'examples/readme.cpp').read_text():
    sys.exit('README.md does not show examples/readme.cpp')
