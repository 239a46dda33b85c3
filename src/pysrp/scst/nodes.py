"""The nodes of the tree: directories, files that show and store one value, links.

A directory is a view of another object: it has no state of its own that could become stale, but makes its entries when they are
asked for. The files of a directory are written as methods::

    class Adapter(Directory):
        @attribute
        def enabled(self) -> str:            # 0444: the method shows the text of the file
            return line(int(self.adapter.enabled))

        @enabled.store
        def enabled_store(self, text: str) -> None:      # makes it 0644
            ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = [
    "MARK",
    "Directory",
    "File",
    "Folder",
    "Node",
    "Symlink",
    "attribute",
    "by_number",
    "line",
    "store_only",
]

MARK = "[key]\n"
"""Follows a value that is not the default, and so has to be saved by scstadmin (SCST ``SysfsRules``)."""

Show = Callable[[], str]
Store = Callable[[str], None]


def line(value: object, key: bool = False) -> str:
    """The text of a file that holds ``value``."""
    return f"{value}\n{MARK if key else ''}"


class File:
    """A file: ``show`` gives its whole text, ``store`` takes one write; either may be missing."""

    kind = "file"

    def __init__(self, show: Show | None, store: Store | None = None) -> None:
        self.show = show
        self.store = store

    @property
    def mode(self) -> int:
        """Permission bits: 0644, 0444 or 0200."""
        return (0o444 if self.show else 0) | (0o200 if self.store else 0)


class Symlink:
    """A symbolic link to ``target``, a path from the root of the tree."""

    kind = "link"
    mode = 0o777

    def __init__(self, target: str) -> None:
        self.target = target


class attribute:
    """Marks a method of a directory as the ``show`` of the file of that name."""

    def __init__(
        self, show: Callable[[Any], str] | None = None, store: Callable[[Any, str], None] | None = None
    ):
        self.show = show
        self._store = store
        self.__doc__ = (show or store).__doc__

    def store(self, store: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
        """Marks another method as the ``store`` of the same file."""
        self._store = store
        return store

    def bind(self, owner: Directory) -> File:
        """The file in one directory."""
        show, store = self.show, self._store
        return File(
            (lambda: show(owner)) if show else None,
            (lambda text: store(owner, text)) if store else None,
        )


def store_only(store: Callable[[Any, str], None]) -> attribute:
    """Marks a method as the ``store`` of a file that cannot be read (0200)."""
    return attribute(None, store)


class Directory:
    """A directory. Its attributes are its files; a subclass adds other entries in :meth:`entries`."""

    kind = "directory"
    mode = 0o755
    _attributes: dict[str, attribute] = {}

    def __init_subclass__(cls) -> None:
        found: dict[str, attribute] = {}
        for base in reversed(cls.__mro__):
            found.update((name, value) for name, value in vars(base).items() if isinstance(value, attribute))
        cls._attributes = found

    def entries(self) -> dict[str, Node]:
        """The entries at this moment, by name."""
        return {name: file.bind(self) for name, file in self._attributes.items()}

    def entry(self, name: str) -> Node | None:
        """One of the entries, or None. A large directory overrides this, to make only that entry."""
        file = self._attributes.get(name)
        return file.bind(self) if file else self.entries().get(name)

    def together(self) -> AbstractContextManager[None]:
        """A context around several writes to files of this directory, one after the other."""
        return nullcontext()


class Folder(Directory):
    """A directory without attributes: the function ``entries`` returns its entries.

    The function ``entry``, if given, returns one by its name.
    """

    def __init__(
        self, entries: Callable[[], dict[str, Node]], entry: Callable[[str], Node | None] | None = None
    ) -> None:
        self._entries = entries
        self._entry = entry

    def entries(self) -> dict[str, Node]:
        """The entries at this moment, by name."""
        return self._entries()

    def entry(self, name: str) -> Node | None:
        """One of the entries, or None."""
        return self._entry(name) if self._entry else self._entries().get(name)


Node = Directory | File | Symlink


def by_number(names: Iterable[str]) -> list[str]:
    """Names in the order of ``ls -v``, with numbers first: 256, 1024, mgmt."""

    def parts(name: str) -> list[tuple[bool, int, str]]:
        return [(not n, int(n or 0), text) for n, text in re.findall(r"([0-9]{1,20})|([^0-9]+)", name)]

    return sorted(names, key=lambda name: (parts(name), name))
