"""One screen, one file. Each has a `router`; web.app gathers them."""
