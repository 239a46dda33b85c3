"""Fuzz builders, setters and columns with objects that run code while they are measured; see objects.py."""

import harness

harness.fuzz("objects")
