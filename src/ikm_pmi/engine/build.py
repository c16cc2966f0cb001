"""The whole study as a build graph: the unchanged is skipped, a failure does not stop the rest.

The graph is pytask's, the steps are this project's: check the data, build the processed tables,
then one step a chapter. A step runs again when the hash of anything it reads or has written differs
from the last good run, so an edited or deleted result is noticed. pytask keeps its state in
``results/.build``.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytask
from pytask import PNode, Session, TaskOutcome, TaskWithoutPath, hookimpl

from ikm_pmi.data.atomic import clear_leftovers
from ikm_pmi.engine import changes, kernel_server, manifest
from ikm_pmi.engine.folders import lock_folder
from ikm_pmi.errors import ChapterError, DataError, FileError, IkmPmiError
from ikm_pmi.study import CHAPTERS, LONG, READS


@dataclass(kw_only=True)
class Files(PNode):
    """Some files below a folder; their state is one hash over all of them."""

    name: str
    folder: Path
    patterns: tuple[str, ...] = ("**/*",)
    attributes: dict[Any, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """What makes this node the same in two steps."""
        return manifest.digest([self.folder.as_posix(), *self.patterns])

    def state(self) -> str | None:
        """Hash of names and contents, or None when there are no such files."""
        found = manifest.file_hashes(self.folder, self.patterns)
        return manifest.digest(found) if found else None

    def load(self, is_product: bool = False) -> None:
        """Nothing is handed to a step: it reads its files itself."""

    def save(self, value: Any) -> None:
        """Nothing to do: a step writes its files itself."""


@dataclass(kw_only=True)
class Step(TaskWithoutPath):
    """A step whose work is a plain function of plain arguments.

    ``made_from`` are plain values it depends on, such as the hash of the code.
    """

    arguments: tuple[Any, ...] = ()
    made_from: Any = None

    def __post_init__(self) -> None:
        """Leave the nodes that pytask hands on aside: a step reads and writes its files itself."""
        work, arguments = self.function, self.arguments
        self.function = lambda **_: work(*arguments)

    def state(self) -> str:
        """Hash of the values."""
        return manifest.digest(self.made_from)


Tell = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """What a build did, by the names of its steps."""

    ran: tuple[str, ...]
    unchanged: tuple[str, ...]
    not_reached: tuple[str, ...]
    failed: tuple[tuple[str, IkmPmiError], ...]
    moved: tuple[changes.Change, ...] = ()


def _check_data(root: Path, report: Path) -> None:
    from ikm_pmi.engine import processed

    found = processed.check(root)
    # What is wrong with the processed tables the next step puts right.
    wrong = [problem for problem in found.problems if problem.severity == "error"]
    wrong = [problem for problem in wrong if not problem.file.startswith("processed/")]
    if wrong:
        raise DataError(
            f"the data package has {len(wrong)} error(s)",
            expected="data/raw as its datapackage.json describes it",
            found=wrong[0].text().replace("\n", "\n  "),
            where="data/raw",
            todo="see all of them: ikm-pmi data check",
        )
    manifest.write_whole(report, found.text() + "\n")


def _build_data(root: Path) -> None:
    from ikm_pmi.engine import processed

    processed.build(root)


def _run_chapter(chapter: str, root: Path, results_dir: Path) -> None:
    from ikm_pmi.engine.chapters import run

    run(chapter, root=root, results_dir=results_dir)


def steps(root: Path, results_dir: Path, chapters: Iterable[str]) -> list[Step]:
    """The steps of the study, with what each reads and writes."""
    raw = Files(name="data", folder=root / "data" / "raw")
    processed = Files(name="processed data", folder=root / "data" / "processed")
    report = results_dir / "data_check.txt"
    checked = Files(name="data check", folder=results_dir, patterns=(report.name,))
    software = manifest.software()
    found = [
        Step(
            name="data check",
            function=_check_data,
            arguments=(root, report),
            made_from=software,
            depends_on={"raw": raw},
            produces={"report": checked},
        ),
        Step(
            name="data build",
            function=_build_data,
            arguments=(root,),
            made_from=software,
            depends_on={"raw": raw, "checked": checked},
            produces={"processed": processed},
        ),
    ]
    for chapter in chapters:
        own = (f"notebooks/{chapter}.ipynb", *READS.get(chapter, ()))
        results = Files(name="results", folder=results_dir / chapter)
        step = Step(
            name=chapter,
            function=_run_chapter,
            arguments=(chapter, root, results_dir),
            made_from=[software, manifest.file_hashes(root, own)],
            depends_on={"raw": raw, "processed": processed},
            produces={"results": results},
            markers=[pytask.mark.try_first.mark] if chapter in LONG else [],
        )
        found.append(step)
    return found


def build(
    root: Path,
    *,
    results_dir: Path | None = None,
    chapters: Iterable[str] = tuple(CHAPTERS),
    jobs: int = 2,
    force: bool = False,
    tell: Tell | None = None,
) -> Build:
    """Bring the results up to date.

    Parameters
    ----------
    root : Path
        The project's checkout.
    results_dir : Path, optional
        ``results/`` of the project by default.
    chapters : iterable of str
        Names of chapters; all by default.
    jobs : int
        Steps run at the same time.
    force : bool
        Run every step, changed or not.
    tell : callable, optional
        Called with ``"start"`` or the outcome, and the name of the step.

    Raises
    ------
    ChapterError
        When the build graph itself cannot be made, or another process is at work in the folder.
    """
    root, chapters = root.resolve(), tuple(chapters)  # workers have their own working directory
    results_dir = (results_dir or root / "results").resolve()
    notebooks = {name: root / "notebooks" / f"{name}.ipynb" for name in chapters}
    made_from = {
        name: manifest.inputs(path, CHAPTERS[name].parse({}).model_dump(mode="json"))
        for name, path in notebooks.items()
        if path.is_file()  # a missing one fails as a step, not here
    }
    options = {"n_workers": jobs, "force": force, "ikm_pmi_tell": tell, "ikm_pmi_root": root}
    state = results_dir / ".build"
    with lock_folder(results_dir, "reproduce"):
        clear_leftovers(results_dir, state, root / "data" / "processed")
        before = changes.known(root, results_dir)
        found = _outcomes(_session(steps(root, results_dir, chapters), state, options))
        # The unchanged, too: a run killed before this line has left them out.
        done = [name for name in (*found.ran, *found.unchanged) if name in made_from]
        manifest.record(results_dir, {name: made_from[name] for name in done})
        for name in done:  # of a failure that has been put right
            (results_dir / "failed" / f"{name}.ipynb").unlink(missing_ok=True)
        ran = [name for name in found.ran if name in made_from]
        if ran or not (results_dir / changes.FILE).is_file():
            found = replace(found, moved=changes.record(before, results_dir, ran))
    return found


def _session(todo: list[Step], state: Path, options: dict[str, Any]) -> Session:
    """Run pytask without its console, its state in a folder of ours."""
    config = state / "pytask.toml"
    # Threads: the work is in the kernels, and no worker has to import anything.
    options = {"parallel_backend": "threads", **options}
    # pytask-parallel looks once a second for a step that has ended; here, every hundredth of it.
    sleeper: Any = getattr(importlib.import_module("pytask_parallel.execute"), "_Sleeper", None)
    if sleeper is not None:
        sleeper.increment = lambda _: None
    for attempt in ("keep", "renew"):
        if attempt == "renew":  # a state that pytask cannot read costs a rerun, not an error
            shutil.rmtree(state, ignore_errors=True)
        manifest.write_whole(config, "[tool.pytask.ini_options]\n")
        quiet, pytask.console.quiet = pytask.console.quiet, True
        try:
            session = pytask.build(
                tasks=todo, config=config, capture="no", verbose=0, show_traceback=False, **options
            )
        finally:
            pytask.console.quiet = quiet
        if session.exit_code in (pytask.ExitCode.OK, pytask.ExitCode.FAILED):
            return session
    raise ChapterError(
        "the build graph cannot be made",
        expected="steps whose inputs exist",
        found=f"pytask: {session.exit_code!s}",
        where=str(state),
        todo="run a chapter alone to see more: ikm-pmi run 01",
    )


def _outcomes(session: Session) -> Build:
    names: dict[TaskOutcome, list[str]] = {outcome: [] for outcome in TaskOutcome}
    failed = []
    for report in session.execution_reports:
        names[report.outcome].append(report.task.name)
        if report.exc_info and report.exc_info[1] and report.outcome == TaskOutcome.FAIL:
            failed.append((report.task.name, _as_ours(report.task.name, report.exc_info[1])))
    reached = {name for some in names.values() for name in some}
    rest = [task.name for task in session.tasks if task.name not in reached]
    return Build(
        ran=tuple(names[TaskOutcome.SUCCESS]),
        unchanged=tuple(names[TaskOutcome.SKIP_UNCHANGED]),
        not_reached=(*names[TaskOutcome.SKIP_PREVIOUS_FAILED], *rest),
        failed=tuple(failed),
    )


def _as_ours(name: str, error: BaseException) -> IkmPmiError:
    if isinstance(error, IkmPmiError):
        return error
    if isinstance(error, OSError):
        return FileError.of(error)
    command = name if name.startswith("data") else f"run {name}"
    return ChapterError(
        f"{name} failed",
        expected="the step to run to its end",
        found=f"{type(error).__name__}: {error}",
        where=name,
        todo=f"see the traceback: ikm-pmi --debug {command}",
    )


@hookimpl(tryfirst=True)
def pytask_execute_task_log_start(session: Session, task: Step) -> None:
    """Tell that a step begins (this module is registered as a plugin of pytask)."""
    if tell := session.config.get("ikm_pmi_tell"):
        tell("start", task.name)


@hookimpl(tryfirst=True)
def pytask_execute_task(session: Session) -> None:
    """Have kernels forked once something runs: their process imports while the data are checked."""
    if "ikm_pmi_root" in session.config:
        kernel_server.start(session.config["ikm_pmi_root"])


@hookimpl(tryfirst=True)
def pytask_execute_task_log_end(session: Session, report: pytask.ExecutionReport) -> None:
    """Tell how a step ended."""
    if tell := session.config.get("ikm_pmi_tell"):
        tell(report.outcome.name.lower(), report.task.name)
