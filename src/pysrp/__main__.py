"""``python -m pysrp``: the command line."""

from pysrp.cli import main

main()
