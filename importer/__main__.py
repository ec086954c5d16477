"""`python -m importer`, and the command `importer`."""

from __future__ import annotations

import signal
import sys

from importer.errors import Exit


def main() -> None:
    """Run the command line and leave with its exit code; Ctrl-C never ends in a traceback."""
    code: int | None = None
    try:
        try:
            from importer.cli.main import run  # here, so that Ctrl-C while it loads is caught

            code = run(sys.argv[1:])
        finally:  # only leaving is left: one more Ctrl-C must not cut it off
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if code is None:
            sys.stderr.write("importer: Stopped. Run the same command to continue.\n")
    sys.exit(Exit.INTERRUPTED if code is None else code)


if __name__ == "__main__":
    main()
