"""`python -m tokenry.cli` is `tokenry`."""

from . import main

main()
