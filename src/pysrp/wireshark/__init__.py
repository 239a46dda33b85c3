"""SRP and virtual SCSI in Wireshark: a dissector, capture files, and a live interface.

``tables`` makes the dissector from the field tables, ``captured`` is one record as a packet, ``captures`` converts
recordings to pcapng and back, ``extcap`` is the live interface. docs/wireshark.md is the user's guide.
"""
