"""The command line: ``ikm-pmi``.

Exit status 0 when all that was asked for is there, 1 after a failed run, 2 for wrong usage or bad
input. Only this package prints.
"""

import sys

from ikm_pmi.errors import not_installed

try:
    from ikm_pmi.cli import data, results, study  # noqa: F401 (they register commands)
    from ikm_pmi.cli.app import app, main
except ModuleNotFoundError as _missing:
    if str(_missing.name).startswith("ikm_pmi"):
        raise
    _told = not_installed(_missing, "study", what="the command line")

    def main() -> None:
        """Say what to install."""
        sys.exit(f"error: {_told}")


__all__ = ["app", "main"]
