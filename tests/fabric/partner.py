"""A second process for the tests: opens one end of a URL and runs what it is told on standard input."""

import json
import sys

from pysrp import fabric


def main(role, url):
    """Execute one JSON string of Python code per line; answer with the variable ``result``."""
    names = {"fabric": fabric, "url": url}
    if role == "connect":
        names["port"] = fabric.connect(url, window_size=1 << 20, timeout=60)
    elif role == "listen":
        names["listener"] = fabric.listen(url, window_size=1 << 20)
        print("null", flush=True)
    for line in sys.stdin:
        names["result"] = None
        exec(json.loads(line), names)
        print(json.dumps(names["result"]), flush=True)


main(*sys.argv[1:])
