// Draws every [data-chart] of a page with ECharts. Two kinds:
//   data-chart="trend": data-url answers {offset, since, until, step, times, gaps, charts, words};
//                       data-part names the chart in it. Charts of one address share one request.
//   data-chart="rank":  data-rows holds [{name, value, p95, own, href}], data-unit their unit.
// A gap stays a gap: null breaks a line, and its time is shaded. Colours come from app.css.
"use strict";

(() => {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(name).trim();
  const COLOURS = {
    allocated: colour("--yx-allocation"),
    used: colour("--yx-used"),
    peak: colour("--yx-peak"),
    memory: colour("--yx-memory"),
    disk: colour("--yx-disk"),
    rx: colour("--yx-rx"),
    tx: colour("--yx-tx"),
    v6: colour("--yx-v6"),
    p95: colour("--yx-p95"),
    low: colour("--yx-quiet"),
    high: colour("--yx-quiet"),
    gap: colour("--yx-gap"),
    ink: colour("--yx-ink"),
    quiet: colour("--yx-quiet"),
    line: colour("--yx-line"),
    area: colour("--yx-allocation-area"),
  };
  // The edges of a forecast's interval.
  const BOUNDS = new Set(["low", "high"]);
  const FONT = getComputedStyle(document.body).fontFamily;
  // The wall is read from five metres: its type is larger, and so is what goes with it.
  const SIZE = parseFloat(colour("--yx-chart-size")) || 12;
  const GRID = colour("--yx-chart-grid") || "#eef1f5";
  const SPACE = "\u00a0";
  const HATCH = { image: hatch(), repeat: "repeat" };
  const requests = new Map();
  const drawn = [];

  // Missing data: pale grey with fine diagonals, on the same tile everywhere.
  function hatch() {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const pen = tile.getContext("2d");
    pen.fillStyle = colour("--yx-gap-ground") || "rgba(243,245,248,.92)";
    pen.fillRect(0, 0, 6, 6);
    pen.strokeStyle = COLOURS.gap;
    pen.lineWidth = 1;
    for (const shift of [-6, 0, 6]) {
      pen.beginPath();
      pen.moveTo(shift - 1, 7);
      pen.lineTo(shift + 7, -1);
      pen.stroke();
    }
    return tile;
  }

  // ── figures ──────────────────────────────────────────────────────────
  function scaled(value, units, step) {
    let at = 0;
    while (Math.abs(value) >= step * 0.9995 && at < units.length - 1) {
      value /= step;
      at += 1;
    }
    const digits = Math.abs(value) >= 100 || at === 0 || Number.isInteger(value) ? 0 : 1;
    return value.toFixed(digits) + SPACE + units[at];
  }
  const FORMATS = {
    count: (v) => (Math.abs(v) < 10 && !Number.isInteger(v) ? v.toFixed(1) : Math.round(v).toLocaleString("en-US")),
    pct: (v) => v.toFixed(1) + SPACE + "%",
    bytes: (v) => scaled(v, ["B", "KB", "MB", "GB", "TB", "PB"], 1024),
    bits: (v) => scaled(v, ["bps", "Kbps", "Mbps", "Gbps", "Tbps"], 1000),
  };
  const AXIS = {
    ...FORMATS,
    count: (v) => v.toLocaleString("en-US"),
    pct: (v) => v + SPACE + "%",
  };
  const two = (n) => String(n).padStart(2, "0");
  // Times are shifted by the zone's offset and read as UTC, so that the browser's own zone
  // never shows.
  function moment(ms) {
    const d = new Date(ms);
    return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
  }
  function axisTime(span) {
    return (ms) => {
      const d = new Date(ms);
      const clock = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
      const day = `${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
      if (span > 3 * 86400e3) return day;
      return clock === "00:00" ? day : clock;
    };
  }
  // About five steps up to max, whole in the unit: bytes in powers of two, not of ten.
  function valueStep(max, kind) {
    if (!(max > 0)) return 1;
    const rough = max / 5;
    if (kind === "bytes") {
      const power = 1024 ** Math.floor(Math.log(rough) / Math.log(1024));
      const ten = [1, 2, 2.5, 5, 10, 20, 25, 50, 100, 200, 250];
      const two = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
      // Tens as long as the axis stays within one unit, else powers of two: 512 GB, 1 TB, 1.5 TB.
      return power * (max / power <= 1000 ? ten : two).find((each) => each * power >= rough);
    }
    const power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999);
  }
  // Whole clock steps in the shown zone, at most about `most` of them.
  function clockTicks(from, to, most) {
    const minute = 60e3;
    const steps = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 5760, 10080, 20160, 43200, 129600];
    const wanted = (to - from) / Math.max(2, most);
    const step = (steps.find((each) => each * minute >= wanted) || 525600) * minute;
    const ticks = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
    return ticks;
  }

  // ── tooltip: built as elements, so that no inline style is needed ─────
  function box(title, lines) {
    const root = document.createElement("div");
    root.className = "yx-tip";
    const head = document.createElement("div");
    head.className = "yx-tip-head";
    head.textContent = title;
    root.append(head);
    for (const [role, name, value] of lines) {
      const line = document.createElement("div");
      line.className = "yx-tip-line";
      const mark = document.createElement("i");
      mark.className = `yx-tip-mark yx-tip-${role}`;
      const label = document.createElement("span");
      label.textContent = name;
      const figure = document.createElement("b");
      figure.textContent = value;
      line.append(mark, label, figure);
      root.append(line);
    }
    return root;
  }
  const TOOLTIP = {
    confine: true,
    borderColor: COLOURS.line,
    backgroundColor: "#fff",
    padding: 0,
    transitionDuration: 0,
    textStyle: { color: COLOURS.ink, fontFamily: FONT, fontSize: SIZE },
    extraCssText: "box-shadow: 0 2px 10px rgba(20,37,61,.14);",
  };

  // ── use over time ────────────────────────────────────────────────────
  function series(answer, part) {
    const shift = answer.offset * 1000;
    const times = answer.times.map((s) => s * 1000 + shift);
    const half = (answer.step * 1000) / 2;
    return part.series.map((one, index) => {
      const allocated = one.role === "allocated";
      const data = times.map((t, i) => [allocated ? t : t + half, one.values[i]]);
      if (allocated && data.length) data.push([times[times.length - 1] + 2 * half, one.values[one.values.length - 1]]);
      const made = {
        name: one.name,
        type: "line",
        data,
        z: allocated ? 1 : 3 + index,
        connectNulls: false,
        showSymbol: false,
        // A point between two gaps has no line; it must be seen all the same.
        symbol: "circle",
        symbolSize: 3,
        animation: false,
        step: allocated ? "end" : false,
        lineStyle: {
          width: one.role === "peak" || BOUNDS.has(one.role) ? 1 : 1.5,
          type: BOUNDS.has(one.role) ? "dashed" : "solid",
          color: COLOURS[one.role],
        },
        itemStyle: { color: COLOURS[one.role] },
        emphasis: { disabled: true },
      };
      if (allocated) {
        made.lineStyle = { width: 1, color: "#a9b8cf" };
        made.areaStyle = { color: COLOURS.area, opacity: 1 };
      } else if (one.area) {
        made.areaStyle = { color: COLOURS[one.role], opacity: 0.14 };
      }
      if (index === 0 && answer.gaps.length) {
        made.markArea = {
          silent: true,
          z: 2,
          itemStyle: { color: HATCH },
          label: { show: false },
          data: answer.gaps.map(([from, to]) => [{ xAxis: from * 1000 + shift }, { xAxis: to * 1000 + shift }]),
        };
      }
      return made;
    });
  }

  function trendTip(answer, part) {
    const format = FORMATS[part.kind];
    const shift = answer.offset;
    return (params) => {
      const at = (Array.isArray(params) ? params[0] : params).axisValue / 1000 - shift;
      let index = Math.floor((at - answer.times[0]) / answer.step);
      index = Math.min(Math.max(index, 0), answer.times.length - 1);
      const allocated = part.series.find((one) => one.role === "allocated");
      const whole = allocated ? allocated.values[index] : null;
      const lines = part.series.map((one) => {
        const value = one.values[index];
        if (value === null) return [one.role, one.name, one.role === "allocated" ? "–" : answer.words.gap];
        const share = one !== allocated && whole ? ` (${FORMATS.pct((value / whole) * 100)})` : "";
        return [one.role, one.name, format(value) + (part.word ? SPACE + part.word : "") + share];
      });
      return box(moment((answer.times[index] + shift) * 1000), lines);
    };
  }

  function trend(element, answer) {
    const part = answer.charts[element.dataset.part];
    const seen = part.series.some((one) => one.role !== "allocated" && one.values.some((v) => v !== null));
    if (!seen) {
      note(element, answer.words.empty);
      return;
    }
    const shift = answer.offset * 1000;
    const span = (answer.until - answer.since) * 1000;
    const highest = Math.max(...part.series.flatMap((one) => one.values.filter((v) => v !== null)));
    const ticks = clockTicks(answer.since * 1000 + shift, answer.until * 1000 + shift, element.clientWidth / 75);
    const step = part.kind === "pct" ? 25 : valueStep(highest, part.kind);
    const chart = start(element);
    chart.setOption({
      useUTC: true,
      animation: false,
      textStyle: { fontFamily: FONT },
      aria: { enabled: true, label: { description: element.getAttribute("aria-label") || "" } },
      grid: { left: 4, right: 14, top: 14, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      tooltip: {
        ...TOOLTIP,
        trigger: "axis",
        axisPointer: { type: "line", lineStyle: { color: "#8795ab", width: 1 }, label: { show: false } },
        formatter: trendTip(answer, part),
      },
      xAxis: {
        type: "time",
        min: answer.since * 1000 + shift,
        max: answer.until * 1000 + shift,
        axisLine: { lineStyle: { color: "#8795ab" } },
        axisTick: { show: true, lineStyle: { color: "#8795ab" }, customValues: ticks },
        splitLine: { show: false },
        axisLabel: { color: COLOURS.quiet, fontSize: SIZE - 1, hideOverlap: true, formatter: axisTime(span), customValues: ticks },
      },
      yAxis: {
        type: "value",
        min: 0,
        max: part.kind === "pct" ? 100 : Math.max(step * Math.ceil(highest / step), step),
        interval: step,
        axisLabel: { color: COLOURS.quiet, fontSize: SIZE - 1, formatter: AXIS[part.kind] },
        splitLine: { lineStyle: { color: GRID } },
      },
      series: series(answer, part),
    });
  }

  // ── comparison ───────────────────────────────────────────────────────
  function rank(element) {
    const rows = JSON.parse(element.dataset.rows);
    if (!rows.length) {
      note(element, element.dataset.empty || "");
      return;
    }
    const format = FORMATS[element.dataset.unit || "pct"];
    element.style.height = `${Math.max(rows.length * 2.25 * SIZE + 2.8 * SIZE, 10 * SIZE)}px`;
    const chart = start(element);
    const names = rows.map((row) => row.name);
    const own = rows.some((row) => row.own);
    // Where one is shown among its peers the marks would only distract.
    const marked = own ? [] : rows.filter((row) => row.p95 !== null && row.p95 !== undefined);
    const most = Math.max(...rows.map((row) => Math.max(row.value || 0, row.p95 || 0)));
    const top = Number(element.dataset.max) || (own ? Math.max(...rows.map((row) => row.value || 0)) : most);
    const step = valueStep(top, "pct");
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT },
      aria: { enabled: true, label: { description: element.getAttribute("aria-label") || "" } },
      grid: { left: 4, right: own ? 58 : 16, top: 4, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      tooltip: {
        ...TOOLTIP,
        trigger: "axis",
        axisPointer: { type: "none" },
        formatter: (params) => {
          const row = rows[params[0].dataIndex];
          const lines = [["used", element.dataset.valueWord, row.value === null ? "–" : format(row.value)]];
          if (row.p95 !== undefined && row.p95 !== null) lines.push(["p95", "P95", format(row.p95)]);
          return box(row.name, lines);
        },
      },
      xAxis: {
        type: "value",
        min: 0,
        max: Math.max(step * Math.ceil(top / step), step),
        interval: step,
        axisLabel: { color: COLOURS.quiet, fontSize: SIZE - 1, formatter: AXIS[element.dataset.unit || "pct"], hideOverlap: true },
        splitLine: { lineStyle: { color: GRID } },
      },
      yAxis: {
        type: "category",
        inverse: true,
        data: names,
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: {
          color: COLOURS.ink, fontSize: SIZE, width: Math.min(12.5 * SIZE, element.clientWidth * 0.34), overflow: "truncate", interval: 0,
        },
      },
      series: [
        {
          type: "bar",
          barWidth: 0.75 * SIZE,
          data: rows.map((row) => ({
            value: row.value,
            itemStyle: { color: row.own || !own ? COLOURS.used : COLOURS.allocated, borderRadius: 2 },
          })),
          label: {
            show: own, position: "right", distance: 6, color: COLOURS.quiet, fontSize: SIZE - 1,
            formatter: (p) => (p.value === null || p.value === undefined ? "" : format(p.value)),
          },
          emphasis: { disabled: true },
          cursor: rows.some((row) => row.href) ? "pointer" : "default",
        },
        {
          type: "scatter",
          symbol: "rect",
          symbolSize: [0.25 * SIZE, 1.25 * SIZE],
          itemStyle: { color: COLOURS.p95 },
          data: marked.map((row) => [row.p95, row.name]),
          silent: true,
          z: 4,
        },
      ],
    });
    chart.on("click", (params) => {
      const href = rows[params.dataIndex].href;
      if (href) window.location.assign(href);
    });
  }

  // ── start, resize, failure ───────────────────────────────────────────
  function start(element) {
    element.replaceChildren();
    const chart = window.echarts.init(element, null, { renderer: "canvas" });
    drawn.push(chart);
    new ResizeObserver(resize).observe(element);
    element.dataset.drawn = "yes";
    return chart;
  }
  function note(element, text) {
    const line = document.createElement("div");
    line.className = "yx-chart-note";
    line.textContent = text;
    element.replaceChildren(line);
    element.dataset.drawn = "empty";
  }
  function load(url) {
    if (!requests.has(url)) {
      requests.set(
        url,
        fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" }).then(async (answer) => {
          const body = await answer.json().catch(() => ({}));
          if (!answer.ok) throw new Error([body.title, body.detail, body.instance].filter(Boolean).join(" · "));
          return body;
        }),
      );
    }
    return requests.get(url);
  }
  function draw(root) {
    for (const element of root.querySelectorAll('[data-chart]:not([data-drawn]):not([data-chart="graph"])')) {
      element.dataset.drawn = "loading";
      if (element.dataset.chart === "rank") {
        rank(element);
        continue;
      }
      if ("lazy" in element.dataset) {
        element.dataset.drawn = "waiting";
        near.observe(element);
        continue;
      }
      ask(element);
    }
  }
  function ask(element) {
    element.dataset.drawn = "loading";
    load(element.dataset.url)
      .then((answer) => trend(element, answer))
      .catch((error) => note(element, `${element.dataset.failed} ${error.message}`));
  }
  // Of a page that lists hundreds of charts (data-lazy) those are asked for that come near the view.
  const near = new IntersectionObserver(
    (seen) => {
      for (const each of seen) {
        if (!each.isIntersecting) continue;
        near.unobserve(each.target);
        ask(each.target);
      }
    },
    { rootMargin: "600px" },
  );
  document.addEventListener("DOMContentLoaded", () => draw(document));
  document.addEventListener("htmx:afterSwap", () => {
    // A page that refreshes itself for weeks must not keep the charts and answers of all that time.
    for (const chart of drawn.splice(0)) {
      if (chart.isDisposed()) continue;
      if (chart.getDom().isConnected) drawn.push(chart);
      else chart.dispose();
    }
    requests.clear();
    draw(document);
  });
  let waiting = 0;
  function resize() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => drawn.filter((c) => !c.isDisposed()).forEach((c) => c.resize()));
  }
  window.addEventListener("beforeprint", resize);
  // For charts of other kinds that stand in files of their own.
  window.yxCharts = { COLOURS, FONT, TOOLTIP, box, load, note, start };
})();
