"""``python -m platefree``, as torchrun starts it."""

from platefree.cli import main

if __name__ == "__main__":  # processes that embed import this file too
    main()
