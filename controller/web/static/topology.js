// Draws [data-topology]: places come from the server, so the picture looks alike each time. Roles are
// shapes, states and utilisation are colours with words in the tooltip; an unknown neighbour is dashed,
// and so is a link that only the register of lines tells of.
"use strict";

(() => {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(name).trim();
  const TONES = {
    good: colour("--yx-good"), warn: colour("--yx-warn"), bad: colour("--yx-bad"), none: "#a9b4c4",
  };
  const INK = colour("--yx-ink");
  const QUIET = colour("--yx-quiet");
  const FONT = getComputedStyle(document.body).fontFamily;
  const SHAPES = { core: "diamond", router: "diamond", firewall: "rect", aggregation: "roundRect" };
  const SIZES = { core: 26, router: 22, firewall: 18, aggregation: 18 };

  function box(title, lines) {
    const root = document.createElement("div");
    root.className = "yx-tip";
    const head = document.createElement("div");
    head.className = "yx-tip-head";
    head.textContent = title;
    root.append(head);
    for (const [name, value] of lines) {
      if (!value) continue;
      const line = document.createElement("div");
      line.className = "yx-tip-line";
      const label = document.createElement("span");
      label.textContent = name;
      const figure = document.createElement("b");
      figure.textContent = value;
      line.append(label, figure);
      root.append(line);
    }
    return root;
  }

  // In a crowd the names of the outermost ring stand along its rays, so that each has a place.
  function ray(one) {
    const degrees = (Math.atan2(one.y, one.x) * 180) / Math.PI;
    return one.x >= 0 ? { position: "right", rotate: -degrees } : { position: "left", rotate: 180 - degrees };
  }

  function node(one, small) {
    const stateColour = one.known ? { up: "#1f5fbf", down: TONES.bad }[one.state] || "#8795ab" : "#fff";
    const size = (SIZES[one.role] || 11) * (small ? 0.75 : 1);
    const leaf = !(one.role in SIZES);
    return {
      id: one.id, name: one.name, x: one.x, y: one.y, one,
      symbol: one.known ? SHAPES[one.role] || "circle" : "circle",
      symbolSize: one.known ? size : 9,
      itemStyle: {
        color: stateColour, borderColor: one.known ? "#fff" : QUIET, borderWidth: one.known ? 1 : 1.2,
        borderType: one.known ? "solid" : "dashed",
      },
      label: { show: true, position: "bottom", ...(small && leaf ? ray(one) : {}), distance: 3, color: leaf ? QUIET : INK, fontSize: leaf ? 10 : 12, fontWeight: leaf ? 400 : 600, width: 110, overflow: "truncate" },
    };
  }

  function draw(element, told) {
    if (!told.nodes.length) {
      note(element, told.words.empty);
      return;
    }
    const words = told.words;
    const known = new Map(told.nodes.map((one) => [one.id, one]));
    element.replaceChildren();
    const chart = window.echarts.init(element, null, { renderer: "canvas" });
    new ResizeObserver(() => chart.resize()).observe(element);
    element.dataset.drawn = "yes";
    const small = told.nodes.length > 40;
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT },
      aria: { enabled: true, label: { description: element.getAttribute("aria-label") || "" } },
      tooltip: {
        confine: true, borderColor: colour("--yx-line"), backgroundColor: "#fff", padding: 0,
        transitionDuration: 0, textStyle: { color: INK, fontFamily: FONT, fontSize: 12 },
        formatter: (params) => {
          if (params.dataType === "edge") {
            const link = params.data.link;
            const title = `${known.get(link.source).name} – ${known.get(link.target).name}`;
            return box(title, [
              [words.line, link.line],
              [words.ports, link.ports],
              [words.used, link.used === null ? words.unmeasured : `${link.used.toFixed(1)} %`],
              [words.rate, link.used === null ? "" : link.rate],
              [words.speed, link.used === null ? "" : link.speed],
            ]);
          }
          const one = params.data.one;
          if (!one.known) return box(one.name, [[words.state, one.stateWord]]);
          return box(one.name, [[words.state, one.stateWord], [words.role, one.roleWord], [words.site, one.site]]);
        },
      },
      series: [{
        type: "graph",
        layout: "none",
        preserveAspect: "contain",
        roam: true,
        scaleLimit: { min: 0.4, max: 12 },
        left: small ? 95 : 50, right: small ? 95 : 50, top: small ? 95 : 24, bottom: small ? 95 : 34,
        data: told.nodes.map((one) => node(one, small)),
        links: told.links.map((link) => ({
          source: link.source, target: link.target, link,
          lineStyle: {
            color: TONES[link.tone], width: link.tone === "none" ? 1 : link.tone === "good" ? 1.6 : 3,
            type: !link.line && known.get(link.source).known && known.get(link.target).known ? "solid" : "dashed",
            opacity: 0.9, curveness: 0,
          },
        })),
        labelLayout: { hideOverlap: true },
        emphasis: { focus: "adjacency", lineStyle: { width: 4 }, label: { show: true } },
      }],
    });
    chart.on("click", (params) => {
      const href = params.dataType === "node" ? params.data.one.href : "";
      if (href) window.location.assign(href);
    });
  }

  function note(element, text) {
    const line = document.createElement("div");
    line.className = "yx-chart-note";
    line.textContent = text;
    element.replaceChildren(line);
    element.dataset.drawn = "empty";
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const element of document.querySelectorAll("[data-topology]")) {
      fetch(element.dataset.topology, { headers: { Accept: "application/json" }, credentials: "same-origin" })
        .then(async (answer) => {
          const body = await answer.json().catch(() => ({}));
          if (!answer.ok) throw new Error([body.title, body.detail, body.instance].filter(Boolean).join(" · "));
          draw(element, body);
        })
        .catch((error) => note(element, `${element.dataset.failed} ${error.message}`));
    }
  });
})();
