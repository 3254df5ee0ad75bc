"""Pome: Core ML models, anywhere.

Installing this package makes coremltools predict on Linux; see `pomeml.coremltools_hook`.
"""

__version__ = "0.1.0"
