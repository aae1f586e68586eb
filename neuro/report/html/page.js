"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  // Okabe and Ito's colours; in the dark, lighter ones of the same order.
  const PALETTES = {
    light: ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#3B3B3B"],
    dark: ["#56B4E9", "#F0853C", "#2BC79A", "#E39AC4", "#F0C33C", "#8FCBF0", "#C9D1D9"],
  };
  const SCALES = {
    sequential: [[0, "#440154"], [0.25, "#3b528b"], [0.5, "#21918c"], [0.75, "#5ec962"], [1, "#fde725"]],
    light: [[0, "#2166ac"], [0.25, "#92c5de"], [0.5, "#f7f7f7"], [0.75, "#f4a582"], [1, "#b2182b"]],
    dark: [[0, "#6cb6ef"], [0.25, "#35648c"], [0.5, "#161b22"], [0.75, "#99502c"], [1, "#f5925a"]],
  };
  const KINDS = { f8: Float64Array, f4: Float32Array, u2: Uint16Array, i4: Int32Array };
  const wished = window.matchMedia("(prefers-color-scheme: dark)");
  const quick = window.matchMedia("(max-width: 800px)");
  const root = document.documentElement;
  const drawn = new Map();

  const theme = () => root.dataset.theme || (wished.matches ? "dark" : "light");
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  const hasWebgl = (() => {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl"));
    } catch {
      return false;
    }
  })();

  /** The numbers of a packed array. */
  function unpacked(values) {
    if (!values.bdata) return values;
    const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
    return new KINDS[values.dtype](bytes.buffer);
  }

  function seeThrough(hex, alpha) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${r},${g},${b},${alpha})`;
  }

  /** A trace with the colours of the theme. */
  function coloured(trace) {
    const palette = PALETTES[theme()];
    const colour = (index) => palette[index % palette.length];
    const found = { ...trace };
    if (trace.type === "scattergl" && !hasWebgl) found.type = "scatter";
    if (trace.colour !== undefined) {
      found.marker = { ...trace.marker, color: colour(trace.colour) };
      if ((trace.mode || "").includes("lines")) found.line = { ...trace.line, color: colour(trace.colour) };
    }
    if (trace.type === "scattergl" && trace.mode === "markers" && theme() === "dark") found.marker.opacity = 0.9;
    if (trace.error_y) found.error_y = { ...trace.error_y, color: css("--ink") };
    if (trace.type === "heatmap") {
      found.colorscale = trace.scale === "diverging" ? SCALES[theme()] : SCALES.sequential;
      found.colorbar = { thickness: 12, outlinewidth: 0, title: { text: (trace.colorbar || {}).title || "" } };
      found.hoverongaps = false;
    }
    if (trace.type === "sankey") {
      found.node = { ...trace.node, color: trace.node.colours.map(colour) };
      found.link = { ...trace.link, color: trace.link.colours.map((index) => seeThrough(colour(index), 0.32)) };
    }
    for (const own of ["colour", "scale", "painted"]) delete found[own];
    return found;
  }

  /** The traces of a chart with what was chosen, and the layout in the theme. */
  function figure(chart, choice, range) {
    const updates = chart.choices.length ? [chart.choices[choice].update].flat() : [];
    const traces = chart.traces.map((trace, index) => coloured({ ...trace, ...updates[index] }));
    const axis = { gridcolor: css("--grid"), zerolinecolor: css("--line"), linecolor: css("--line"), automargin: true,
      tickfont: { size: 11 } };
    const layout = { ...chart.layout, height: quick.matches ? Math.min(chart.height, 380) : chart.height,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: quick.matches ? false : "zoom",
      font: { family: "system-ui, sans-serif", size: 12, color: css("--ink") }, hovermode: "closest",
      margin: { l: 52, r: 12, t: chart.kind === "crossbar" || chart.kind === "mesh" ? 26 : 8, b: chart.kind === "energy" ? 12 : 42 }, legend: { orientation: "h", itemsizing: "constant", y: 1.02, yanchor: "bottom", x: 0 },
      hoverlabel: { font: { family: "system-ui, sans-serif" } }, uirevision: "kept" };
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      layout[key] = { ...axis, ...layout[key], title: { text: layout[key].title || "", font: { size: 12 } } };
    }
    if (range) layout.xaxis.range = range;
    return { traces, layout };
  }

  function draw(place) {
    const chart = charts[place.dataset.chart];
    const select = place.parentElement.querySelector("select");
    const { traces, layout } = figure(chart, select ? Number(select.value) : 0, place.kept);
    const first = !drawn.has(place);
    drawn.set(place, chart);
    return Plotly.react(place, traces, layout, { responsive: true, displayModeBar: false }).then(() => {
      if (!first) return;
      if (chart.traces.some((trace) => trace.painted)) paintSpikes(place, chart.traces, unpacked);
      place.on("plotly_relayout", () => {
        place.kept = place.layout.xaxis && place.layout.xaxis.range ? [...place.layout.xaxis.range] : undefined;
        count(place);
      });
      count(place);
      place.dataset.ready = "yes";
    });
  }

  /** How many spikes lie in the part of the raster that is shown. */
  function count(place) {
    const chart = drawn.get(place);
    const shown = place.parentElement.querySelector(".count");
    if (!chart || chart.kind !== "raster" || !shown) return;
    if (!place.points) {
      place.points = chart.traces.filter((trace) => !trace.yaxis).map((trace) => [unpacked(trace.x), unpacked(trace.y)]);
    }
    const [left, right] = place.layout.xaxis.range, [low, high] = place.layout.yaxis.range;
    let total = 0, inside = 0;
    for (const [x, y] of place.points) {
      total += x.length;
      for (let k = 0; k < x.length; k++) {
        if (x[k] >= left && x[k] <= right && y[k] >= low && y[k] <= high) inside++;
      }
    }
    shown.dataset.inside = inside;
    shown.textContent = `${inside.toLocaleString("en")} of ${total.toLocaleString("en")} spikes in view`;
  }

  function move(place, step) {
    if (step === "picture") {
      const filename = charts[place.dataset.chart].title.replace(/[^\w-]+/g, "_");
      Plotly.downloadImage(pictured(place), { format: "png", scale: 2, filename });
      return;
    }
    if (step === "reset") {
      const whole = charts[place.dataset.chart].layout;
      const change = whole.xaxis && whole.xaxis.range ? { "xaxis.range": [...whole.xaxis.range] } : { "xaxis.autorange": true };
      if (whole.yaxis && whole.yaxis.range) change["yaxis.range"] = [...whole.yaxis.range];
      else change["yaxis.autorange"] = true;
      Plotly.relayout(place, change);
      return;
    }
    const [left, right] = place.layout.xaxis.range;
    const width = right - left, middle = (left + right) / 2;
    const [shift, scale] = { in: [0, 0.5], out: [0, 2], left: [-0.25, 1], right: [0.25, 1] }[step];
    const half = (width * scale) / 2, centre = middle + shift * width;
    Plotly.relayout(place, { "xaxis.range": [centre - half, centre + half] });
  }

  /** Draws the charts of a panel as they come into view, and lets go of those of the others. */
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && !drawn.has(target)) draw(target);
    }
  }, { rootMargin: "400px" });

  function show(tab) {
    for (const other of document.querySelectorAll("[role=tab]")) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    for (const place of [...drawn.keys()]) {
      if (place.closest("[hidden]")) {
        Plotly.purge(place);
        drawn.delete(place);
        delete place.dataset.ready;
      }
    }
    for (const place of document.querySelectorAll(".chart")) {
      seen.unobserve(place);
      if (!place.closest("[hidden]")) seen.observe(place);
    }
  }

  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = event.key === "Home" ? tabs[0] : event.key === "End" ? tabs.at(-1)
        : step && tabs[(index + step + tabs.length) % tabs.length];
      if (!next) return;
      event.preventDefault();
      next.focus();
      show(next);
    });
  }
  for (const select of document.querySelectorAll(".card select")) {
    select.addEventListener("change", () => draw(select.closest(".card").querySelector(".chart")));
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => move(button.closest(".card").querySelector(".chart"), button.dataset.move));
  }
  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const head = button.parentElement, body = head.closest("table").tBodies[0];
      const column = [...head.parentElement.children].indexOf(head);
      const upward = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", upward ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (a, b) => {
        const [p, q] = [key(a), key(b)], [m, n] = [Number(p), Number(q)];
        return p !== "" && q !== "" && !Number.isNaN(m) && !Number.isNaN(n) ? m - n : p.localeCompare(q, "en", { numeric: true });
      };
      body.append(...[...body.rows].sort((a, b) => (upward ? order(a, b) : order(b, a))));
    });
  }
  for (const field of document.querySelectorAll("input[type=search]")) {
    field.addEventListener("input", () => {
      const wanted = field.value.toLowerCase();
      for (const row of field.closest(".card").querySelector("tbody").rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  }
  const button = document.getElementById("theme");
  const repaint = () => {
    button.textContent = theme() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Change to ${theme() === "dark" ? "light" : "dark"} colours`);
    for (const place of drawn.keys()) draw(place);
  };
  button.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    repaint();
  });
  wished.addEventListener("change", repaint);
  quick.addEventListener("change", repaint);
  repaint();
  if (tabs.length) show(tabs[0]);
  else for (const place of document.querySelectorAll(".chart")) seen.observe(place);
})();
