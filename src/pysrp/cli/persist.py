"""``pysrp persist``: persistent reservations of a device, with the options of sg_persist."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pysrp import scsi
from pysrp.cli.asking import output_options, show
from pysrp.cli.common import UNIT_ADDRESS, DeviceCommand, on_device
from pysrp.errors import ConfigError, ScsiError
from pysrp.initiator.session import Device
from pysrp.scsi.codes import PersistentReserveInAction, PersistentReserveOutAction

IN = {
    "read_keys": (
        "-k",
        PersistentReserveInAction.READ_KEYS,
        "Print the registered keys (default).",
    ),
    "read_reservation": (
        "-r",
        PersistentReserveInAction.READ_RESERVATION,
        "Print the reservation, if there is one.",
    ),
    "report_capabilities": (
        "-c",
        PersistentReserveInAction.REPORT_CAPABILITIES,
        "Print what the device supports.",
    ),
    "read_full_status": (
        "",
        PersistentReserveInAction.READ_FULL_STATUS,
        "Print the registrations, with the names of the initiator ports.",
    ),
}
"""Option: its letter in sg_persist, service action, help. sg_persist's -s is missing: here -s names the server."""

OUT = {
    "register": ("-G", PersistentReserveOutAction.REGISTER, "Register the key --param-sark; also give --param-rk if a key is registered already."),
    "register_ignore": ("-I", PersistentReserveOutAction.REGISTER_AND_IGNORE_EXISTING_KEY, "Register the key --param-sark, whatever key was registered before."),
    "reserve": ("-R", PersistentReserveOutAction.RESERVE, "Reserve, with the type --prout-type."),
    "release": ("-L", PersistentReserveOutAction.RELEASE, "Release the reservation, whose type is --prout-type."),
    "clear": ("-C", PersistentReserveOutAction.CLEAR, "End the reservation and all registrations."),
    "preempt": ("-P", PersistentReserveOutAction.PREEMPT, "Remove the registrations with the key --param-sark, and take over the reservation if one of them holds it."),
    "preempt_abort": ("-A", PersistentReserveOutAction.PREEMPT_AND_ABORT, "The same as --preempt, and abort the commands of the removed initiator ports."),
}  # fmt: skip
"""The same for PERSISTENT RESERVE OUT."""

TYPED = frozenset({"reserve", "release", "preempt", "preempt_abort"})
"""Actions that need a reservation type."""


def _actions(command: Any) -> Any:
    for table in (OUT, IN):
        for name, (letter, _, text) in reversed(table.items()):
            names = [letter] if letter else []
            command = click.option(*names, f"--{name.replace('_', '-')}", name, is_flag=True, help=text)(
                command
            )
    return command


if TYPE_CHECKING:
    _ParamType = click.ParamType[int]
else:
    _ParamType = click.ParamType  # takes no parameter before click 8.4


TYPES = 1, 3, 5, 6, 7, 8
"""Types of a reservation that are not obsolete (SPC-5, 6.16.3.4)."""


class Key(_ParamType):
    """A reservation key: up to 16 hexadecimal digits."""

    name = "hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The key that was typed, as an int."""
        try:
            number = value if isinstance(value, int) else int(value, 16)
        except ValueError:
            number = -1
        if not 0 <= number < 1 << 64:
            self.fail(f"{value!r} is no key; write up to 16 hexadecimal digits", param, ctx)
        return number


@click.command(cls=DeviceCommand)
@_actions
@click.option(
    "-K", "--param-rk", "key", type=Key(), default=0, help="The key that this initiator port has registered."
)
@click.option(
    "-S", "--param-sark", "other", type=Key(), default=0, help="The key to register, or to preempt."
)
@click.option(
    "-T", "--prout-type", "kind", type=click.IntRange(0, 15), default=0,
    help="Type of the reservation: 1 write exclusive, 3 exclusive access, 5 and 6 the same for registrants only, 7 and 8 for all registrants.",
)  # fmt: skip
@click.option(
    "-Y", "--param-alltgpt", "all_tg_pt", is_flag=True, help="Register through all target ports (ALL_TG_PT)."
)
@click.option(
    "-Z",
    "--param-aptpl",
    "aptpl",
    is_flag=True,
    help="Keep the registration through a loss of power (APTPL).",
)
@partial(output_options, letter="")
@on_device
def persist(
    target: Device,
    key: int,
    other: int,
    kind: int,
    all_tg_pt: bool,
    aptpl: bool,
    form: str | None,
    **actions: bool,
) -> None:
    """Print or change the persistent reservations of a device, as sg_persist does.

    After an option of PERSISTENT RESERVE OUT, the resulting reservation is printed. A registration belongs to an
    initiator port: over unix:, name yours with --unit-address, the same each time.

    \b
    Examples:
      pysrp persist /dev/sg0                                # the keys
      pysrp persist /dev/sg0 --register -S abc
      pysrp persist /dev/sg0 --reserve -K abc -T 5
      pysrp persist /dev/sg0 -r --json
      pysrp persist -s unix:/tmp/vios 1 --register -S abc --unit-address 30000002
    """
    chosen = [name for name, given in actions.items() if given] or ["read_keys"]
    if len(chosen) > 1:
        raise click.UsageError(
            f"one action at a time, not {' and '.join('--' + c.replace('_', '-') for c in chosen)}"
        )
    (name,) = chosen
    with contextlib.suppress(ScsiError):
        target.test_unit_ready()  # clears the unit attentions that this login itself has caused
    if name in IN:
        show(target.persistent_reserve_in(IN[name][1]), form)
        return
    if name in TYPED and kind not in TYPES:
        raise ConfigError(f"--{name.replace('_', '-')} wants --prout-type: 1, 3, 5, 6, 7 or 8")
    context = click.get_current_context()
    real = str(context.params["server"]).startswith(("vio:", "sg:"))
    if not real and not context.meta.get(UNIT_ADDRESS):
        raise ConfigError(
            "who is this? Over simulated adapters each run of pysrp is another initiator port, and nobody could use what "
            "it registers: add --unit-address 30000002, the same each time"
        )
    action = OUT[name][1]
    parameters = scsi.PrOut.build(
        reservation_key=key, service_action_reservation_key=other, all_tg_pt=all_tg_pt, aptpl=aptpl
    )
    target.persistent_reserve_out(action, parameters, kind if name in TYPED else 0)
    show(target.persistent_reserve_in(PersistentReserveInAction.READ_RESERVATION), form)
