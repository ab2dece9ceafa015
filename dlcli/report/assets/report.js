"use strict";
(() => {
  const root = document.documentElement;
  const charts = [];
  const words = JSON.parse(document.getElementById("words")?.textContent ?? "{}");
  const spoken = (text) => words[text] ?? text;
  const HEIGHT = 280;
  const WHOLE = [1, 2, 5].flatMap((step) => [...Array(12).keys()].map((power) => step * 10 ** power)).sort((a, b) => a - b);

  // ---- colours -------------------------------------------------------------------------------

  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  let colours = {};

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches;
  }

  function colour(name) {
    if (!(name in colours)) colours[name] = getComputedStyle(root).getPropertyValue(`--${name}`).trim();
    return colours[name];
  }

  function remembered(theme) {
    // Pages opened from a disk may have no storage; the choice then lasts as long as the page.
    try {
      if (theme) localStorage.setItem("dlcli-theme", theme);
      return localStorage.getItem("dlcli-theme");
    } catch {
      return null;
    }
  }

  function recolour() {
    colours = {};
    const button = document.getElementById("theme");
    if (button) button.textContent = spoken(isDark() ? "Light" : "Dark");
    for (const chart of charts) chart.plot.redraw(false);
  }

  // ---- numbers -------------------------------------------------------------------------------

  function format(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2).replace("e+", "e");
    const text = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
    return (size >= 1e4 ? Number(text).toLocaleString("en-US") : text).replace("-", "−");
  }

  function ticks(plot, splits) {
    return splits.map((value) => (value === null ? "" : format(Number(value.toPrecision(10)))));
  }

  // ---- one chart -----------------------------------------------------------------------------

  function axis(label, side, isWhole) {
    return {
      side,
      label,
      labelFont: "12px system-ui, sans-serif",
      labelSize: 20,
      labelGap: 2,
      font: "11px system-ui, sans-serif",
      gap: 4,
      size: side === 3 ? (plot, values) => axisSize(plot, values) : 32,
      space: side === 3 ? 34 : 62,
      stroke: () => colour("axis"),
      grid: { stroke: () => colour("grid"), width: 1 },
      ticks: { stroke: () => colour("grid"), width: 1, size: 5 },
      values: ticks,
      ...(isWhole ? { incrs: WHOLE } : {}),
    };
  }

  function axisSize(plot, values) {
    const longest = Math.max(0, ...(values ?? []).map((text) => text.length));
    return 16 + 6.4 * Math.max(2, longest);
  }

  function padded(low, high) {
    if (low === null || high === null) return [0, 1];
    const gap = (high - low || Math.abs(high) || 1) * 0.04;
    return [low - gap, high + gap];
  }

  function line(chart) {
    // A line to compare with, drawn below everything else.
    return (plot) => {
      if (!chart.line) return;
      const { ctx, bbox } = plot;
      const x = plot.scales.x, y = plot.scales.y;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.strokeStyle = colour("mark");
      ctx.lineWidth = 1.2 * devicePixelRatio;
      ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      if (chart.line === "diagonal") {
        const low = Math.min(x.min, y.min), high = Math.max(x.max, y.max);
        ctx.moveTo(plot.valToPos(low, "x", true), plot.valToPos(low, "y", true));
        ctx.lineTo(plot.valToPos(high, "x", true), plot.valToPos(high, "y", true));
      } else if (chart.kind === "bars") {
        ctx.moveTo(plot.valToPos(0, "x", true), bbox.top);
        ctx.lineTo(plot.valToPos(0, "x", true), bbox.top + bbox.height);
      } else {
        ctx.moveTo(bbox.left, plot.valToPos(0, "y", true));
        ctx.lineTo(bbox.left + bbox.width, plot.valToPos(0, "y", true));
      }
      ctx.stroke();
      ctx.restore();
    };
  }

  function marks(chart) {
    return (plot) => {
      for (const mark of chart.marks ?? []) {
        const at = plot.valToPos(mark.x, "x", true);
        const { ctx, bbox } = plot;
        if (at < bbox.left || at > bbox.left + bbox.width) continue;
        ctx.save();
        ctx.strokeStyle = colour("mark");
        ctx.fillStyle = colour("axis");
        ctx.lineWidth = devicePixelRatio;
        ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(at, bbox.top);
        ctx.lineTo(at, bbox.top + bbox.height);
        ctx.stroke();
        ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
        const isRight = at > bbox.left + bbox.width / 2;
        ctx.textAlign = isRight ? "right" : "left";
        ctx.fillText(mark.label, at + (isRight ? -5 : 5) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
        ctx.restore();
      }
    };
  }

  function build(chart, isLog) {
    if (chart.kind === "scatter") return scatter(chart);
    if (chart.kind === "bars") return bars(chart);
    return lines(chart, isLog);
  }

  function lines(chart, isLog) {
    const data = [chart.x];
    const series = [{}];
    const bands = [];
    chart.series.forEach((each, index) => {
      const place = `c${index % 8}`;
      const dash = index >= 8 ? [6, 4] : undefined;
      data.push(each.values);
      series.push({
        label: each.label,
        stroke: () => colour(place),
        width: 1.8,
        dash,
        spanGaps: true,
        points: chart.points
          ? { show: true, size: 7, fill: () => colour(place), stroke: () => colour(place) }
          : { show: each.values.length === 1 },
      });
      if (each.low) {
        for (const edge of [each.high, each.low]) {
          data.push(edge);
          series.push({ stroke: "transparent", width: 0, points: { show: false }, isEdge: true });
        }
        bands.push({ series: [series.length - 2, series.length - 1], fill: () => fade(colour(place)) });
      }
    });
    const unit = { range: [0, 1] };
    return {
      data,
      options: {
        scales: {
          x: chart.unit ? { time: false, ...unit } : { time: false },
          y: chart.unit ? { range: [0, 1.02] } : isLog ? { distr: 3 } : { range: (plot, low, high) => padded(low, high) },
        },
        series,
        bands,
      },
    };
  }

  function fade(text) {
    const [r, g, b] = text.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
    return `rgba(${r}, ${g}, ${b}, 0.16)`;
  }

  function scatter(chart) {
    const y = padded(Math.min(...chart.y), Math.max(...chart.y));
    let x = padded(chart.x[0], chart.x[chart.x.length - 1]);
    let limits = { x, y };
    if (chart.line === "diagonal") {
      const both = [Math.min(x[0], y[0]), Math.max(x[1], y[1])];
      limits = { x: both, y: both };
    }
    const range = (name) => (plot, low, high) =>
      low === null || plot.isWhole !== false ? limits[name] : [low, high];
    return {
      data: [chart.x, chart.y],
      options: {
        scales: { x: { time: false, range: range("x") }, y: { range: range("y") } },
        series: [
          {},
          {
            label: chart.yLabel,
            stroke: () => colour("c0"),
            paths: () => null,
            points: { show: true, size: 5.5, width: 0, fill: () => fadeMore(colour("c0"), chart.x.length) },
          },
        ],
      },
    };
  }

  function fadeMore(text, count) {
    const [r, g, b] = text.match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
    return `rgba(${r}, ${g}, ${b}, ${count > 600 ? 0.42 : 0.62})`;
  }

  function bars(chart) {
    const width = chart.edges[1] - chart.edges[0];
    const middles = chart.counts.map((count, place) => chart.edges[place] + width / 2);
    return {
      data: [middles, chart.counts],
      options: {
        scales: {
          x: { time: false, range: (plot, low, high) =>
            plot.isWhole !== false ? [chart.edges[0], chart.edges[chart.edges.length - 1]] : [low, high] },
          y: { range: (plot, low, high) => [0, (high || 1) * 1.06] },
        },
        series: [
          {},
          {
            label: chart.yLabel,
            stroke: () => colour("c0"),
            fill: () => fadeMore(colour("c0"), 0),
            width: 0,
            paths: uPlot.paths.bars({ size: [0.94, 200], align: 0 }),
            points: { show: false },
          },
        ],
      },
    };
  }

  // ---- what the pointer does -----------------------------------------------------------------

  function nearest(chart) {
    // Of a scatter the nearest point in both directions, not the nearest in x alone.
    return (plot, index, hovered, value) => {
      if (chart.kind !== "scatter" || index === 0) return hovered;
      const { left, top } = plot.cursor;
      let best = null, least = 40 * 40;
      for (let at = 0; at < chart.x.length; at++) {
        const dx = plot.valToPos(chart.x[at], "x") - left;
        if (Math.abs(dx) > 40) continue;
        const dy = plot.valToPos(chart.y[at], "y") - top;
        const distance = dx * dx + dy * dy;
        if (distance < least) { least = distance; best = at; }
      }
      return best;
    };
  }

  function tooltip(chart, frame) {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    function rowOf(text, place) {
      const row = document.createElement("div");
      if (place !== undefined) {
        const dot = document.createElement("i");
        dot.className = `c${place % 8}`;
        row.append(dot);
      }
      row.append(document.createTextNode(text));
      return row;
    }
    function content(plot) {
      if (chart.kind === "scatter") {
        const at = plot.cursor.idxs?.[1];
        if (at === null || at === undefined) return null;
        return [
          rowOf(`${spoken("row")} ${chart.rows[at].toLocaleString("en-US")}`),
          rowOf(`${chart.xLabel}: ${format(chart.x[at])}`),
          rowOf(`${chart.yLabel}: ${format(chart.y[at])}`),
        ];
      }
      const at = plot.cursor.idx;
      if (at === null || at === undefined) return null;
      if (chart.kind === "bars") {
        return [
          rowOf(`${format(chart.edges[at])} ${spoken("to")} ${format(chart.edges[at + 1])}`),
          rowOf(`${chart.counts[at].toLocaleString("en-US")} ${spoken("rows")}`),
        ];
      }
      const rows = [rowOf(`${chart.xLabel} ${format(chart.x[at])}`)];
      let shown = 0;
      plot.series.forEach((series, index) => {
        if (index === 0 || series.isEdge) return;
        if (series.show) rows.push(rowOf(`${series.label}: ${format(plot.data[index][at])}`, shown));
        shown += 1;
      });
      if (chart.rows) rows.push(rowOf(`${chart.rows[at].toLocaleString("en-US")} ${spoken("rows")}`));
      return rows;
    }
    return {
      hooks: {
        init: (plot) => {
          plot.over.append(tip);
          plot.over.addEventListener("mouseleave", () => { tip.hidden = true; });
        },
        setCursor: (plot) => {
          const { left, top } = plot.cursor;
          const rows = left >= 0 && !frame.dataset.still ? content(plot) : null;
          tip.hidden = rows === null;
          if (rows === null) return;
          tip.replaceChildren(...rows);
          const width = tip.offsetWidth, height = tip.offsetHeight;
          const x = left + 14 + width > plot.over.clientWidth ? left - 14 - width : left + 14;
          const y = top + 14 + height > plot.over.clientHeight ? top - 14 - height : top + 14;
          tip.style.left = `${Math.max(-40, x)}px`;
          tip.style.top = `${Math.max(-20, y)}px`;
        },
      },
    };
  }

  function touch(chart) {
    // One finger reads values, two zoom; scrolling the page stays possible.
    let start = null;
    function place(plot, each) {
      const box = plot.over.getBoundingClientRect();
      return { left: each.clientX - box.left, top: each.clientY - box.top };
    }
    function spread(plot, touches) {
      const [one, two] = [place(plot, touches[0]), place(plot, touches[1])];
      return { gap: Math.abs(one.left - two.left) + 1, middle: (one.left + two.left) / 2 };
    }
    return {
      hooks: {
        init: (plot) => {
          plot.over.addEventListener("touchstart", (event) => {
            if (event.touches.length === 2) {
              const { gap, middle } = spread(plot, event.touches);
              const { min, max } = plot.scales.x;
              start = { gap, at: plot.posToVal(middle, "x"), min, max };
            } else {
              plot.setCursor(place(plot, event.touches[0]));
            }
          }, { passive: true });
          plot.over.addEventListener("touchmove", (event) => {
            if (event.touches.length === 2 && start) {
              event.preventDefault();
              const factor = start.gap / spread(plot, event.touches).gap;
              plot.isWhole = false;
              plot.setScale("x", {
                min: start.at - (start.at - start.min) * factor,
                max: start.at + (start.max - start.at) * factor,
              });
            } else if (event.touches.length === 1) {
              plot.setCursor(place(plot, event.touches[0]));
            }
          }, { passive: false });
          plot.over.addEventListener("touchend", () => { start = null; });
        },
      },
    };
  }

  // ---- the frame around a chart --------------------------------------------------------------

  function tool(text, action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "tool";
    button.textContent = spoken(text);
    button.addEventListener("click", action);
    return button;
  }

  function legend(chart, entry) {
    const bar = document.createElement("div");
    bar.className = "legend";
    const names = chart.kind === "lines" && chart.series.length > 1 ? chart.series : [];
    names.forEach((each, index) => {
      const button = document.createElement("button");
      const dot = document.createElement("i");
      const text = document.createElement("span");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      dot.className = `c${index % 8}`;
      text.textContent = each.label;
      text.title = each.label;
      button.append(dot, text);
      button.addEventListener("click", () => {
        const places = entry.plot.series.flatMap((series, at) => (series.label === each.label || isEdgeOf(entry.plot, at, index) ? [at] : []));
        const show = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(show));
        for (const at of places) entry.plot.setSeries(at, { show });
      });
      bar.append(button);
    });
    const canLog = chart.canLog && chart.series.every((each) => each.values.every((value) => value === null || value > 0));
    if (canLog) {
      const button = tool("log", () => {
        entry.isLog = !entry.isLog;
        button.setAttribute("aria-pressed", String(entry.isLog));
        draw(chart, entry);
      });
      button.setAttribute("aria-pressed", "false");
      bar.append(button);
    }
    entry.reset = tool("reset zoom", () => whole(entry));
    entry.reset.hidden = true;
    entry.frame.append(entry.reset);
    return bar;
  }

  function isEdgeOf(plot, at, index) {
    if (!plot.series[at].isEdge) return false;
    let owner = -1;
    for (let place = 1; place <= at; place++) if (!plot.series[place].isEdge) owner += 1;
    return owner === index;
  }

  function whole(entry) {
    entry.plot.isWhole = true;
    entry.plot.setData(entry.plot.data, true);
    entry.reset.hidden = true;
  }

  function draw(chart, entry) {
    entry.plot?.destroy();
    const { data, options } = build(chart, entry.isLog);
    const both = chart.kind === "scatter";
    entry.plot = new uPlot(
      {
        width: entry.frame.clientWidth,
        height: HEIGHT,
        padding: [10, 12, 0, 0],
        legend: { show: false },
        cursor: {
          y: false,
          x: chart.kind === "lines",
          drag: { x: true, y: both, uni: both ? 30 : null, dist: 4 },
          dataIdx: nearest(chart),
          points: { size: 8 },
          bind: { dblclick: () => () => { whole(entry); return null; } },
        },
        axes: [axis(chart.xLabel, 2, chart.wholeX), axis(chart.yLabel, 3, chart.kind === "bars")],
        hooks: {
          drawAxes: [line(chart)],
          draw: [marks(chart)],
          setSelect: [(plot) => {
            if (plot.select.width > 0) { plot.isWhole = false; entry.reset.hidden = false; }
          }],
        },
        plugins: [tooltip(chart, entry.frame), touch(chart)],
        ...options,
      },
      data,
      entry.frame,
    );
  }

  function start(chart) {
    const figure = document.getElementById(chart.id);
    const frame = figure.querySelector(".plot");
    const entry = { frame, isLog: false, plot: null, reset: null };
    figure.insertBefore(legend(chart, entry), frame);
    draw(chart, entry);
    new ResizeObserver(() => {
      if (frame.clientWidth && frame.clientWidth !== entry.plot.width) {
        entry.plot.setSize({ width: frame.clientWidth, height: HEIGHT });
      }
    }).observe(frame);
    charts.push(entry);
  }

  // ---- paper ---------------------------------------------------------------------------------

  let before = null;

  function toPaper() {
    if (before !== null) return;
    before = { theme: root.dataset.theme, open: [] };
    root.dataset.theme = "light";
    recolour();
    for (const entry of charts) {
      const image = document.createElement("img");
      image.alt = "";
      image.src = entry.plot.ctx.canvas.toDataURL("image/png");
      entry.frame.append(image);
    }
    for (const each of document.querySelectorAll("details:not([open])")) {
      each.open = true;
      before.open.push(each);
    }
  }

  function fromPaper() {
    if (before === null) return;
    for (const image of document.querySelectorAll(".plot > img")) image.remove();
    for (const each of before.open) each.open = false;
    if (before.theme) root.dataset.theme = before.theme;
    else delete root.dataset.theme;
    before = null;
    recolour();
  }

  // ---- begin ---------------------------------------------------------------------------------

  const chosen = remembered();
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
    recolour();
  });
  systemDark.addEventListener("change", recolour);
  for (const chart of JSON.parse(document.getElementById("chart-data").textContent)) start(chart);
  recolour();
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", fromPaper);
  matchMedia("print").addEventListener("change", (event) => (event.matches ? toPaper() : fromPaper()));
  root.dataset.ready = String(charts.length);
})();
