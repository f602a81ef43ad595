// Cookies: the same Set-Cookie lines and requests, judged by our jar and by a real Chromium.
import { createClient } from "../../client/index.ts";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { CookieJar } from "../../host/cookies/jar.ts";
import { CHROMIUM } from "../find-program.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

/** Some are refused; of the others, Strict does not follow a link from another site. */
const LINES = [
  "st=1; SameSite=Strict; Secure",
  "la=1; SameSite=Lax; Secure",
  "un=1; Secure",
  "no=1; SameSite=None; Secure",
  "pa=1; SameSite=None; Secure; Partitioned",
  "bad=1; SameSite=None",
  "__Host-bad=1; Secure; Path=/x",
];

/** /set sets the cookies and redirects, /page is a document that leads elsewhere, /see notes what came. */
async function listen(directory: string, seen: Map<string, string>): Promise<Server> {
  const { cert, key } = await developmentIdentity({ directory });
  return serve({ port: 0, host: "127.0.0.1", cert, key, log: () => {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    const query = search.slice(1);
    const to = decodeURIComponent(query);
    if (pathname === "/see") seen.set(query, names(request.headers.get("cookie")));
    const headers = new Headers({ "content-type": "text/html" });
    if (pathname === "/page")
      return new Response(`<script>location.replace(${JSON.stringify(to)})</script>`, { headers });
    if (pathname !== "/set") return new Response("ok", { headers });
    for (const line of LINES) headers.append("set-cookie", line);
    headers.set("location", to);
    return new Response(null, { status: 302, headers });
  });
}

const names = (field: string | null): string =>
  (field ?? "")
    .split("; ")
    .map((pair) => pair.split("=")[0])
    .join(" ");

export const COOKIE_ROWS: readonly Row[] = [
  {
    system: "cookies",
    peer: "chromium",
    against: "Chromium",
    command: "npm run oracle -- cookies",
    async run(context) {
      const chromium = await peerPath(context, ...CHROMIUM);
      const seen = new Map<string, string>();
      const server = await listen(context.directory, seen);
      try {
        // The two names of loopback are two sites.
        const [a, b] = [`https://localhost:${server.port}`, `https://127.0.0.1:${server.port}`];
        const link = `${b}/page?${encodeURIComponent(`${a}/see?chromium`)}`;
        await runPeer(context, chromium, [
          "--headless=new",
          "--no-sandbox",
          "--ignore-certificate-errors",
          `--user-data-dir=${context.directory}/profile`,
          "--dump-dom",
          `${a}/set?${encodeURIComponent(link)}`,
        ]);
        await using client = createClient({ cookies: new CookieJar(), rejectUnauthorized: false });
        const ask = async (url: string, cookieContext = {}): Promise<void> => {
          await (await client.fetch(url, { cookieContext, signal: context.signal })).text();
        };
        await ask(`${a}/set?${encodeURIComponent(`${b}/`)}`);
        await ask(`${a}/see?ours`, { kind: "top-level", initiator: b });
        const [theirs, ours] = [seen.get("chromium"), seen.get("ours")];
        if (theirs === undefined) throw new Error("Chromium did not follow the link");
        if (theirs !== ours) throw new Error(`Chromium sent ${theirs}, our jar ${ours}`);
        return `after a link from another site, both send ${theirs}, and refuse two of seven`;
      } finally {
        await server.close({ timeout: 0 });
      }
    },
  },
];
