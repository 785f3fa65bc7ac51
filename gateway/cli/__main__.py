"""``python -m gateway.cli`` is ``narthex``."""

from gateway.cli import main

if __name__ == "__main__":
    main()
