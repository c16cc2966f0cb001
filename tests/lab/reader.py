"""A reader of a chapter: JupyterLab is started, a notebook opened, cells changed and run."""

import json
import os
import re
import sys
import time
from contextlib import contextmanager

import psutil
import pytest
from selenium.webdriver import ActionChains, Keys

OPTIONS = (
    *("--no-browser", "--expose-app-in-browser", "--allow-root", "--IdentityProvider.token=reader"),
    *("--ServerApp.port=0", "--LabApp.news_url=None"),
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)
OPEN = """
const [path, apart] = given, app = window.jupyterapp;
await app.restored;
const kernels = app.serviceManager.kernels;
const kernel = apart ? { id: (await kernels.startNew({ name: "python3" })).id } : undefined;
window.panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook", kernel });
await panel.context.ready;
await panel.sessionContext.ready;
window.newest = 0; // what the kernel counts; the cells' counts come from the file at first
panel.sessionContext.iopubMessage.connect((_, message) => {
  if (message.header.msg_type === "execute_input") newest = message.content.execution_count;
});
"""
STATE = """
const text = (o) => [].concat(o.traceback ?? o.text ?? "").join("");
const all = panel.content.widgets.map(({ model }, index) => ({
  ...{ index, type: model.type, source: model.sharedModel.getSource() },
  ...{ count: model.executionCount, state: model.executionState },
  outputs: (model.toJSON().outputs ?? []).map((o) => [o.output_type, text(o)]),
}));
const cells = all.filter((cell) => cell.type === "code" && cell.source);
return { newest, cells, kernel: panel.sessionContext.session?.kernel?.status };
"""


def wait_until(what, holds, told=str, seconds=60):
    """What ``holds()`` gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}\n{told()}")
        time.sleep(0.05)
    return found


@contextmanager
def jupyterlab(home, root, project):
    """Its address: settings of its own, at work in its home; it and its kernels end at last."""
    home.mkdir()
    log, runtime = home / "server.log", home / "runtime"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IKM_PMI"))}
    own = {"HOME": f"{home}", "JUPYTER_RUNTIME_DIR": f"{runtime}", "IKM_PMI_ROOT": f"{project}"}
    command = [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--ServerApp.root_dir={root}"]
    with log.open("w") as out:
        running = psutil.Popen(command, env=kept | own, cwd=home, stdout=out, stderr=out)

    def facts():
        assert running.poll() is None, log.read_text()
        texts = [path.read_text() for path in runtime.glob("jpserver-*.json")]
        return [json.loads(text) for text in texts if text.endswith("}")]

    try:
        wait_until("JupyterLab is started", facts, log.read_text)
        yield facts()[0]["url"] + "lab?token=reader"
    finally:
        if running.poll() is None:
            started = [running, *running.children(recursive=True)]
            running.terminate()
            for one in psutil.wait_procs(started, timeout=10)[1]:
                one.kill()


class Lab:
    """A notebook open in JupyterLab: what its reader does there, and what the page then holds."""

    def __init__(self, browser, address, path, *, apart):
        self.browser = browser
        browser.get(address)
        wait_until("JupyterLab is shown", lambda: self.js("return !!window.jupyterapp"))
        self.js(OPEN, path, apart)

    def js(self, body, *given):
        script = f"const given = [...arguments]; return (async () => {{ {body} }})()"
        return self.browser.execute_script(script, *given)

    def cells(self):
        """The code cells that are not empty."""
        return self.js(STATE)["cells"]

    def write(self, index, source):
        model = "panel.content.widgets[given[0]].model"
        self.js(f"{model}.sharedModel.setSource(given[1])", index, source)

    def rewrite(self, old, new):
        """Change the beginning of a line of a parameters cell."""
        cell = next(c for c in self.cells() if re.search(f"(?m)^{old}", c["source"]))
        source, times = re.subn(f"(?m)^{old}", new, cell["source"])
        assert times == 1
        self.write(cell["index"], source)

    def set(self, values):
        for name, value in values.items():
            self.rewrite(f"{name} = [^#]*", f"{name} = {json.dumps(value)}  ")

    def insert(self, where, index, source):
        """A cell of the reader's own, above or below another."""
        self.js("panel.content.activeCellIndex = given[0]", index)
        self.js(f"await jupyterapp.commands.execute('notebook:insert-cell-{where}')")
        self.write(self.js("return panel.content.activeCellIndex"), source)

    def save(self):
        self.js("await jupyterapp.commands.execute('docmanager:save')")

    def run_all(self):
        return self._run(lambda: self.js("jupyterapp.commands.execute('notebook:run-all-cells')"))

    def run_all_by_menu(self):
        def press():
            for text in ("Run", "Run All Cells"):
                label = f"//*[contains(@class, 'itemLabel') and normalize-space() = '{text}']"
                wait_until(text, lambda path=label: self.browser.find_elements("xpath", path))
                self.browser.find_element("xpath", label).click()

        return self._run(press)

    def run_by_keyboard(self, index):
        self.js("panel.content.activeCellIndex = given[0]; panel.content.activate()", index)
        keys = ActionChains(self.browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER)
        return self._run(keys.key_up(Keys.CONTROL).perform, number=1)

    def _run(self, press, number=None):
        """The cells that ran, when all are done or one has failed."""
        before, wanted = self.js("return newest"), number or len(self.cells())

        def ended():
            now = self.js(STATE)
            ran = [cell for cell in now["cells"] if before < (cell["count"] or 0) <= now["newest"]]
            idle = {now["kernel"], *(cell["state"] for cell in now["cells"])} == {"idle"}
            return idle and (len(ran) == wanted or said(ran, "error")) and ran

        def told():
            now = self.js(STATE)
            cells = [(cell["source"][:40], cell["state"], cell["count"]) for cell in now["cells"]]
            return f"the kernel is {now['kernel']}: {cells}"

        press()
        return wait_until(f"{wanted} cells run after {before}", ended, told, seconds=120)


def said(cells, kind):
    """The texts of outputs of a kind, ``stream`` or ``error``."""
    return [text for cell in cells for one, text in cell["outputs"] if one == kind]
