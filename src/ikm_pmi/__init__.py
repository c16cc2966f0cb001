"""PPKM restrictions, the manufacturing PMI, and jobs in Indonesia's small and medium industry.

``import ikm_pmi as ikm`` offers the names below, for the chapters of the study and for data of your
own. Each is loaded when it is first used, so that the import costs little.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ikm_pmi.errors import IkmPmiError

if TYPE_CHECKING:
    from ikm_pmi.data.package import catalogue, load, load_many
    from ikm_pmi.engine.publish import publish
    from ikm_pmi.engine.values import multiverse, validation_table
    from ikm_pmi.inference.absorbed import absorb
    from ikm_pmi.inference.diagnostics import residual_checks
    from ikm_pmi.inference.few_clusters import few_clusters
    from ikm_pmi.inference.of_fit import conformal, har, placebo_windows, shift_test
    from ikm_pmi.jobs.bounds import bounds
    from ikm_pmi.jobs.chain import chain
    from ikm_pmi.jobs.elasticity import elasticity
    from ikm_pmi.jobs.orders import order_book
    from ikm_pmi.pmi.counterfactual import counterfactual
    from ikm_pmi.pmi.cross_country import country_panel
    from ikm_pmi.pmi.dose import dose_response
    from ikm_pmi.pmi.event_study import event_study
    from ikm_pmi.pmi.sample import monthly_frame
    from ikm_pmi.pmi.synthetic import synthetic_control
    from ikm_pmi.pmi.wave import wave
    from ikm_pmi.report.page import of_result as _of_result  # noqa: F401
    from ikm_pmi.report.plots import plot as _plot  # noqa: F401
    from ikm_pmi.results import Estimate, TestResult
    from ikm_pmi.study import defaults, settings

try:
    __version__ = version("ikm-pmi")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"

__all__ = [
    "Estimate",
    "IkmPmiError",
    "TestResult",
    "absorb",
    "bounds",
    "catalogue",
    "chain",
    "conformal",
    "counterfactual",
    "country_panel",
    "defaults",
    "dose_response",
    "elasticity",
    "event_study",
    "few_clusters",
    "har",
    "load",
    "load_many",
    "monthly_frame",
    "multiverse",
    "order_book",
    "placebo_windows",
    "publish",
    "residual_checks",
    "settings",
    "shift_test",
    "synthetic_control",
    "validation_table",
    "wave",
]

if not TYPE_CHECKING:  # else a type checker takes every name for one of ours
    _ROOMS = {
        "Estimate": "results",
        "TestResult": "results",
        "absorb": "inference.absorbed",
        "bounds": "jobs.bounds",
        "catalogue": "data.package",
        "chain": "jobs.chain",
        "conformal": "inference.of_fit",
        "counterfactual": "pmi.counterfactual",
        "country_panel": "pmi.cross_country",
        "defaults": "study",
        "dose_response": "pmi.dose",
        "elasticity": "jobs.elasticity",
        "event_study": "pmi.event_study",
        "few_clusters": "inference.few_clusters",
        "har": "inference.of_fit",
        "load": "data.package",
        "load_many": "data.package",
        "monthly_frame": "pmi.sample",
        "multiverse": "engine.values",
        "order_book": "jobs.orders",
        "placebo_windows": "inference.of_fit",
        "publish": "engine.publish",
        "residual_checks": "inference.diagnostics",
        "settings": "study",
        "shift_test": "inference.of_fit",
        "synthetic_control": "pmi.synthetic",
        "validation_table": "engine.values",
        "wave": "pmi.wave",
    }

    def __getattr__(name: str) -> object:
        """The name from its room, once it is asked for."""
        rooms = _ROOMS | {"_plot": "report.plots", "_of_result": "report.page"}  # of results
        if name not in rooms:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{rooms[name]}"), name.lstrip("_"))
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """What a completion offers: the names above and nothing else."""
        return [*__all__, "__version__"]
