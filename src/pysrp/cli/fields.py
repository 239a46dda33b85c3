"""``pysrp fields``."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc

import click

from pysrp import crq, mad, scsi, srp
from pysrp.fields import Structure


def everything(base: type[Structure] = Structure) -> Iterator[type[Structure]]:
    """Every public structure class, by import of the codecs."""
    for cls in base.__subclasses__():
        if not cls.__name__.startswith("_"):
            yield cls
        yield from everything(cls)


@click.command()
@click.argument("name", required=False)
def fields(name: str | None) -> None:
    """Print the table of structure NAME: offset, bits, size and field; without NAME, the names.

    \b
    Examples:
      pysrp fields Cmd
      pysrp fields Read10
    """
    known = {cls.__name__: cls for module in (crq, mad, scsi, srp) for cls in everything() if module}
    if name is None:
        for cls in sorted(known.values(), key=lambda cls: (cls.__module__, cls.__name__)):
            click.echo(f"{cls.__module__}.{cls.__name__:<28} {(getdoc(cls) or '').splitlines()[0]}")
        return
    chosen = {key.lower(): cls for key, cls in known.items()}.get(name.lower())
    if chosen is None:
        raise click.UsageError(f"no structure is named {name!r}; 'pysrp fields' lists them")
    click.secho(f"{chosen.__module__}.{chosen.__name__}: {getdoc(chosen)}", bold=True)
    click.echo("offset  bits   bytes  field")
    for f in chosen.FIELDS:
        if f.variable:
            click.echo(
                f"{'then' if getattr(f, 'after', None) is not None else f.offset:>6}         var  {f.name}"
            )
            continue
        width = getattr(f, "width", 8 * f.size)
        shift = getattr(f, "shift", 0)
        bits = "" if width == 8 * f.size else f"{shift + width - 1}..{shift}" if width > 1 else f"{shift}"
        click.echo(f"{f.offset:6}  {bits:<5}  {f.size:5}  {f.name}")
