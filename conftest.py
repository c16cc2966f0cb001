"""Every pytest run writes results to a folder of its own, never into results/."""

import atexit
import os
import shutil
import tempfile

if "IKM_PMI_RESULTS" not in os.environ:
    os.environ["IKM_PMI_RESULTS"] = tempfile.mkdtemp(prefix="ikm_pmi-")
    atexit.register(shutil.rmtree, os.environ["IKM_PMI_RESULTS"], ignore_errors=True)
# As in a run of a chapter: one thread, so that sums are added in the same order everywhere.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
