"""Commands of ``pysrp`` in this process, without the group that they belong to."""

from __future__ import annotations

from typing import Any

from click.testing import CliRunner, Result


class CommandRunner(CliRunner):
    """With the group's names for help: a click command keeps those that it is first asked for."""

    def invoke(self, *args: Any, **extra: Any) -> Result:
        return super().invoke(*args, help_option_names=["-h", "--help"], **extra)
