"""``python -m platefree``, as torchrun starts it."""

from platefree.cli import main

main()
