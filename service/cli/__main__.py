"""`python -m service.cli` is `tonglu`."""

from service.cli import main

main()
