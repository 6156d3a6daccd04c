// Puts into ../static/vendor what the pages use of the packages, and nothing else.
// Run by `make assets` after `npm ci`; needs no network.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "node_modules");
const vendor = join(here, "..", "static", "vendor");

await rm(vendor, { recursive: true, force: true });
await mkdir(join(vendor, "img"), { recursive: true });

// Tabler draws its carets and check marks from data: URLs. As files they need no exception in
// the content security policy, which allows images from ourselves only.
let css = await readFile(join(packages, "@tabler/core/dist/css/tabler.min.css"), "utf8");
const pictures = new Map();
css = css.replace(/url\("data:image\/svg\+xml,([^"]*)"\)/g, (_all, encoded) => {
  const svg = decodeURIComponent(encoded.replace(/%(?![0-9a-fA-F]{2})/g, "%25"));
  const name = `${createHash("sha256").update(svg).digest("hex").slice(0, 12)}.svg`;
  pictures.set(name, svg);
  return `url("/static/vendor/img/${name}")`;
});
if (css.includes("url(\"data:") || css.includes("url(data:")) {
  throw new Error("tabler.min.css: a data: URL of a form that build.mjs does not know");
}
for (const [name, svg] of pictures) await writeFile(join(vendor, "img", name), svg);
await writeFile(join(vendor, "tabler.css"), css.replace(/\/\*# sourceMappingURL=.*?\*\//g, ""));

const script = await readFile(join(packages, "@tabler/core/dist/js/tabler.min.js"), "utf8");
await writeFile(join(vendor, "tabler.js"), script.replace(/\n?\/\/# sourceMappingURL=.*/g, ""));
await copyFile(join(packages, "htmx.org/dist/htmx.min.js"), join(vendor, "htmx.js"));
await build({
  entryPoints: [join(here, "charts.entry.js")],
  outfile: join(vendor, "echarts.js"),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  legalComments: "inline",
});

// One sprite of the icons named in package.json; used as <use href="…/icons.svg#name">.
const { icons } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
const symbols = [];
for (const name of icons) {
  const svg = await readFile(join(packages, "@tabler/icons/icons/outline", `${name}.svg`), "utf8");
  const inner = svg.replace(/<!--[\s\S]*?-->/, "").replace(/^[\s\S]*?<svg[^>]*>/, "").replace("</svg>", "");
  symbols.push(`<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" ` +
    `stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${inner.replace(/\s*\n\s*/g, "")}</symbol>`);
}
await writeFile(join(vendor, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`);

for (const [name, file] of [
  ["@tabler/icons", "LICENSE"],
  ["echarts", "LICENSE"],
  ["echarts", "NOTICE"],
  ["htmx.org", "LICENSE"],
]) {
  await copyFile(join(packages, name, file), join(vendor, `${file}-${name.replace(/[@/]/g, "")}.txt`));
}
