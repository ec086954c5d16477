"""`make bench`: every benchmark, or the parts that are named. Figures are ratios in one run."""

from __future__ import annotations

import subprocess
import sys

PARTS = (
    "check",
    "conditions",
    "hard",
    "bounds",
    "pacing",
    "calls",
    "throughput",
    "gate",
    "page",
    "remembered",
)


def main(arguments: list[str]) -> int:
    """Run the parts; what is no part's name goes to them as it is."""
    names = [name for name in arguments if name in PARTS] or PARTS
    rest = [argument for argument in arguments if argument not in PARTS]
    codes = [
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *rest], check=False).returncode
        for name in names
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
