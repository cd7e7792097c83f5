"""`python -m minifacenet` is the same as the console command `minifacenet`."""

from .cli import main

main()
