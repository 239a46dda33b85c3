"""The parts of a logical unit, each for one concern; :mod:`pysrp.target.unit` and :mod:`pysrp.target.disk` put them together.

=======================  ==============================================================================
every unit
=======================  ==============================================================================
``base``                 the unit's state behind its lock, and the checks before a command
``nexuses``              the lock, and the state of each nexus: whether its commands may be done, attentions, deferred errors
``commands``             the table of commands: which method handles which CDB, and when
``codes``                sense codes and unit attentions; faults that point into a CDB or a parameter list
``attentions``           the pending unit attentions of each nexus
``reservations``         the nexus that holds the unit with RESERVE
``reserving``            RESERVE, RELEASE
``persistent``           persistent reservations: registrations, the holder, and the rules
``persistent_commands``  PERSISTENT RESERVE IN and OUT
``jobs``                 work that goes on after the status, or that reports its progress
``readiness``            TEST UNIT READY, REQUEST SENSE
``identity``             the unit's names and identifiers
``inquiry``              INQUIRY and the VPD pages
``pages``                mode pages: default, changeable, current and saved values
``saved``                other state than reservations that survives a power loss
``modes``                MODE SENSE, MODE SELECT
``timestamps``           REPORT TIMESTAMP, SET TIMESTAMP
``information``          REPORT and SET IDENTIFYING INFORMATION
``port_groups``          target port groups, and which commands are carried out through their ports
``port_group_commands``  REPORT and SET TARGET PORT GROUPS
``reports``              REPORT LUNS, REPORT SUPPORTED OPERATION CODES and TASK MANAGEMENT FUNCTIONS
=======================  ==============================================================================

=======================  ==============================================================================
units with blocks
=======================  ==============================================================================
``blocks``               a medium in blocks: ranges, protection, errors as sense data
``moving``               READ, WRITE, PRE-FETCH, SYNCHRONIZE CACHE; how much is read and written
``provisioning``         WRITE SAME; UNMAP and GET LBA STATUS of thin disks
``thresholds``           the space of the medium of a thin disk, and thresholds of it
``formatting``           FORMAT UNIT
``sanitizing``           SANITIZE
``verifying``            VERIFY, WRITE AND VERIFY
``atomic``               COMPARE AND WRITE, ORWRITE, WRITE ATOMIC
``capacity``             READ CAPACITY, mode parameter block descriptors
``diagnostics``          SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER, WRITE BUFFER
``logs``                 LOG SENSE, LOG SELECT, READ DEFECT DATA
``copying``              EXTENDED COPY, RECEIVE COPY RESULTS
``stopping``             START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL
=======================  ==============================================================================

A part with commands is a class to inherit: ``Disk`` inherits all of them, another device type those that it needs.
"""
