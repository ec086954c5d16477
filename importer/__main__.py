"""`python -m importer`, and the command `importer`."""

from __future__ import annotations

import gc
import sys

NEW_OBJECTS = 50_000
"""After so many new objects Python's collector looks for cycles. Its own 700 make it look some
hundred times while the libraries are imported, whose objects all stay."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(NEW_OBJECTS)
    from importer.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # at the end it would look through everything once more, only to let it all go
    sys.exit(code)


if __name__ == "__main__":
    main()
