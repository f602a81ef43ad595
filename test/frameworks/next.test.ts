/** The Next program of examples/ gives the same responses over HTTP/1.1, HTTP/2 and HTTP/3 as on node:https. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { answerOf, type Load, sameOnNodeHttps } from "./programs.ts";

const folder = fileURLToPath(new URL("../../examples/next/", import.meta.url));
const program = `${folder}server.js`;
// Installed and built by .ci/run, or: npm ci --prefix examples/next && npm run build --prefix examples/next
const isBuilt = existsSync(`${folder}node_modules/next`) && existsSync(`${folder}.next/BUILD_ID`);

test.skipIf(!isBuilt)(
  "Next: a page, its static assets, a public file, an API route and a streaming route",
  async () => {
    vi.stubEnv("NODE_ENV", "production");
    vi.stubEnv("NEXT_TELEMETRY_DISABLED", "1");
    await sameOnNodeHttps((() => import(program)) as Load, async ({ fetch, url, events }) => {
      const response = await fetch(`${url}/`);
      expect(response.status).toBe(200);
      const page = await response.text();
      expect(page).toContain(`hello from Next on <!-- -->${new URL(url).host}`);
      const scripts = [...page.matchAll(/src="(\/_next\/static\/[^"]+\.js)"/g)].map(([, path]) => path);
      expect(scripts.length).toBeGreaterThan(1);

      const stream = events("/api/messages");
      expect(await stream.next()).toBe("welcome");
      const say = (body: string) => fetch(`${url}/api/messages`, { method: "POST", body });
      for (const text of ["one", "two"]) {
        expect(await (await say(text)).json()).toEqual({ length: 3 });
        expect(await stream.next()).toBe(text);
      }
      stream.close();

      const paths = [...scripts, "/robots.txt", "/missing", "/_next/static/missing.js"];
      const answers = await Promise.all(paths.map(async (path) => answerOf(await fetch(`${url}${path}`))));
      return [await answerOf(await say("three")), ...answers];
    });
  },
);
