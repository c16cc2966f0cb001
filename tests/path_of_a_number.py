"""Run the way of one PMI value to the README and write what each function gave back.

Called as a script: project folder, file to write. The test of the same name
compares two runs.
"""

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path


def main(project, out):
    import pandas as pd  # noqa: F401 (before anything is recorded)

    import ikm_pmi
    from ikm_pmi.data import package
    from ikm_pmi.engine import headlines, manifest, processed, publish, reference
    from ikm_pmi.parameters import ImpactParameters
    from ikm_pmi.pmi import event_study, sample

    source, given = str(Path(ikm_pmi.__file__).parent), []

    def note(frame, event, value):
        name = frame.f_code.co_filename
        if event == "return" and name.startswith(source) and frame.f_code.co_name[0] != "<":
            try:
                told = hashlib.sha256(pickle.dumps(value)).hexdigest()
            except (TypeError, AttributeError, pickle.PicklingError):
                told = ""  # a lock, a context: carries no number
            given.append((name[len(source) + 1 :], frame.f_code.co_name, told))

    sys.setprofile(note)
    parameters = ImpactParameters()
    processed.build(project)
    frame = sample.assemble(package.load_many(sample.TABLES, project), parameters)
    found = event_study.evaluate(frame, parameters.episodes, parameters)
    publish.publish(parameters, estimates=found.estimates, data=sample.TABLES)
    results = Path(os.environ["IKM_PMI_RESULTS"], parameters.chapter, "result.json")
    fresh = reference.rounded(json.loads(results.read_text(encoding="utf-8")))
    committed = project / "reference" / f"{parameters.chapter}.json"
    known = json.loads(committed.read_text(encoding="utf-8"))
    new = {entry["name"]: entry for entry in fresh["estimates"]}
    known["estimates"] = [new.get(entry["name"], entry) for entry in known["estimates"]]
    manifest.write_whole(committed, manifest.to_json(known))
    headlines.answers(project)
    sys.setprofile(None)
    out.write_text(json.dumps(given))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
