"""The parts of a logical unit, each with one idea; :mod:`pysrp.target.unit` and :mod:`pysrp.target.disk` put them together.

=======================  ==============================================================================
every unit
=======================  ==============================================================================
``base``                 what a unit keeps behind its lock, and what stands in the way of a command
``nexuses``              the lock, and the nexuses: for which the way is open, how each is told what it has to know
``commands``             the table of commands: which method handles which CDB, and when
``codes``                sense codes and unit attentions; faults that point into a CDB or a parameter list
``attentions``           what each nexus is still to be told
``reservations``         who holds the unit with RESERVE
``reserving``            RESERVE, RELEASE
``persistent``           persistent reservations: who is registered, who holds the unit, and the rules
``persistent_commands``  PERSISTENT RESERVE IN and OUT
``jobs``                 what goes on after the status, or reports how far it is
``readiness``            TEST UNIT READY, REQUEST SENSE
``identity``             who the unit says it is
``inquiry``              INQUIRY and the VPD pages
``pages``                mode pages: default, changeable, current and saved values
``saved``                what else than reservations outlasts the power
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
``thresholds``           how much room there is behind a thin disk, and thresholds of it
``formatting``           FORMAT UNIT
``sanitizing``           SANITIZE
``verifying``            VERIFY, WRITE AND VERIFY
``atomic``               COMPARE AND WRITE, ORWRITE, WRITE ATOMIC
``capacity``             READ CAPACITY, another size
``diagnostics``          SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER, WRITE BUFFER
``logs``                 LOG SENSE, LOG SELECT, READ DEFECT DATA
``copying``              EXTENDED COPY, RECEIVE COPY RESULTS
``stopping``             START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL
=======================  ==============================================================================

A part with commands is a class to inherit: ``Disk`` is all of them, another device type takes what it needs.
"""
