"""One study of cheap chapters, reproduced once, for all that is broken in it."""

import faults
import pytest


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Commands in it."""
    base = tmp_path_factory.mktemp("faults")
    commands = faults.Commands(faults.make_study(base / "a study"), base / "scratch")
    commands.run("reproduce")
    yield commands
    commands.close()
