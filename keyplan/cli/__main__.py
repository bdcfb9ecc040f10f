"""`python -m keyplan.cli`."""

import sys

from keyplan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
