"""Virtual SCSI: what carries SRP on POWER (LoPAR, virtual SCSI; viosrp.h of Linux).

An adapter joins one SRP session to a command/response queue: the queue's initialization, its transport events, the
management datagrams, the element that goes with each IU. What an IU says is no concern of this room.
"""
