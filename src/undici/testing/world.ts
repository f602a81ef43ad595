// A server on all three protocols, and dispatchers for it.
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach } from "vitest";
import { serve } from "../../edge/serve.ts";
import type { Protocol } from "../../host/client/session.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { Agent, type AgentOptions } from "../index.ts";

export const PROTOCOLS = ["http/1.1", "h2", "h3"] as const satisfies readonly Protocol[];
export const LONG = Buffer.alloc(4 << 20, "nagare");

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
export const onEnd = (close: () => Promise<unknown>): unknown => closers.push(close);

export interface World {
  readonly url: string;
  readonly seen: { path: string; method: string; headers: Headers; body: string }[];
}

/** Answers by path. */
export async function openWorld(): Promise<World> {
  const seen: World["seen"] = [];
  const failures = new Map<string, number>();
  const server = await serve({ port: 0, host: "127.0.0.1", tls: localhostIdentity }, async (request, context) => {
    const { pathname, search } = new URL(request.url);
    if (pathname === "/never") return new Promise<Response>(() => {});
    const body = Buffer.from(await request.arrayBuffer()).toString();
    seen.push({ path: pathname + search, method: request.method, headers: request.headers, body });
    switch (pathname) {
      case "/long":
        return new Response(LONG);
      case "/stalls":
        return new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("begun")) }));
      case "/gzip":
        return new Response(gzipSync("squeezed"), { headers: { "content-encoding": "gzip" } });
      case "/redirect":
        return new Response(null, { status: 302, headers: { location: "/echo" } });
      case "/early":
        context.inform(103, [["link", "</a.css>; rel=preload"]]);
        return new Response("late");
      case "/trailers":
        context.addTrailers({ "x-sum": "42" });
        return new Response("counted");
      case "/flaky": {
        const count = (failures.get(search) ?? 0) + 1;
        failures.set(search, count);
        return count < 3 ? new Response("no", { status: 503 }) : new Response(`attempt ${count}`);
      }
      case "/cached":
        return new Response("kept", { headers: { "cache-control": "max-age=60" } });
      case "/slow":
        await pause(1);
        return new Response("slow");
      default:
        return new Response(`${context.protocol} ${request.method} ${body}`, {
          headers: [
            ["x-path", pathname + search],
            ["set-cookie", "a=1"],
            ["set-cookie", "b=2"],
          ],
        });
    }
  });
  onEnd(() => server.close({ timeout: 0 }));
  return { url: `https://localhost:${server.addresses[0]!.port}`, seen };
}

export function openAgent(options: AgentOptions = {}): Agent {
  const agent = new Agent({ rejectUnauthorized: false, resolve: () => ["127.0.0.1"], ...options });
  onEnd(() => agent.destroy());
  return agent;
}
