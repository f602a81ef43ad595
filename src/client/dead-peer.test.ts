/** Notices a killed and restarted server within a few probe timeouts, not after the idle timeout (case 08 a). */
import { afterEach, describe, expect, test, vi } from "vitest";
import { loadIdentity } from "../host/certificates/identity.ts";
import { createHttp3Connector } from "../host/client/h3-connector.ts";
import type { Http3Connector } from "../host/client/http3.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { systemEnvironment } from "../host/quic/environment.ts";
import { QuicListener, type QuicListenerOptions } from "../host/quic/listener.ts";
import { bindPortableSocket } from "../host/udp/portable-socket.ts";
import type { UdpSocket } from "../host/udp/udp-socket.ts";
import { type Client, type ClientOptions, createClient } from "./index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Life {
  readonly port: number;
  readonly seen: string[];
  /** Stops without sending anything, like a process that is killed. */
  kill(): Promise<void>;
  /** Stops receiving and sending until the returned function is called. */
  sleep(): () => void;
}

type OnExchange = QuicListenerOptions["onExchange"];

const answer: OnExchange = (exchange) => {
  exchange.respond(200, [], {});
  exchange.write(new TextEncoder().encode("here"));
  exchange.end();
};

async function serveLife(port = 0, options: Partial<QuicListenerOptions> = {}): Promise<Life> {
  const seen: string[] = [];
  let socket!: UdpSocket;
  const listener = new QuicListener({
    identities: [loadIdentity(localhostIdentity)],
    environment: {
      ...systemEnvironment,
      bind: async (number, host) => {
        socket = await bindPortableSocket(number, host);
        return socket;
      },
    },
    ...options,
    onExchange: (exchange) => {
      seen.push(exchange.method);
      (options.onExchange ?? answer)(exchange);
    },
  });
  const bound = await listener.listen(port, "127.0.0.1");
  closers.push(() => listener.close(0));
  const mute = () => {
    const { send, onBatch } = socket;
    socket.send = ({ count }) => count;
    socket.onBatch = undefined;
    return () => {
      socket.send = send;
      socket.onBatch = onBatch;
    };
  };
  return {
    port: bound.port,
    seen,
    sleep: mute,
    kill: async () => {
      mute();
      await socket.close();
    },
  };
}

/** A client, and how many connections it has tried to make. */
function open(options: ClientOptions = {}): { client: Client; dials: () => number } {
  const connector = createHttp3Connector();
  let dials = 0;
  const http3: Http3Connector = {
    ...connector,
    connect: (origin, given) => {
      dials += 1;
      return connector.connect(origin, given);
    },
  };
  const client = createClient({ protocols: ["h3"], rejectUnauthorized: false, http3, ...options });
  closers.push(() => client.close({ timeout: 0 }));
  return { client, dials: () => dials };
}

/** Waits until the client tries a second connection. */
const waitForSecondDial = (dials: () => number): Promise<void> =>
  vi.waitUntil(() => dials() > 1, { timeout: 10_000 }).then(() => {});

const urlOf = ({ port }: Life): string => `https://127.0.0.1:${port}/`;
const never: OnExchange = () => {};

describe("a server that was killed and restarted on its port", () => {
  test("with its reset key ends earlier connections, and a request moves to a new one", async () => {
    const resetKey = new Uint8Array(32).fill(7);
    const first = await serveLife(0, { resetKey });
    const { client } = open();
    await (await client.fetch(urlOf(first))).text();
    await first.kill();
    const second = await serveLife(first.port, { resetKey });
    const response = await client.fetch(urlOf(first));
    expect(await response.text()).toBe("here");
    expect(client.facts(response)!.attempts).toBe(2);
    // The reset ended the old connection, not the new one: otherwise there would have been an extra request.
    await expect(client.fetch(urlOf(first)).then(() => second.seen)).resolves.toEqual(["GET", "GET"]);
  });

  test("with its reset key is noticed by a request that only waits", async () => {
    const resetKey = new Uint8Array(32).fill(7);
    const first = await serveLife(0, { resetKey, onExchange: never });
    const { client } = open();
    const waiting = client.fetch(urlOf(first));
    await vi.waitUntil(() => first.seen.length === 1);
    await first.kill();
    await serveLife(first.port, { resetKey });
    const response = await waiting;
    expect(await response.text()).toBe("here");
    expect(client.facts(response)!.attempts).toBe(2);
  });

  test("with its reset key fails requests that may not be repeated, and the error says why", async () => {
    const resetKey = new Uint8Array(32).fill(7);
    const first = await serveLife(0, { resetKey });
    const { client } = open();
    await (await client.fetch(urlOf(first))).text();
    await first.kill();
    const second = await serveLife(first.port, { resetKey });
    await expect(client.fetch(urlOf(first), { method: "POST", body: "x" })).rejects.toMatchObject({
      code: "CONNECTION_LOST",
      message: expect.stringContaining("stateless reset"),
    });
    expect(second.seen).toEqual([]);
  });

  test("without a reset key is found by a second connection, in parallel with the silent one", async () => {
    const first = await serveLife();
    const { client } = open();
    await (await client.fetch(urlOf(first))).text();
    await first.kill();
    const second = await serveLife(first.port, { onExchange: answer });
    const [get, post, put] = await Promise.allSettled([
      client.fetch(urlOf(first)).then((response) => response.text()),
      client.fetch(urlOf(first), { method: "POST", body: "x" }),
      client.fetch(urlOf(first), { method: "PUT", body: "x" }).then((response) => response.text()),
    ]);
    expect([get, put].map((each) => each.status === "fulfilled" && each.value)).toEqual(["here", "here"]);
    expect(second.seen.filter((method) => method === "POST").length + Number(post.status === "rejected")).toBe(1);
    if (post.status === "rejected") {
      expect(post.reason).toMatchObject({ code: "CONNECTION_LOST" });
      expect(post.reason.message).toMatch(/stopped answering|stateless reset/);
    }
  });
});

describe("a silent server", () => {
  test("that wakes before another connection works responds on the old one", async () => {
    const life = await serveLife();
    const { client, dials } = open();
    await (await client.fetch(urlOf(life))).text();
    const wake = life.sleep();
    const answered = client.fetch(urlOf(life));
    await waitForSecondDial(dials);
    wake();
    expect(await (await answered).text()).toBe("here");
    expect(client.facts(await answered)!.attempts).toBe(1);
  });

  test("is waited for on the same connection if the client is to replace none", async () => {
    const life = await serveLife();
    const { client, dials } = open({ replaceSilent: false });
    const first = await client.fetch(urlOf(life));
    await first.text();
    const wake = life.sleep();
    const sent = () => client.facts(first)!.stats().packetsSent!;
    const before = sent();
    const answered = client.fetch(urlOf(life));
    // The request, and at most two packets per probe timeout.
    await vi.waitUntil(() => sent() >= before + 1 + 2 * 4, 20_000);
    expect(dials()).toBe(1);
    wake();
    expect(await (await answered).text()).toBe("here");
    expect(dials()).toBe(1);
  });

  test("that wakes up continues its download", async () => {
    let finish = () => {};
    const life = await serveLife(0, {
      onExchange: (exchange) => {
        exchange.respond(200, [], {});
        exchange.write(new TextEncoder().encode("first "));
        if (exchange.path === "/slow") finish = () => exchange.end(new TextEncoder().encode("second"));
        else exchange.end();
      },
    });
    const { client, dials } = open();
    const slow = await client.fetch(`${urlOf(life)}slow`);
    const wake = life.sleep();
    const other = client.fetch(urlOf(life)).then((response) => response.text());
    await waitForSecondDial(dials);
    wake();
    expect(await other).toBe("first ");
    finish();
    expect(await slow.text()).toBe("first second");
  });

  test("that falls silent again is not given up because of a connection that worked before", async () => {
    let finish = () => {};
    const life = await serveLife(0, {
      onExchange: (exchange) => {
        exchange.respond(200, [], {});
        exchange.write(new TextEncoder().encode("first "));
        finish = () => exchange.end(new TextEncoder().encode("second"));
      },
    });
    const { client, dials } = open();
    const slow = await client.fetch(urlOf(life));
    for (const count of [2, 3]) {
      const wake = life.sleep();
      await vi.waitUntil(() => dials() === count);
      wake();
      await vi.waitUntil(() => client.connections().length === count);
    }
    finish();
    expect(await slow.text()).toBe("first second");
  });

  test("that never responds fails its requests with the error of the second connection", async () => {
    const life = await serveLife(0, { onExchange: never });
    const { client, dials } = open({ connectTimeout: 1_500 });
    client.fetch(urlOf(life)).catch(() => {});
    await expect.poll(() => life.seen.length).toBe(1);
    await life.kill();
    client.fetch(urlOf(life)).catch(() => {});
    await waitForSecondDial(dials);
    await expect(client.fetch(urlOf(life))).rejects.toMatchObject({
      code: expect.stringMatching(/^(CONNECT_TIMEOUT|CONNECTION_REFUSED)$/),
    });
  });
});
