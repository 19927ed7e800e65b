"""`python -m pvuw`."""

import sys

from pvuw.cli import main

if __name__ == "__main__":
    sys.exit(main())
