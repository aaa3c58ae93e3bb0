"""`python -m convotrace` is the `convotrace` command."""

from convotrace.cli import main

main(prog_name="convotrace")
