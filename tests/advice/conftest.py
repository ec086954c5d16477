"""The command line's fixtures."""

from tests.cli.conftest import folder, sandbox

__all__ = ["folder", "sandbox"]
