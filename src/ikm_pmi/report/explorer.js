// The arithmetic of chapter 07 (jobs/links.py, jobs/chain.py, jobs/orders.py) on the links that
// jobs/explorer.py hands over, done again whenever a control moves.
(() => {
  "use strict";
  const page = document.currentScript.closest(".ikm-explorer");
  const { values, words, language } = JSON.parse(page.querySelector(".explorer-data").textContent);
  const by = (name) => page.querySelector(`[data-name="${name}"]`);
  const months = values.months, n = values.points;

  // --- links at the points of the lattice ---------------------------------------------------------
  const each = (f) => { const out = new Float64Array(n); for (let i = 0; i < n; i++) out[i] = f(i); return out; };
  const kept = {};
  const u = (name) => kept[name] ??= each((i) => { const x = 0.5 + (i + 1) * values.steps[name]; return x - Math.floor(x); });
  const polynomial = (c, x) => c.reduceRight((sum, one) => sum * x + one, 0);

  // Quantile of the normal: Wichura (1988), Applied Statistics 37, AS 241; no point is nearer to 0 or 1 than e^-25.
  const A = [3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
    45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727];
  const B = [1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
    39307.89580009271061, 28729.085735721942674, 5226.495278852545925];
  const C = [1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
    1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4];
  const D = [1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9];
  function quantile(p) {
    const q = p - 0.5;
    if (Math.abs(q) <= 0.425) { const r = 0.180625 - q * q; return q * polynomial(A, r) / polynomial(B, r); }
    const r = Math.sqrt(-Math.log(Math.min(p, 1 - p))) - 1.6;
    return Math.sign(q) * polynomial(C, r) / polynomial(D, r);
  }
  const z = (name) => kept[`z ${name}`] ??= u(name).map(quantile);
  const within = (p, value, low, high) => p < 0.5
    ? low + (value - low) * Math.sqrt(2 * p) : high - (high - value) * Math.sqrt(2 - 2 * p);
  const normal = (name, [value, sd]) => { const x = z(name); return each((i) => value + sd * x[i]); };
  const stated = (name) => kept[`t ${name}`] ??= u(name).map((p) => within(p, ...values[name]));

  function summary(point, x) {
    const sorted = x.slice().sort();
    const at = (q) => {
      const k = q * (n - 1), i = Math.floor(k);
      return sorted[i] + (sorted[Math.min(i + 1, n - 1)] - sorted[i]) * (k - i);
    };
    return { point, low: at((1 - values.level) / 2), high: at((1 + values.level) / 2) };
  }

  // --- the model ----------------------------------------------------------------------------------
  const short = (x) => Math.round(x * 1e6) / 1e6;
  function levels(s) {
    const { path, reference } = values.measures[s.measure];
    return months.slice(0, s.length).map((_, k) => s.shape === "held" ? s.held
      : s.strength === 100 ? path[k] : short(reference + s.strength / 100 * (path[k] - reference)));
  }

  function gap(s) {
    if (s.shape === "event") return values.gap;
    const { reference, coefficients, covariance } = values.measures[s.measure];
    const weights = [0, 0, 0];
    let before = 0;
    for (const level of levels(s)) {
      const now = level - reference;
      weights[now > before ? 0 : 1] += now - before;
      weights[2] += before;
      before = now;
    }
    const times = (row) => row.reduce((sum, one, k) => sum + one * weights[k], 0);
    return [times(coefficients), Math.sqrt(Math.max(times(covariance.map(times)), 0))];
  }

  function chain(s) {
    const links = { gap: gap(s), bridge: values.bridges[s.bridge], elasticity: values.elasticities[s.elasticity] };
    const [S, g, e] = Object.entries(links).map(([name, link]) => normal(name, link)), p = stated("pass_through");
    const point = links.gap[0] * links.bridge[0] * links.elasticity[0] * values.pass_through[0];
    return { pmi: summary(links.gap[0], S),
      workers: summary(values.workers * point / 1200, each((i) => values.workers * S[i] * g[i] * p[i] * e[i] / 1200)) };
  }

  function order(s) {
    const base = values.orders.find((o) => o.name === s.order), own = base === values.orders[0];
    const share = own ? s.share : base.share, link = values.elasticities[s.order_elasticity];
    const factor = base.workers * values.labour_intensity * (own ? s.value : base.order_idr_mn)
      / values.horizon_years / base.output_idr_mn;
    const reach = (a, h, l, m, d) => a * h * (1 - l) * (1 + (m - 1) * d);
    const names = ["additional", "share_manufacturing", "import_leakage", "multiplier", "indirect_share"];
    const [a, h, l, m, d] = names.map(stated), e = normal("elasticity", link), at = names.map((name) => values[name][0]);
    if (share !== null) at[1] = share;
    return summary(factor * link[0] * reach(...at),
      each((i) => factor * e[i] * reach(a[i], share ?? h[i], l[i], m[i], d[i])));
  }

  // --- numbers and words --------------------------------------------------------------------------
  function number(x, digits) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, roundingMode: "halfEven" };
    const text = new Intl.NumberFormat(language, options).format(x);
    return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
  }
  function significant(x) {
    const rounded = Number(x.toPrecision(2));
    return number(rounded, rounded ? Math.max(1 - Math.floor(Math.log10(Math.abs(rounded))), 0) : 0);
  }
  const fill = (text, parts) => text.replace(/\[(\w+)\]/g, (whole, name) => parts[name] ?? whole);
  const interval = (x) => fill(words.range, { low: significant(x.low), high: significant(x.high) });
  const side = (x, below, above) => fill(x.point < 0 ? below : above, { number: significant(Math.abs(x.point)) });

  function sentences(s, found, bought) {
    const level = number(100 * values.level, 0) + "%", month = values.labels[lastOf(s)];
    return [
      s.shape === "event" ? words.asks_event : words.asks_dose,
      fill(words.answer_pmi, { level, interval: interval(found.pmi), change: side(found.pmi, words.points_lower, words.points_higher) }),
      fill(words.answer_jobs, { level, month, interval: interval(found.workers), change: side(found.workers, words.jobs_fewer, words.jobs_more) }),
      fill(words.answer_order, { level, jobs: significant(bought.point), interval: interval(bought) })];
  }
  const lastOf = (s) => (s.shape === "event" ? values.length : s.length) - 1;

  // The same setting for the command line.
  function command(s) {
    const parts = ["ikm-pmi run 07"], first = values.orders[0];
    const add = (name, value, usual) => { if (value !== usual) parts.push(`-p ${name}=${value}`); };
    if (s.shape !== "event") {
      add("path", levels(s).map((level, k) => `${months[k]}:${level}`).join(","));
      add("intensity", s.measure, "level");
    }
    add("bridge_sample", s.bridge, values.start.bridge);
    add("estimator", s.elasticity, values.start.elasticity);
    add("order_estimator", s.order_elasticity, values.start.order_elasticity);
    if (s.order === first.name) {
      add("order_bn_idr", s.value / 1e3, first.order_idr_mn / 1e3);
      add("order_share", s.share, first.share);
    }
    return parts.join(" ");
  }

  // --- controls -----------------------------------------------------------------------------------
  const start = () => ({ shape: "event", strength: 100, held: 0.8, length: values.length, measure: "level", ...values.start,
    order: values.orders[0].name, value: values.orders[0].order_idr_mn, share: values.orders[0].share });
  let state = start();
  const shown = { strength: (x) => number(x, 0) + "%", held: (x) => number(x, 2), length: (x) => number(x, 0),
    value: (x) => number(x / 1e3, x < 1e6 ? 2 : 0), share: (x) => number(100 * x, 0) + "%" };
  const lists = ["measure", "bridge", "elasticity", "order", "order_elasticity"];
  const fromSlider = { value: (x) => Number((10 ** x * 1e3).toPrecision(2)) };
  const toSlider = { value: (x) => Math.log10(x / 1e3) };

  function place() {
    for (const name of lists) by(name).value = state[name];
    for (const box of page.querySelectorAll('[name="shape"]')) box.checked = box.value === state.shape;
    for (const name of Object.keys(shown)) by(name).value = (toSlider[name] ?? Number)(state[name]);
  }

  page.addEventListener("input", ({ target }) => {
    const name = target.dataset.name ?? target.name;
    if (!(name in state)) return;
    state[name] = target.type === "range" ? (fromSlider[name] ?? Number)(Number(target.value)) : target.value;
    soon();
  });
  by("reset").addEventListener("click", () => { state = start(); place(); soon(); });

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; show(); });
  }

  // --- the page: two bars on one scale -------------------------------------------------------------
  function bars(rows) {
    const ends = [0, ...rows.flatMap((x) => [x.low, x.high])], low = Math.min(...ends), width = Math.max(...ends) - low || 1;
    const at = (x) => 2 + 96 * (x - low) / width;
    const draw = (x, k) => `<line class="bar${k}" x1="${at(x.low)}%" x2="${at(x.high)}%" y1="${20 + 34 * k}" y2="${20 + 34 * k}"/>`
      + `<circle class="bar${k}" cx="${at(x.point)}%" cy="${20 + 34 * k}" r="6"/>`;
    by("chart").innerHTML = `<svg width="100%" height="80" aria-hidden="true"><line class="zero" x1="${at(0)}%" x2="${at(0)}%" y1="0" y2="62"/>`
      + `<text x="${at(0)}%" y="77" text-anchor="middle">0</text>${rows.map(draw).join("")}</svg>`;
  }

  function show() {
    const found = chain(state), bought = order(state), lines = sentences(state, found, bought);
    for (const [name, x] of [["pmi", found.pmi], ["jobs", found.workers], ["bought", bought]]) {
      by(`${name}-number`).textContent = significant(x.point);
      by(`${name}-interval`).textContent = interval(x);
    }
    by("answer").replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));
    for (const [name, text] of Object.entries(shown)) {
      by(`${name}-value`).textContent = text(state[name]);
      by(name).setAttribute("aria-valuetext", text(state[name]));
    }
    const hide = (name, hidden) => { by(name).closest(".control").hidden = hidden; };
    hide("strength", state.shape !== "real");
    hide("held", state.shape !== "held");
    for (const name of ["length", "measure"]) hide(name, state.shape === "event");
    for (const name of ["value", "share"]) hide(name, state.order !== values.orders[0].name);
    by("command").textContent = command(state);
    bars([found.workers, bought]);
    by("chart").setAttribute("aria-label", `${lines[2]} ${lines[3]}`);
  }

  place();
  show();
  page.setAttribute("data-ready", "yes");
})();
