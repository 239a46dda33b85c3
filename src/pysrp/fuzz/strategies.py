"""Hypothesis strategies for every structure: valid ones, bent ones, and arbitrary bytes.

Needs hypothesis: ``pip install 'pysrp-vscsi[fuzz]'``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from pysrp.fields import Dispatch, Structure
from pysrp.fuzz import Mutator, valid

__all__ = ["bent", "raw", "structures"]

_S = TypeVar("_S", bound=Structure)


def structures(what: type[_S] | Dispatch) -> st.SearchStrategy[Any]:
    """Valid structures of one class, or of any class that a Dispatch may choose."""
    classes = what.classes() if isinstance(what, Dispatch) else [what]
    return st.builds(
        lambda cls, rng: valid(cls, rng), st.sampled_from(classes), st.randoms(use_true_random=False)
    )


def bent(what: type[_S] | Dispatch, *, changes: int = 3) -> st.SearchStrategy[bytes]:
    """Bytes of a valid structure after one to ``changes`` changes of :class:`pysrp.fuzz.Mutator`."""
    return st.builds(
        lambda view, rng: Mutator(rng).mutate(view, changes=changes),
        structures(what),
        st.randoms(use_true_random=False),
    )


def raw(what: type[_S] | Dispatch, *, max_size: int = 512) -> st.SearchStrategy[bytes]:
    """Bytes of any origin: valid, bent, or random."""
    return st.one_of(structures(what).map(bytes), bent(what), st.binary(max_size=max_size))
