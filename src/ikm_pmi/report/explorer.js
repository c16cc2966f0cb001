// The arithmetic of chapter 07 (models/transmission.py, models/order_book.py) on the numbers and
// draws that models/explorer.py hands over, redrawn whenever a control moves.
(() => {
  "use strict";
  const page = document.currentScript.closest(".ikm-explorer");
  const { values, draws, words, language } = JSON.parse(
    page.querySelector(".explorer-data").textContent);
  const by = (name) => page.querySelector(`[data-name="${name}"]`);
  const months = values.months;

  // --- draws: 32-bit steps between the smallest and the largest -----------------------------------
  const drawn = Object.fromEntries(Object.entries(draws).map(([name, { low, step, data }]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    return [name, Float64Array.from(new Uint32Array(bytes.buffer), (q) => low + q * step)];
  }));
  const n = drawn.elasticity.length;
  const each = (f) => { const out = new Float64Array(n); for (let i = 0; i < n; i++) out[i] = f(i); return out; };

  function summary(point, x) {
    const sorted = x.slice().sort();
    const at = (q) => {
      const k = q * (n - 1), i = Math.floor(k);
      return sorted[i] + (sorted[Math.min(i + 1, n - 1)] - sorted[i]) * (k - i);
    };
    const tail = (1 - values.level) / 2;
    return { point, low: at(tail), q25: at(0.25), q75: at(0.75), high: at(1 - tail) };
  }

  function triangular(u, low, mode, high) {
    if (high <= low) return mode;
    const width = high - low;
    return u * width <= mode - low
      ? low + Math.sqrt(u * (mode - low) * width) : high - Math.sqrt((1 - u) * (high - mode) * width);
  }

  // --- the model ----------------------------------------------------------------------------------
  const steps = (x) => Math.round(x * 1e6) / 1e6;
  function levels(s) {
    const { path, reference } = values.measures[s.measure];
    return months.map((_, k) => k >= s.length ? reference : s.shape === "held" ? s.held
      : s.strength === 100 ? path[k] : steps(reference + s.strength / 100 * (path[k] - reference)));
  }

  function chain(s) {
    const { reference, coefficients: [b, c], root } = values.measures[s.measure];
    const bridge = values.bridges[s.bridge], shift = s.elasticity - values.elasticity;
    const bs = each((i) => b + root[0][0] * drawn.z_change[i]);
    const cs = each((i) => c + root[1][0] * drawn.z_change[i] + root[1][1] * drawn.z_before[i]);
    const gain = each((i) => (bridge.slope + bridge.root * drawn.z_bridge[i]) / 12 * drawn.pass_through[i]);
    const point = bridge.slope / 12 * values.pass_through;
    const perOutput = (e) => values.workers * e / 100;
    const path = levels(s), d = path.map((level) => level - reference), sum = new Float64Array(n);
    let mean = null, total = 0;
    const rows = [];
    d.forEach((now, k) => {
      const before = k ? d[k - 1] : 0;
      const head = { month: months[k], label: values.labels[k], restriction: path[k], last: k === s.length - 1 };
      if (now === 0 && before === 0) {  // nothing is added to what went before
        const zero = summary(0, new Float64Array(n)), held = rows[k - 1];
        rows.push({ ...head, pmi: zero, output: held ? held.output : zero, workers: held ? held.workers : zero });
      } else {
        const moved = b * (now - before) + c * before;
        const pmi = each((i) => bs[i] * (now - before) + cs[i] * before);
        total += moved;
        for (let i = 0; i < n; i++) sum[i] += pmi[i];
        const output = each((i) => sum[i] * gain[i]);
        const workers = each((i) => perOutput(drawn.elasticity[i] + shift) * output[i]);
        rows.push({ ...head, pmi: summary(moved, pmi), output: summary(total * point, output),
          workers: summary(perOutput(s.elasticity) * total * point, workers) });
      }
      if (head.last) mean = summary(total / s.length, each((i) => sum[i] / s.length));
    });
    return { rows, mean, end: rows[s.length - 1] };
  }

  function order(s) {
    const base = values.orders.find((o) => o.name === s.order);
    const shift = s.elasticity - values.elasticity;
    const [low, high] = values.share_range, [lowest, highest] = values.multiplier_range;
    const output = (share, leakage, multiplier, indirect) => s.value * values.additional * share
      * (1 - leakage) * (1 + (multiplier - 1) * indirect) / values.horizon_years;
    const jobs = (e, out) => base.workers * values.labour_intensity * e * out / base.output_idr_mn;
    const share = (i) => base.spread
      ? triangular(drawn.u_share[i], Math.min(low, s.share), s.share, Math.max(high, s.share)) : s.share;
    const all = each((i) => jobs(drawn.elasticity[i] + shift, output(share(i), drawn.import_leakage[i],
      triangular(drawn.u_multiplier[i], lowest, s.multiplier, highest), drawn.indirect_share[i])));
    const at = output(s.share, values.import_leakage, s.multiplier, values.indirect_share);
    return { output: at, workers: summary(jobs(s.elasticity, at), all), all: base.workers };
  }

  // --- numbers and words --------------------------------------------------------------------------
  function number(x, digits) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven" };
    const text = new Intl.NumberFormat(language, options).format(x);
    return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
  }
  const fill = (text, parts) => text.replace(/\[(\w+)\]/g, (whole, name) => parts[name] ?? whole);
  const percent = number(100 * values.level, 0) + "%";
  const interval = (x, digits) => fill(words.range, { low: number(x.low, digits), high: number(x.high, digits) });
  const signed = (x, digits, less, none, more) => {
    const text = number(x, digits);
    return fill(text.startsWith("−") ? less : /[1-9]/.test(text) ? more : none, { number: text.replace("−", "") });
  };

  function sentences(s, found, bought) {
    const common = { level: percent };
    const { workers } = found.end;
    const one = fill(words.answer_pmi, { ...common, interval: interval(found.mean, 1), 
      months: fill(s.length === 1 ? words.month_one : words.month_many, { number: number(s.length, 0) }),
      change: signed(found.mean.point, 1, words.points_lower, words.points_same, words.points_higher) });
    const two = fill(words.answer_jobs, { ...common, month: found.end.label, interval: interval(workers, 0),
      percent: number(Math.abs(100 * workers.point / values.workers), 2),
      change: signed(workers.point, 0, words.jobs_fewer, words.jobs_same, words.jobs_more) });
    const three = fill(words.answer_order, { ...common, order: shown.value(s.value),
      jobs: number(bought.workers.point, 0), interval: interval(bought.workers, 0) });
    return [one, two, three];
  }

  // The same setting for the command line, and what of it the chapter has no parameter for.
  function command(s) {
    const parts = ["ikm-pmi run 07"], { reference } = values.measures[s.measure];
    const add = (name, value, usual) => { if (value !== usual) parts.push(`-p ${name}=${value}`); };
    const path = levels(s).slice(0, s.length);
    if (s.shape === "real" && s.strength === 100) add("path_last", months[s.length - 1], months[values.length - 1]);
    else add("path", path.map((level, k) => `${months[k]}:${level}`).join(","));
    add("intensity", s.measure, "level");
    add("bridge_sample", s.bridge, "all");
    const pilot = values.orders[0], base = values.orders.find((o) => o.name === s.order), missing = [];
    if (base === pilot) {
      add("order_bn_idr", s.value / 1e3, pilot.order_idr_mn / 1e3);
      add("order_share", s.share, pilot.share);
    } else {
      add("drivers_scenario", base.name, "padi_2022");
      if (s.value !== base.order_idr_mn || s.share !== base.share) missing.push(words.order);
    }
    if (s.elasticity !== values.elasticity) missing.push(words.elasticity);
    if (s.multiplier !== values.multiplier) missing.push(words.multiplier);
    return { text: parts.join(" "), missing };
  }

  // --- controls -----------------------------------------------------------------------------------
  const start = () => ({ shape: "real", strength: 100, held: 0.8, length: values.length, measure: "level",
    bridge: "all", elasticity: values.elasticity, order: values.orders[0].name,
    value: values.orders[0].order_idr_mn, share: values.orders[0].share, multiplier: values.multiplier });
  let state = start();
  const shown = {
    strength: (x) => number(x, 0) + "%", held: (x) => number(x, 2), length: (x) => number(x, 0),
    elasticity: (x) => number(x, 2), value: (x) => number(x / 1e3, x < 1e6 ? 2 : 0), share: (x) => number(100 * x, 0) + "%",
    multiplier: (x) => number(x, 2) };
  const significant = (x) => Number(x.toPrecision(2));
  const fromSlider = { value: (x) => significant(10 ** x * 1e3) };
  const toSlider = { value: (x) => Math.log10(x / 1e3) };

  function place() {
    for (const name of ["measure", "bridge", "order"]) by(name).value = state[name];
    for (const box of page.querySelectorAll('[name="shape"]')) box.checked = box.value === state.shape;
    for (const name of Object.keys(shown)) by(name).value = (toSlider[name] ?? Number)(state[name]);
  }

  page.addEventListener("input", ({ target }) => {
    const name = target.dataset.name ?? target.name;
    if (!(name in state)) return;
    state[name] = target.type === "range" ? (fromSlider[name] ?? Number)(Number(target.value)) : target.value;
    if (name === "order") {
      const base = values.orders.find((o) => o.name === state.order);
      Object.assign(state, { value: base.order_idr_mn, share: base.share });
      place();
    }
    soon();
  });
  by("reset").addEventListener("click", () => { state = start(); place(); soon(); });

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; show(); });
  }

  // --- the page -----------------------------------------------------------------------------------
  const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  function table(rows) {
    by("rows").replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr"), head = cell("th", row.label);
      head.scope = "row";
      line.append(head, cell("td", number(row.restriction, 2)),
        ...[["pmi", 1], ["output", 2], ["workers", 0]].flatMap(([name, digits]) =>
          [cell("td", number(row[name].point, digits)), cell("td", interval(row[name], digits))]));
      if (row.last) line.className = "last";
      return line;
    }));
  }

  // --- pictures: Vega-Lite, numbers sent by name --------------------------------------------------
  const blue = "#0072B2", orange = "#D55E00", grey = "#8C8C8C";
  const axis = { format: ",.3~f", labelOverlap: "greedy", tickCount: 6 };
  const whole = (height, layer) => ({ data: { name: "numbers" }, width: "container", height, layer,
    background: "transparent", config: { view: { stroke: null },
      axis: { title: null, labelFontSize: 12, labelFont: "sans-serif", gridColor: "#C9CED3" } } });
  const month = { field: "month", type: "ordinal", sort: null, axis: { labelAngle: 0, labelOverlap: "greedy" } };
  const on = (field) => ({ field, type: "quantitative", axis });
  const band = (low, high, opacity) => ({ mark: { type: "area", color: blue, opacity },
    encoding: { x: month, y: on(low), y2: { field: high } } });
  const fan = whole(230, [
    band("low", "high", 0.22), band("q25", "q75", 0.4),
    { mark: { type: "line", color: blue, strokeWidth: 2.5 }, encoding: { x: month, y: on("point") } },
    { transform: [{ filter: "datum.last" }],
      mark: { type: "rule", color: grey, strokeDash: [2, 3], strokeWidth: 1.5 }, encoding: { x: month } },
    { mark: { type: "rule", color: grey }, encoding: { y: { datum: 0 } } }]);
  const what = { field: "what", type: "nominal", sort: null, axis: { labelLimit: 120 } };
  const color = { field: "what", type: "nominal", sort: null, legend: null, scale: { range: [blue, orange] } };
  const bar = (low, high, strokeWidth, opacity) => ({ mark: { type: "rule", strokeWidth, opacity },
    encoding: { y: what, x: on(low), x2: { field: high }, color } });
  const both = whole(100, [
    bar("low", "high", 3, 1), bar("q25", "q75", 9, 0.55),
    { mark: { type: "point", filled: true, size: 110, opacity: 1 }, encoding: { y: what, x: on("point"), color } },
    { mark: { type: "rule", color: grey }, encoding: { x: { datum: 0 } } }]);
  const charts = { pmi: fan, jobs: fan, both };

  const views = {};
  const flat = (rows, name) => rows.map((row) => ({ ...row[name], month: row.label, last: row.last }));
  function draw(name, rows) {
    if (views[name]) views[name].data("numbers", rows).runAsync();
  }

  let last = null;
  function show() {
    const found = chain(state), bought = order(state);
    const lines = sentences(state, found, bought), same = command(state);
    for (const [name, x, digits] of [["pmi", found.mean, 1], ["jobs", found.end.workers, 0], ["bought", bought.workers, 0]]) {
      by(`${name}-number`).textContent = number(x.point, digits);
      by(`${name}-interval`).textContent = interval(x, digits);
    }
    by("answer").replaceChildren(...lines.map((line) => cell("p", line)));
    for (const [name, text] of Object.entries(shown)) {
      by(`${name}-value`).textContent = text(state[name]);
      by(name).setAttribute("aria-valuetext", text(state[name]));
    }
    by("strength").closest(".control").hidden = state.shape !== "real";
    by("held").closest(".control").hidden = state.shape !== "held";
    table(found.rows);
    by("command").textContent = same.text;
    by("missing").textContent = same.missing.length ? fill(words.not_in_command, { names: same.missing.join(", ") }) : "";
    last = { pmi: flat(found.rows, "pmi"), jobs: flat(found.rows, "workers"),
      both: [{ ...found.end.workers, what: words.restriction }, { ...bought.workers, what: words.order }] };
    const alt = { pmi: lines[0], jobs: lines[1], both: `${lines[1]} ${lines[2]}` };
    for (const name of Object.keys(last)) { by(`chart-${name}`).setAttribute("aria-label", alt[name]); draw(name, last[name]); }
  }

  place();
  show();
  const locale = { ...words.separators, grouping: [3], currency: ["Rp", ""] };
  Promise.all(Object.entries(charts).map(async ([name, spec]) => {
    const whole = { ...spec, data: { name: "numbers", values: last[name] } };
    const made = await vegaEmbed(by(`chart-${name}`), whole, { actions: false, renderer: "svg", formatLocale: locale });
    views[name] = made.view;
    by(`chart-${name}`).querySelector("svg").setAttribute("aria-hidden", "true"); // said by its frame
    draw(name, last[name]);
  })).then(() => page.setAttribute("data-ready", "yes"));
})();
