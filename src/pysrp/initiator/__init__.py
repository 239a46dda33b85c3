"""The initiator: what ibmvscsi is to a Linux client.

:mod:`.engine` is the state machine, :mod:`.units` what a client does with logical units (scan, read, write),
:mod:`.workload` many reads and writes as columns. :mod:`.session` joins all that to a port in plain blocking
calls, :mod:`.aio` in asyncio.
"""
