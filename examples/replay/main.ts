// An upload service whose restarts lose nothing: when it closes, it hands uploads that are under way back to the proxy in front, which replays
// them to another instance (`proxy: { origins: […], partialPostReplay: true }` in nagare.config.ts).
// Run it: npm run examples -- replay
import { createHash } from "node:crypto";
import { serve } from "nagare";

export const server = await serve(
  // Only these proxies get a handback; anybody else would take it for a response.
  { port: Number(process.env.PORT ?? 4433), handBack: { trusted: ["127.0.0.0/8", "::1"] } },
  async (request, context) => {
    if (request.method !== "POST") return new Response(`POST something over ${context.protocol}\n`);
    const hash = createHash("sha256");
    // Nothing here has effects before the end of the content, so it may happen again elsewhere. Otherwise: context.commit().
    for await (const chunk of request.body ?? []) hash.update(chunk as Uint8Array);
    return new Response(`${hash.digest("hex")} over ${context.protocol}\n`);
  },
);
console.log(server.url.href);
process.once("SIGTERM", () => void server.close());
