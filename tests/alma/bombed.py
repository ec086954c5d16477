"""Read one user from an address, and show the memory: `python -m tests.alma.bombed ADDRESS`.

In a process of its own, as the most memory of a process never falls.
"""

from __future__ import annotations

import asyncio
import resource
import sys

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
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(f"{code} {most}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
