"""`python -m nrm` is the same as the command `nrm`."""

from nrm.cli import main

main()
