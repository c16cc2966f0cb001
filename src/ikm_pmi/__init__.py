"""PPKM restrictions, the manufacturing PMI, and jobs in Indonesia's small and medium industry.

The package is imported by the chapters in ``notebooks/``. Heavy libraries are imported where
they are used, so that ``import ikm_pmi`` costs little.
"""

from importlib.metadata import PackageNotFoundError, version

from ikm_pmi.errors import ChapterError, DataError, EstimationError, IkmPmiError, ParameterError

try:
    __version__ = version("ikm-pmi")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"

__all__ = [
    "ChapterError",
    "DataError",
    "EstimationError",
    "IkmPmiError",
    "ParameterError",
    "__version__",
]
