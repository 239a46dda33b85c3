"""The parts that run at C speed. Private: import their names from the modules of :mod:`pysrp`."""
