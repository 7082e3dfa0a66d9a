/* Draws each table's numbers with an axis, in the place of the bars that the server has drawn. */
"use strict";
(() => {
  // Without the drawing there are still the bars that came with the page.
  if (!window.echarts) return;
  const COLOURS = ["#14506b", "#c46210", "#5b7f2b"];
  const shared = getComputedStyle(document.body);
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const { names, series } = JSON.parse(figure.dataset.chart);
    const place = figure.querySelector(".tl-chart__bars");
    place.replaceChildren();
    const rows = Math.max(1, names.length);
    place.style.height = `${Math.max(120, rows * (14 * series.length + 16) + 40)}px`;
    const chart = window.echarts.init(place, null, { renderer: "canvas" });
    const draw = () => {
      const narrow = place.clientWidth < 480;
      chart.setOption({
        animation: false,
        textStyle: { fontFamily: shared.fontFamily, fontSize: 14, color: "#0b0c0c" },
        aria: { enabled: true, label: { enabled: false }, decal: { show: true } },
        grid: { left: 8, right: 56, top: 8, bottom: 8, containLabel: true },
        xAxis: { type: "value", minInterval: 1, splitNumber: narrow ? 2 : 5, axisLabel: { color: "#4b5a62" } },
        yAxis: { type: "category", inverse: true, data: names, axisTick: { show: false },
          axisLabel: { width: narrow ? 96 : 220, overflow: "break", color: "#0b0c0c" } },
        series: series.map((one, number) => ({
          type: "bar", name: one.name, data: one.data, barMaxWidth: 14, itemStyle: { color: COLOURS[number % COLOURS.length] },
          label: { show: true, position: "right", color: "#0b0c0c", fontSize: 12 },
        })),
      });
      chart.resize();
    };
    draw();
    window.addEventListener("resize", draw, { passive: true });
  }
})();
