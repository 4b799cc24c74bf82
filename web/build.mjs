// Builds the console. `node build.mjs FOLDER` writes elsewhere than into the package, so that a test can compare.
import { build } from "esbuild";
import { cp, mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const place = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = process.argv[2] ?? place("../src/tokenry/api/console/static");

await mkdir(folder, { recursive: true });
await build({
  entryPoints: [{ in: place("console/main.tsx"), out: "console" }, { in: place("console/console.css"), out: "console" }],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) await cp(place(`console/${name}`), `${folder}/${name}`);
