"""``python -m pysrp.cli``."""

from pysrp.cli import main

main()
