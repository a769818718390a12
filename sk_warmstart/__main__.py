"""Run the command line: ``python -m sk_warmstart``."""

import sys

from .cli import main as _main


def main() -> None:
    """Run the command and end the process with its status."""
    sys.exit(_main())


if __name__ == "__main__":
    main()
