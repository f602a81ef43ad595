/** What must hold for the proxy in front of real servers. Each check returns what it measured, or throws. */

import { readFileSync } from "node:fs";
import { WebSocket } from "undici";
import { type Client, createClient } from "../../src/client/index.ts";
import { Agent } from "../../src/undici/index.ts";
import type { Origin, Protocol } from "./origins.ts";

const PROTOCOLS: readonly Protocol[] = ["http/1.1", "h2", "h3"];
const clientOf = (protocol: Protocol): Client => createClient({ protocols: [protocol], rejectUnauthorized: false });

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const random = (below: number): number => Math.floor(Math.random() * below);

/**
 * Mixed requests while origins are killed and started at random; one is always alive. `linesAbout` returns what the proxy logged
 * of a path.
 */
export async function survivesKills(
  url: string,
  origins: readonly Origin[],
  requests: number,
  linesAbout: (path: string) => string,
): Promise<string> {
  let kills = 0;
  let isDone = false;
  const reaper = (async () => {
    while (!isDone) {
      await pause(50 + random(150));
      const dead = origins.filter((each) => !each.isAlive);
      const alive = origins.filter((each) => each.isAlive);
      if (dead.length > 0 && random(2) === 0) await dead[random(dead.length)]!.start();
      else if (alive.length > 1) {
        await alive[random(alive.length)]!.kill();
        kills += 1;
      }
    }
    for (const each of origins) if (!each.isAlive) await each.start();
  })();
  const counts = new Map<string, number>();
  const count = (outcome: string): void => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const lost: string[] = [];
  let next = 0;
  const methods = ["GET", "GET", "GET", "HEAD", "PUT", "DELETE", "POST"];
  await Promise.all(
    PROTOCOLS.map(async (protocol) => {
      const client = clientOf(protocol);
      const work = async (): Promise<void> => {
        while (next < requests) {
          next += 1;
          const path = `${next}-of-${requests}`;
          const method = methods[random(methods.length)]!;
          const body = method === "PUT" || method === "POST" ? { body: "x".repeat(random(20_000)) } : {};
          const isRepeatable = method !== "POST";
          try {
            const response = await client.fetch(url + path, { method, ...body });
            await response
              .text()
              .catch(() => count(`${isRepeatable ? "repeatable" : "POST"} cut off within its response`));
            if (response.ok) count("answered");
            else if (isRepeatable) lost.push(`${method} by ${protocol}: ${response.status}\n${linesAbout(path)}`);
            else count(`POST not repeated: ${response.status}`);
          } catch (error) {
            lost.push(`${method} by ${protocol}: ${(error as Error).message}\n${linesAbout(path)}`);
          }
        }
      };
      await Promise.all(Array.from({ length: 6 }, work));
      await client.close();
    }),
  );
  isDone = true;
  await reaper;
  const summary = `${requests} requests, ${kills} kills: ${[...counts].map(([name, n]) => `${n} ${name}`).join(", ")}`;
  if (lost.length > 0) throw new Error(`${summary}\n${lost.length} lost:\n${lost.join("\n")}`);
  return summary;
}

/** Many WebSockets at once over one version: echo, fragments and a close. */
export async function echoesWebSockets(url: string, protocol: Protocol, connections: number): Promise<string> {
  const dispatcher = new Agent({ protocols: [protocol], rejectUnauthorized: false });
  const one = async (index: number): Promise<void> => {
    const socket = new WebSocket(url.replace(/^https/, "wss"), { dispatcher } as never);
    const next = (): Promise<string> =>
      new Promise((resolve, reject) => {
        socket.onmessage = ({ data }: { data: unknown }) => resolve(String(data));
        socket.onclose = () => reject(new Error("closed early"));
      });
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("not opened"));
    });
    for (const message of [`hello ${index}`, "x".repeat(100_000)]) {
      const answer = next();
      socket.send(message);
      if ((await answer) !== message) throw new Error("another message came back");
    }
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }: { code: number }) => resolve(code);
    });
    socket.close(4001, "done");
    if ((await closed) !== 4001) throw new Error(`closed with ${await closed}`);
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => one(index)));
  await dispatcher.close();
  return `${connections} WebSockets over ${protocol} echoed and closed`;
}

/** Milliseconds from an event's departure at the origin to its arrival at the client. */
export async function passesEventsAtOnce(url: string, protocol: Protocol): Promise<string> {
  const client = clientOf(protocol);
  const response = await client.fetch(`${url}events`);
  const reader = response.body!.getReader();
  const delays: number[] = [];
  let text = "";
  while (delays.length < 20) {
    text += new TextDecoder().decode((await reader.read()).value);
    const events = text.split("\n\n");
    text = events.pop()!;
    for (const event of events) delays.push(Date.now() - Number(event.slice("data: ".length)));
  }
  await reader.cancel();
  await client.close();
  const outcome = `the first event took ${delays[0]} ms, the slowest of ${delays.length} ${Math.max(...delays)} ms, over ${protocol}`;
  if (delays[0]! > 50) throw new Error(outcome);
  return outcome;
}

const residentMegabytes = (pid: number): number =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;

/** Moves bytes in one direction, and watches the proxy's memory. */
export async function staysFlat(
  url: string,
  pid: number,
  protocol: Protocol,
  direction: "down" | "up",
  bytes: number,
): Promise<string> {
  const client = clientOf(protocol);
  const start = performance.now();
  const samples: number[] = [];
  let isDone = false;
  const watch = (async () => {
    while (!isDone) {
      samples.push(residentMegabytes(pid));
      await pause(100);
    }
  })();
  let moved = 0;
  if (direction === "down") {
    const response = await client.fetch(`${url}bytes?${bytes}`);
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) moved += chunk.byteLength;
  } else {
    const chunk = new Uint8Array(65_536);
    async function* content(): AsyncGenerator<Uint8Array> {
      for (let left = bytes; left > 0; left -= chunk.length) yield chunk;
    }
    const response = await client.fetch(url, { method: "POST", body: content() });
    moved = Number((await response.text()).split(" ")[1]);
  }
  isDone = true;
  await watch;
  await client.close();
  if (moved !== bytes) throw new Error(`${moved} of ${bytes} bytes went ${direction} over ${protocol}`);
  const [least, most] = [Math.min(...samples), Math.max(...samples)];
  const seconds = (performance.now() - start) / 1000;
  return `${bytes / 2 ** 20} MiB ${direction} over ${protocol} in ${seconds.toFixed(1)} s, memory ${least.toFixed(0)} to ${most.toFixed(0)} MiB`;
}
