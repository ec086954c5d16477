"""The commands about a mapping."""

from __future__ import annotations

import typer

mapping = typer.Typer(help="Start, check and explain a mapping.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(mapping, name="mapping")


@mapping.callback()
def _group() -> None:
    """Start, check and explain a mapping."""
