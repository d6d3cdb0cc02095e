"""Practising a night: a made-up country, a script, a clock of its own, and no way out."""
