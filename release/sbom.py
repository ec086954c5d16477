"""Complete the list of components that cyclonedx-py makes of the lock file: `make sbom`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from release.checks import ROOT
from release.version import of_build

PAGE = ROOT / "docs" / "reference" / "licenses.md"

_SPDX = re.compile(
    r"0BSD|Apache-2\.0|BSD-[23]-Clause|CC0-1\.0|CNRI-Python|ISC|LGPL-2\.1|MIT(-0)?|MPL-2\.0"
    r"|PSF-2\.0|Unlicense|Zlib"
)


def completed(bom: dict[str, Any], licenses: dict[str, str]) -> dict[str, Any]:
    """Return the list with each library's license and condition, and with what contains them."""
    bom["metadata"]["component"]["version"] = of_build()
    for one in bom["components"]:
        stated = licenses[one["name"]]
        known = all(map(_SPDX.fullmatch, re.split(" AND | OR ", stated)))
        one["licenses"] = [{"expression": stated} if known else {"license": {"name": stated}}]
        one["description"] = one["description"].partition(": ")[2].partition(" --hash")[0].strip()
    within = [one["bom-ref"] for one in bom["components"]]
    whole = {"ref": bom["metadata"]["component"]["bom-ref"], "dependsOn": within}
    return bom | {"dependencies": [whole, *({"ref": ref} for ref in within)]}


def main() -> None:
    """Rewrite the file."""
    file = Path(sys.argv[1])
    licenses = dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
    bom = completed(json.loads(file.read_text("utf-8")), licenses)
    file.write_text(json.dumps(bom, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
