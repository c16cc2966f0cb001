"""``ikm-pmi package``: code, data, results and what an editor asks for, in one zip."""

from ikm_pmi.pipeline.package.contents import package

__all__ = ["package"]
