"""`python -m harness`."""

import sys
import traceback

from harness.errors import EXIT_FAULT

try:
    from harness.cli import main

    code = main()
except Exception:
    # Python would end with 1, which says that a series regressed or a row failed.
    traceback.print_exc()
    code = EXIT_FAULT
sys.exit(code)
