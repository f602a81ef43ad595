// Writes nagare/webtransport/browser as one file, for pages without a bundler. Fails if a module of Node slips in.
import { rolldown } from "rolldown";

const bundle = await rolldown({
  input: "dist/client/webtransport/browser/index.js",
  platform: "browser",
  onLog: (_level, { message }) => {
    throw new Error(message);
  },
});
await bundle.write({ file: "dist/webtransport-browser.js", format: "esm", minify: true });
