"""What is found out anew at every call, done once in a test process: the answers are the same."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import typer.core
import typer.main
from ruamel.yaml import YAML


@lru_cache(maxsize=64)
def _composed(text: str) -> Any:
    return YAML(typ="safe", pure=True).compose(text)


class _Reader(YAML):
    """Reads a mapping's text once, however many commands load it."""

    def compose(self, stream: Any) -> Any:
        """Return the nodes of a text, which nobody changes."""
        return _composed(stream)


def begin() -> None:
    """Remember what mappings, commands, versions and the absence of a library look like."""
    parameters = typer.main.get_params_from_function  # type: ignore[attr-defined]
    typer.main.get_params_from_function = cache(parameters)  # type: ignore[attr-defined]
    typer.core.build_runtime_param = cache(typer.core.build_runtime_param)  # type: ignore[attr-defined]
    from importer.cli import app
    from importer.mapper import checks, editing, load, yaml_source
    from importer.service import place

    vars(app)["get_group"] = cache(typer.main.get_group)
    vars(place)["metadata"] = SimpleNamespace(version=cache(version))
    for module in (editing, yaml_source):
        vars(module)["YAML"] = _Reader
    known: dict[object, Any] = {}

    def run(document: Any, *levels: Any) -> Any:
        key = (document.path, document.sha256, levels)  # of all that the mapping consists of
        if key not in known:
            known[key] = checks.run(document, *levels)
        return known[key]

    vars(load)["checks"] = SimpleNamespace(run=run)
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # looked for at every call
