"""The trust harness: what must never happen, tried many times, on real engines, with bugs planted to be caught."""
