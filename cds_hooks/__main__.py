"""`python -m cds_hooks` is `nmcds`."""

from cds_hooks.cli import main

main()
