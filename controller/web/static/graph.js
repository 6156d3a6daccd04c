// Draws every [data-chart="graph"] of a page: nodes and arrows of data-url, laid out by force.
// The colours, the tooltip and the loading are those of charts.js.
"use strict";

(() => {
  const { COLOURS, FONT, TOOLTIP, box, load, note, start } = window.yxCharts;
  const TONES = {
    system: COLOURS.used,
    unit: COLOURS.used,
    other: COLOURS.allocated,
    network: COLOURS.memory,
    range: COLOURS.tx,
    internet: COLOURS.disk,
  };

  function tip(answer) {
    const words = answer.words;
    return (params) => {
      if (params.dataType === "edge") {
        const arrow = answer.arrows[params.dataIndex];
        const names = [arrow.source, arrow.target].map((place) => answer.nodes[place].name);
        return box(names.join(" → "), [
          ["used", words.ports, arrow.ports.join(" ")],
          ["used", words.links, String(arrow.links)],
          ["used", words.days, `${arrow.days} ${words.days_unit}`],
        ]);
      }
      const node = answer.nodes[params.dataIndex];
      const known = node.kind === "system" || node.kind === "unit" || node.kind === "other";
      const lines = [["used", known ? words.hosts : words.addresses, String(node.hosts)]];
      if (node.unit && node.kind !== "unit") lines.unshift(["used", words.unit, node.unit]);
      return box(node.name, lines);
    };
  }

  function graph(element, answer) {
    if (!answer.nodes.length) {
      note(element, answer.words.empty);
      return;
    }
    const most = Math.max(...answer.arrows.map((arrow) => arrow.links), 1);
    const degree = answer.nodes.map(() => 0);
    for (const arrow of answer.arrows) {
      degree[arrow.source] += 1;
      degree[arrow.target] += 1;
    }
    const busiest = Math.max(...degree, 1);
    // With many nodes only those with most arrows bear their name; the tooltip names the others.
    const named = [...degree].sort((a, b) => b - a)[Math.min(39, degree.length - 1)] || 0;
    const crowd = answer.nodes.length;
    const chart = start(element);
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: FONT },
      aria: { enabled: true, label: { description: element.getAttribute("aria-label") || "" } },
      tooltip: { ...TOOLTIP, trigger: "item", formatter: tip(answer) },
      series: [
        {
          type: "graph",
          layout: "force",
          roam: true,
          draggable: true,
          scaleLimit: { min: 0.4, max: 6 },
          force: {
            layoutAnimation: false,
            repulsion: crowd > 60 ? 160 : 420,
            edgeLength: crowd > 60 ? [30, 110] : [60, 170],
            gravity: crowd > 60 ? 0.2 : 0.14,
            initLayout: "circular",
          },
          labelLayout: { hideOverlap: true },
          edgeSymbol: ["none", "arrow"],
          edgeSymbolSize: 7,
          emphasis: { focus: "adjacency", lineStyle: { width: 2.5 } },
          data: answer.nodes.map((node, place) => ({
            id: String(place),
            name: node.name,
            symbol: node.kind === "range" || node.kind === "network" ? "roundRect" : "circle",
            symbolSize: 10 + 22 * Math.sqrt(degree[place] / busiest),
            itemStyle: { color: TONES[node.kind] || COLOURS.used },
            label: {
              show: degree[place] >= named,
              position: "right",
              fontSize: 11,
              color: COLOURS.ink,
              width: 130,
              overflow: "truncate",
            },
          })),
          links: answer.arrows.map((arrow) => ({
            source: String(arrow.source),
            target: String(arrow.target),
            lineStyle: {
              color: "#9aa8bd",
              width: 0.8 + 2.2 * Math.sqrt(arrow.links / most),
              curveness: 0.12,
              opacity: 0.75,
            },
          })),
        },
      ],
    });
    fit(chart, element);
  }

  // The force may push single nodes out of sight: the view is set so that all are in it.
  function fit(chart, element) {
    const data = chart.getModel().getSeriesByIndex(0).getData();
    const places = [];
    data.each((place) => places.push(data.getItemLayout(place)));
    const seen = places.filter((place) => place && Number.isFinite(place[0]) && Number.isFinite(place[1]));
    if (!seen.length) return;
    const [left, right] = [Math.min(...seen.map((p) => p[0])), Math.max(...seen.map((p) => p[0]))];
    const [top, bottom] = [Math.min(...seen.map((p) => p[1])), Math.max(...seen.map((p) => p[1]))];
    const zoom = Math.min(
      (element.clientWidth - 190) / Math.max(right - left, 1),
      (element.clientHeight - 70) / Math.max(bottom - top, 1),
    );
    chart.setOption({
      series: [{ center: [(left + right) / 2 + 40, (top + bottom) / 2], zoom: Math.min(Math.max(zoom, 0.4), 1.6) }],
    });
  }

  function draw(root) {
    for (const element of root.querySelectorAll('[data-chart="graph"]:not([data-drawn])')) {
      element.dataset.drawn = "loading";
      load(element.dataset.url)
        .then((answer) => graph(element, answer))
        .catch((error) => note(element, `${element.dataset.failed} ${error.message}`));
    }
  }
  document.addEventListener("DOMContentLoaded", () => draw(document));
  document.addEventListener("htmx:afterSwap", () => draw(document));
})();
