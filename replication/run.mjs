// Runs headlines.R with the R of the npm package webr, in node, on the files of this project, and
// prints what it prints; a warning of R is an error.   node replication/run.mjs <webr's folder dist>
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = resolve(process.argv[2]);
const { WebR } = await import(pathToFileURL(join(dist, "webr.mjs")));
const webR = new WebR({ baseUrl: dist + "/" });
await webR.init();
await webR.FS.mkdir("/study");
await webR.FS.mount("NODEFS", { root: dirname(here) }, "/study");
await webR.evalRVoid('setwd("/study")');
const script = readFileSync(join(here, "headlines.R"), "utf8");
const shelter = await new webR.Shelter();
const { output } = await shelter.captureR(script, { withAutoprint: false });
const unasked = output.filter(({ type }) => type !== "stdout");
if (unasked.length) throw new Error(`${unasked.length} warning(s) or message(s) of R`);
output.forEach(({ data }) => console.log(data));
process.exit(0);
