// The page "Check it yourself": R in the reader's browser, on files of this site, beside Python.
const at = new URL(".", import.meta.url);
const find = (name) => document.getElementById(`check-${name}`);
const say = (text) => (find("status").textContent = text);
const get = async (name) => {
  const answer = await fetch(new URL(name, at));
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer;
};
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1);
const { files, known, tolerances } = await (await get("check.json")).json();
find("script").value = await (await get("headlines.R")).text();
find("run").disabled = false;

let started; // R, once it is asked for
async function start() {
  const { WebR, ChannelType } = await import(new URL("webr/webr.js", at));
  const webR = new WebR({
    baseUrl: new URL("webr/", at).href,
    channelType: ChannelType.PostMessage, // needs no headers of the server
    interactive: false,
  });
  await webR.init();
  for (const folder of ["/study", "/study/data", "/study/data/raw", "/study/data/processed"])
    await webR.FS.mkdir(folder);
  for (const name of files)
    await webR.FS.writeFile(`/study/${name}`, new Uint8Array(await (await get(name)).arrayBuffer()));
  await webR.evalRVoid('setwd("/study")');
  return webR;
}

function rows(lines) {
  const [head, ...body] = lines.map((line) => line.split(","));
  return body.map((cells) => Object.fromEntries(head.map((name, i) => [name, cells[i]])));
}

function show(found) {
  const body = find("table").tBodies[0];
  let numbers = 0;
  let off = 0;
  body.replaceChildren();
  for (const { name, how, ...cells } of found) {
    const own = known[name] ?? {};
    const differences = Object.entries(cells)
      .filter(([, r]) => r !== "")
      .map(([cell, r]) => (r - own[cell] ? Math.abs(r / own[cell] - 1) : r - own[cell]));
    const largest = Math.max(...differences); // NaN where Python has no such number
    const agrees = largest <= tolerances[how];
    numbers += differences.length;
    off += !agrees;
    const row = body.insertRow();
    const head = row.appendChild(document.createElement("th"));
    head.scope = "row";
    head.textContent = name;
    const texts = [own.value, cells.value].map((x) => Number(x).toPrecision(10));
    for (const text of [...texts, largest.toExponential(0), agrees ? "agrees" : "differs"])
      row.insertCell().textContent = text;
  }
  find("rows").hidden = false;
  return `${found.length} estimates, ${numbers} numbers: ${off || "none"} of the estimates differ.`;
}

async function run() {
  const begun = performance.now();
  find("run").disabled = true;
  let shelter;
  try {
    if (!started) say("R is loading …");
    started ??= start();
    const webR = await started;
    const loaded = seconds(begun);
    say("R computes …");
    shelter = await new webR.Shelter();
    const { output } = await shelter.captureR(find("script").value, { withAutoprint: false });
    const lines = output.filter(({ type }) => type === "stdout").map(({ data }) => data);
    const table = lines.slice(lines.findIndex((line) => line.startsWith("name,")));
    say(`${show(rows(table))} R was there after ${loaded} s, the numbers after ${seconds(begun)} s.`);
  } catch (error) {
    say(`R stopped: ${error.message}`);
  }
  await shelter?.purge();
  find("run").textContent = "Run again";
  find("run").disabled = false;
}
find("run").addEventListener("click", run);
