"""``devices/<name>/faults``: the rules of a medium that does things wrong (:mod:`pysrp.media.faulty`). **Ours**.

It shows a rule a line: its number, itself, how often it has happened, and how many requests it was about. A rule without
``block=`` counts in the device's blocks; those of a URL, which is older than the device, count in 512 bytes. Written to it::

    add error op=read lba=100-107 count=2
    release 3           what hangs for rule 3 goes on; without a number all that waits
    del 3
    clear
"""

from __future__ import annotations

import errno

from pysrp.media.faulty import ActiveRule, Faulty
from pysrp.scst.grammar import number, refuse
from pysrp.scst.nodes import File

__all__ = ["faults"]


def faults(medium: Faulty) -> File:
    """The file of that medium."""
    return File(
        lambda: "".join(f"{rule.text(medium.rule_block)}\n" for rule in medium.rules),
        lambda text: _carry_out(medium, text.strip()),
    )


def _carry_out(medium: Faulty, text: str) -> None:
    verb, _, rest = text.partition(" ")
    match verb.lower(), rest.strip():
        case "add", rule if rule:
            medium.add(rule)
        case "del", which if which:
            medium.remove(_rule(medium, which))
        case "release", "":
            medium.release()
        case "release", which:
            medium.release(_rule(medium, which))
        case "clear", "":
            medium.clear()
        case _:
            raise refuse(
                errno.EINVAL, f"{text!r}: write 'add RULE', 'del NUMBER', 'clear' or 'release [NUMBER]'"
            )


def _rule(medium: Faulty, text: str) -> ActiveRule:
    wanted = number(text, "rule")
    for rule in medium.rules:
        if rule.number == wanted:
            return rule
    raise refuse(errno.EINVAL, f"there is no rule {wanted}")
