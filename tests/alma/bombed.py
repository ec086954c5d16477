"""Read one user from an address, and show the memory: `python -m tests.alma.bombed ADDRESS`.

In a process of its own, as the most memory of a process never falls.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from importer.errors import AlmaError
from tests.alma.fakes import client


async def main(address: str) -> None:
    """Print the exit code, and the most memory in kilobytes."""
    code = 0
    async with client(address) as alma:
        try:
            await alma.get_user("1")
        except AlmaError as error:
            code = int(error.exit)
    sys.stdout.write(f"{code} {_most()}\n")


def _most() -> int:
    """The most memory of this process; on Linux `getrusage` also counts what its parent had."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
