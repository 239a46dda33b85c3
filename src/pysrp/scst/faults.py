"""``devices/<name>/faults``: the rules of a medium that injects faults (:mod:`pysrp.media.faulty`). **Not in SCST**.

It shows a rule a line: its number, its text, how many requests it has struck, and how many it has matched. A rule without
``block=`` counts in the device's blocks; a rule in a URL, which is parsed before the device exists, in 512 bytes. To write::

    add error op=read lba=100-107 count=2
    release 3           requests that hang for rule 3 go on; without a number all that wait
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
    """The ``faults`` file of a medium."""
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
