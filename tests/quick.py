"""What libraries do anew at every call, done once in a test process: the answers are the same."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
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
    """Remember what mappings, options and the absence of a library look like."""
    from importer.mapper import editing, yaml_source

    for module in (editing, yaml_source):
        module.YAML = _Reader  # type: ignore[attr-defined]
    parameters = typer.main.get_params_from_function  # type: ignore[attr-defined]
    typer.main.get_params_from_function = cache(parameters)  # type: ignore[attr-defined]
    typer.core.build_runtime_param = cache(typer.core.build_runtime_param)  # type: ignore[attr-defined]
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]  # looked for at every call
