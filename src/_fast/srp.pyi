from collections.abc import Sequence
from typing import Any, Generic, TypeVar, overload

from pysrp._fast.view import Int, Part, Structure, View

_D = TypeVar("_D", bound="Descriptor[Any]")
_K_co = TypeVar("_K_co", covariant=True)

def clip(segments: Sequence[tuple[int, int, int]], skip: int, length: int) -> list[tuple[int, int, int]]: ...

class Descriptor(Part, Generic[_K_co]):
    @property
    def format(self) -> Any: ...  # Int
    @property
    def entries(self) -> Any: ...  # Int
    @property
    def kinds(self) -> tuple[type[Structure] | None, ...]: ...
    def __init__(
        self: Descriptor[Any],
        at: int | Part,
        format: Int,
        count: Int,
        kinds: tuple[type[Structure] | None, type[Structure] | None, type[Structure] | None],
        *,
        doc: str = "",
    ) -> None: ...
    @overload  # type: ignore[override]
    def __get__(self: _D, obj: None, owner: type | None = None, /) -> _D: ...
    @overload
    def __get__(self, obj: View, owner: type | None = None, /) -> _K_co: ...
    def __set__(self, obj: View, value: Any, /) -> None: ...
    def segments(
        self, v: View, limit: int
    ) -> tuple[
        list[tuple[int, int, int]],
        int,
        tuple[tuple[int, int, int], list[tuple[int, int, int]], int] | None,
    ]: ...
    def plain(self, value: dict[str, Any]) -> Structure: ...
