"""Type command lines of the importer in one process; run by the Python that knows the wheel.

Each line of standard input is JSON: {"folder": path} starts in a folder with a new practice Alma,
{"type": words} types a command there. The answer to a command is {"exit": code, "output": text},
to the other {}, when it is ready.
It imports nothing of the checkout, and the importer from wherever its Python finds it.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from importer.alma import client, pacing
from importer.cli.app import run
from importer.sandbox.server import Options, running


def main(log: Path) -> None:
    """Answer until the input ends; what commands print goes into `log`.

    Calls do not wait for their turn, and a failed one is soon repeated.
    """
    pacing.HEADROOM = 100
    client.BACKOFF = (0.05, 0.1, 0.2)
    asked, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    printed = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    alma = ExitStack()
    with alma:
        for line in asked:
            order = json.loads(line)
            if "folder" in order:
                alma.close()
                os.chdir(order["folder"])
                address = alma.enter_context(running(Options(rate=0)))
                os.environ["ALMA_BASE_URL"] = address.removesuffix("/almaws/v1")
                print("{}", file=answers, flush=True)
                continue
            begin = log.stat().st_size
            code = run(order["type"])
            sys.stdout.flush()
            sys.stderr.flush()
            output = log.read_bytes()[begin:].decode()
            print(json.dumps({"exit": code, "output": output}), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
