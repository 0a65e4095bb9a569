"""``python -m nesymres_sk`` is the command ``nesymres``."""

from __future__ import annotations

import sys

from nesymres_sk.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
