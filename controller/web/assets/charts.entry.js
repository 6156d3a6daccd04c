// The parts of Apache ECharts that our charts use; build.mjs bundles them into vendor/echarts.js.
import * as echarts from "echarts/core";
import { BarChart, GraphChart, LineChart, ScatterChart } from "echarts/charts";
import {
  AriaComponent,
  GridComponent,
  MarkAreaComponent,
  TooltipComponent,
} from "echarts/components";
import { LabelLayout } from "echarts/features";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([
  AriaComponent,
  BarChart,
  CanvasRenderer,
  GraphChart,
  GridComponent,
  LabelLayout,
  LineChart,
  MarkAreaComponent,
  ScatterChart,
  TooltipComponent,
]);

window.echarts = echarts;
