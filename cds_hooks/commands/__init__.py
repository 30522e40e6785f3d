"""What each `nmcds` command does; `cds_hooks.cli` says how it is called."""
