// Writes what pages load as one file each, for pages without a bundler. Fails if a module of Node slips in.
import { cpSync, mkdirSync } from "node:fs";
import { rolldown } from "rolldown";

async function write(input, file) {
  const bundle = await rolldown({
    input,
    platform: "browser",
    onLog: (_level, { message }) => {
      throw new Error(message);
    },
  });
  await bundle.write({ file, format: "esm", minify: true });
}

await write("dist/client/webtransport/browser/index.js", "dist/webtransport-browser.js");
await write("web/live-player/index.ts", "dist/live-player.js");
await write("web/live-page/page.ts", "dist/live-page/page.js");
for (const name of ["index.html", "page.css"]) cpSync(`web/live-page/${name}`, `dist/live-page/${name}`);
// The types that a program sees; they name nothing of the rest.
const types = ".cache/web/web/live-player";
mkdirSync("dist/live-player", { recursive: true });
for (const name of ["index", "element", "options"]) cpSync(`${types}/${name}.d.ts`, `dist/live-player/${name}.d.ts`);
