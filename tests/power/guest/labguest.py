"""For scripts that run in the lab's guest: records for the host, kernel modules, the lab's hypervisor.

A script, from end to end::

    from labguest import check, main, modprobe

    def scan():
        "Every disk is found."
        modprobe("sd_mod")
        check("disks", len(disks) == 16, found=disks)

    main(scan)
"""

import json
import os
import runpy
import subprocess
import sys
import time
import traceback
from pathlib import Path

PATIENCE = 120
"""Seconds after which a scenario that waits gives up: none depends on it but one that fails."""

_results = Path("/share/results.jsonl").open("a", buffering=1)  # noqa: SIM115 - open until the end
_failed = False
_marker = ""


def record(name, /, **fields):
    """Bring a fact back to the host: a line of /share/results.jsonl, an item of Result.records; ``at``: seconds since boot."""
    at = round(time.monotonic(), 2)
    _results.write(json.dumps({"name": name, **fields, "at": at}, default=repr) + "\n")


def check(name, ok, /, **fields):
    """Record whether something holds. Goes on either way; `main` exits 1 if anything did not."""
    global _failed
    ok = bool(ok)
    _failed = _failed or not ok
    if not ok:
        fields.setdefault("why", ", ".join(f"{k}={v!r}" for k, v in fields.items()) or "not ok")
    record(name, ok=ok, **fields)
    print("ok  " if ok else "FAIL", name, "" if ok else fields, flush=True)
    return ok


def main(*functions):
    """Run functions in turn; each is one more check, failed by an exception. Exits."""
    global _marker
    for number, function in enumerate(functions):
        _marker = f"lab: {number} {function.__name__}"
        Path("/dev/kmsg").write_text(_marker + "\n")
        start = time.monotonic()
        why = None
        try:
            function()
        except Exception as error:
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}"
        fields = {"why": why} if why else {}
        check(function.__name__, why is None, seconds=round(time.monotonic() - start, 3), **fields)
    sys.exit(_failed)


def fork(function, *args):
    """Run a function in a child process, which exits 0 when it returns, 1 when it raises; the child's pid."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function(*args)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid


def python(*words):
    """What `python3 -m MODULE ARGUMENTS` prints, both streams, and its exit status; or `-c CODE`.

    In a child of this process, as under emulation a Python takes seconds to start.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            for stream in 1, 2:
                os.dup2(write, stream)
            status = _python(*map(str, words))
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(write)
    with open(read, encoding="utf-8") as file:
        said = file.read()
    return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said)


def _python(kind, name, *arguments):
    sys.argv[:] = [name if kind == "-m" else kind, *arguments]
    try:
        if kind == "-m":
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        else:
            exec(name, {"__name__": "__main__"})
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    else:
        return 0
    return 1


def run(*command, **options):
    """Run a program; CompletedProcess with text stdout, stderr joined to it."""
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **options)  # fmt: skip


_tree = Path("/lib/modules") / os.uname().release


def loaded(name):
    """Whether a kernel module is loaded."""
    return (Path("/sys/module") / name.replace("-", "_") / "refcnt").exists()


def modprobe(name, *parameters):
    """Load one of Debian's modules and what it needs; parameters ("max_id=4") go to the module itself."""
    files = json.loads((_tree / "load-order.json").read_text())[name.replace("-", "_")]
    for file in files:
        if not loaded(Path(file).stem):
            insmod(_tree / file, *(parameters if file == files[-1] else ()))


def insmod(file, *parameters):
    """Load a module file; a bare name is one of ours, in /modules. Raises OSError with the tool's words."""
    path = file if Path(file).is_absolute() else f"/modules/{file}.ko"
    done = run("insmod", path, *parameters)
    if done.returncode:
        raise OSError(done.stdout.strip())


def rmmod(name, **options):
    """Unload a module; the tool's words if it refuses, else an empty text."""
    done = run("rmmod", name, **options)
    return done.stdout.strip() or "refused" if done.returncode else ""


_kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
_log = []


def kernel_log(everything=False):
    """The kernel's log since `main` called the function that is running, or since boot; lines as dmesg has them."""
    while True:
        try:
            head, _, text = os.read(_kmsg, 8192).decode(errors="replace").partition(";")
        except BlockingIOError:
            break
        except BrokenPipeError:  # what comes next has been overwritten; then what is there
            continue
        second, part = divmod(int(head.split(",")[2]), 1_000_000)
        message = text.splitlines()[0]  # the lines below are about the device
        _log.append(f"[{second:5}.{part:06}] {message}\n")
    log = "".join(_log)
    return log if everything else log[max(0, log.rfind(_marker)) :]


def until(condition, timeout=PATIENCE):
    """Poll `condition()` until it is true, ever more seldom; its value. TimeoutError after `timeout` seconds."""
    end = time.monotonic() + timeout
    pause = 0.02
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout} s: {getattr(condition, '__doc__', None) or condition}")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.3)
    return value


class Hypervisor:
    """The controls of vscsi_lab.ko for one connection, by its client unit; the server's is + 0x01000000.

    Ends are called "client" and "server".
    """

    def __init__(self, client=0x30000003):
        self.client = client
        self.server = client + 0x01000000
        self._folder = Path(f"/sys/kernel/debug/vscsi_lab/{client:x}")

    def _inject(self, line):
        (self._folder / "inject").write_text(line)

    def event(self, end, code):
        """A transport event (1 failed, 2 deregistered, 6 suspended) into the queue of that end."""
        self._inject(f"{end} event {code}")

    def init(self, end, code):
        """An initialization message (1 INIT, 2 INIT COMPLETE) into the queue of that end, as from its partner."""
        self._inject(f"{end} init {code}")

    def take_away(self):
        """The server's adapter, for good."""
        self._inject("server shut 0")

    def power(self, flags):
        """The server's own kernel is suspended (1), has resumed (2): VSCSI_CRQ_EV_*."""
        self._inject(f"server power {flags}")

    def answer(self, end, call, code, count=1):
        """The next `count` calls (reg, free, send, enable, signal, copy, partner) of that end only get `code`."""
        self._inject(f"{end} {call} {code} {count}")

    def state(self):
        """{"client": {"registered": 1, ...}, "server": {...}, "mapped": bytes of the server's DMA memory}"""
        found = {}
        for line in (self._folder / "state").read_text().splitlines():
            end, *fields = line.split()
            values = {k: int(v) for k, v in (f.split("=") for f in fields)}
            if "mapped" in values:
                found["mapped"] = values["mapped"]
            else:
                found[end] = values
        return found
