"""The type of an option that names a file for records."""

from __future__ import annotations

from typing import Any

import click


class NewFile(click.Path):
    """The path of a file to write records to. ``-`` is refused: records and printed output would mix."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See :meth:`click.Path.convert`."""
        if value == "-":
            self.fail("standard output has what the command prints: name a file", param, ctx)
        return super().convert(value, param, ctx)
