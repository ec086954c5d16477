"""The command line: flags in, exit code out. Only here is anything printed."""
