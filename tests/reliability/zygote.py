"""Starts the command line in processes of its own, the imports done before: a second saved each.

In: a line of JSON with arguments, folder, environment and output. Out: the number of a process that
is from there on what ``ikm-pmi`` is after its imports, leads a session of its own, and may be
killed. ``{"ended": number}`` waits for one and gives its exit status. The first line out names the
process that all of them have their kernels forked from.
"""

import importlib
import json
import os
import sys
import tempfile
import time

from ikm_pmi.engine import kernel_server

HEAVY = (
    *(
        "ikm_pmi.cli",
        "ikm_pmi.engine.build",
        "ikm_pmi.engine.sweep",
        "ikm_pmi.engine.reference",
    ),
    *("ikm_pmi.engine.processed", "papermill", "nbclient.exceptions", "pytask_parallel.execute"),
    *("jupyter_client.manager", "filelock", "psutil", "rich.console", "rich.table", "yaml"),
)


def serve():
    """Fork for each request; in the child, give the request."""
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            _, status = os.waitpid(request["ended"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
        elif (pid := os.fork()) == 0:
            return request
        else:
            print(pid, flush=True)
    return None


def become(request):
    """Run one command in this process."""
    os.setsid()
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, place in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(place, number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    tempfile.tempdir = None  # it is in the new environment
    kernel_server._own = None
    if shift := int(os.environ.get("SHIFT_CLOCK", 0)):
        now = time.time
        time.time = lambda: now() + shift
    if os.environ.get("BLANK_PAPER"):  # cheap chapters have not the numbers that its words name
        from ikm_pmi.share import package

        package.paper = lambda *_: b"%PDF"
    sys.argv = ["ikm-pmi", *request["arguments"]]
    from ikm_pmi.cli import main

    main()


if __name__ == "__main__":
    os.environ.pop(
        kernel_server.ADDRESS, None
    )  # the server of whoever started this is not ours to kill
    kernel_server.start()
    print(json.dumps([os.environ[kernel_server.ADDRESS], kernel_server._own[0].pid]), flush=True)
    for name in HEAVY:
        importlib.import_module(name)
    if asked := serve():
        become(asked)
