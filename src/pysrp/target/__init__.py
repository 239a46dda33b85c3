"""A VSCSI target: the server side of a virtual SCSI adapter, in user space (SRP r16a, LoPAR virtual SCSI).

:class:`~pysrp.target.serve.Server` serves logical units at a URL; :class:`~pysrp.target.engine.Target` is the
protocol engine of one adapter, :class:`~pysrp.target.lunmap.LunMap` says which units it exports.
"""
