// Builds the console and the key page. `node build.mjs FOLDER` writes elsewhere than into the package, so that a test
// can compare.
import { build, transform } from "esbuild";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const place = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = process.argv[2];
const ROOMS = folder
  ? { console: `${folder}/console`, keys: `${folder}/keys` }
  : { console: place("../src/tokenry/api/console/static"), keys: place("../src/tokenry/key_page/static") };

const options = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2023",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
};

// The style sheet of the element is a text of its script: it belongs into the shadow of each element.
const styles = {
  name: "styles",
  setup: ({ onLoad }) =>
    onLoad({ filter: /style\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    }),
};

for (const room of Object.values(ROOMS)) await mkdir(room, { recursive: true });
await build({
  ...options,
  entryPoints: [{ in: place("console/main.tsx"), out: "console" }, { in: place("console/console.css"), out: "console" }],
  outdir: ROOMS.console,
});
for (const name of ["index.html", "icon.svg"]) await cp(place(`console/${name}`), `${ROOMS.console}/${name}`);

await build({
  ...options,
  plugins: [styles],
  entryPoints: [{ in: place("keys/element.tsx"), out: "tokenry-keys" }, { in: place("keys/page.css"), out: "key-page" }],
  outdir: ROOMS.keys,
});
const texts = JSON.parse(await readFile(place("keys/texts.json"), "utf8"));
await writeFile(`${ROOMS.keys}/texts.json`, JSON.stringify(texts));
