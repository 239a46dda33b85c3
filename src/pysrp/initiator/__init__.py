"""The initiator: what ibmvscsi is to a Linux client.

:mod:`.engine` is the state machine, :mod:`.session` joins it to a port in plain blocking calls,
:mod:`.aio` in asyncio.
"""
