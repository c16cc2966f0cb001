"""The command line: ``ikm-pmi``.

Exit status 0 when all that was asked for is there, 1 after a failed run, 2 for wrong usage or bad
input. Only this package prints.
"""

from ikm_pmi.cli import data, share, site, study, trust  # noqa: F401 (they register their commands)
from ikm_pmi.cli.app import app, main

__all__ = ["app", "main"]
