/**
 * The order of events, and the codes of errors: what one listener sees with node:https is what it sees with nagare/node,
 * over every version. Where two sides race (a request's end against a response's finish), each side's own order counts.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect as connectTls } from "node:tls";
import { describe, expect, test } from "vitest";
import { openHttp1, VERSIONS } from "../edge/testing/client.ts";
import type { OpenTestClient } from "../edge/testing/test-client.ts";
import type { Listener } from "../host/node/index.ts";
import { type AnyServer, closers, connect, httpsServer, listening, ownServer } from "./testing/server.ts";

type Log = (event: string) => void;
type Case = (request: IncomingMessage, response: ServerResponse, log: Log) => void;

const attempt = (log: Log, run: () => unknown): void => {
  try {
    run();
    log("no error");
  } catch (error) {
    log(`${(error as Error).name} ${(error as NodeJS.ErrnoException).code}`);
  }
};

/** Answers that a client reads to their end. */
const ANSWERED: Record<string, Case> = {
  "an answer at once": (_request, response) => void response.end("hello"),
  "an answer without content": (_request, response) => void response.writeHead(204).end(),
  "an answer to content that was read": (request, response) => {
    request.resume().on("end", () => response.end("hello"));
  },
  "an answer in pieces": (_request, response) => {
    response.write("one ");
    setImmediate(() => {
      response.write("two ");
      setImmediate(() => response.end("three"));
    });
  },
  "callbacks of write and end": (_request, response, log) => {
    response.write("one", () => log("written"));
    response.end("two", () => log("ended"));
  },
  "end(null, null, null)": (_request, response) =>
    void (response.end as unknown as (...given: null[]) => void)(null, null, null),
  "the end twice, and a write behind it": (_request, response, log) => {
    response.end("hello");
    response.end();
    response.end("more", (error?: Error) => log(`end: ${(error as NodeJS.ErrnoException)?.code}`));
    response.write("more", (error) => log(`write: ${(error as NodeJS.ErrnoException)?.code}`));
  },
  "illegal heads": (_request, response, log) => {
    attempt(log, () => response.setHeader("a\n", "b"));
    attempt(log, () => response.setHeader("a", "b\r\nc: d"));
    attempt(log, () => response.setHeader("a", "\u0100"));
    attempt(log, () => response.setHeader("a", undefined as never));
    attempt(log, () => response.writeHead(99));
    attempt(log, () => response.writeHead(1000));
    attempt(log, () => response.writeHead(200, { "b ": "c" }));
    response.end();
  },
  "heads after the head": (_request, response, log) => {
    response.writeHead(201, ["a", "1", "b", "2"]);
    attempt(log, () => response.setHeader("a", "b"));
    attempt(log, () => response.removeHeader("a"));
    attempt(log, () => response.writeHead(200));
    attempt(log, () => response.flushHeaders());
    response.end();
  },
  "chunks that are none": (_request, response, log) => {
    attempt(log, () => response.write(null as never));
    attempt(log, () => response.write(5 as never));
    attempt(log, () => response.end({} as never));
    response.end();
  },
  "a length that is kept strictly": (_request, response, log) => {
    response.strictContentLength = true;
    response.setHeader("content-length", "5");
    response.flushHeaders();
    attempt(log, () => response.write("too long"));
    response.end("exact");
  },
  "trailers without chunks": (_request, response, log) => {
    attempt(log, () => response.writeHead(200, { trailer: "x", "content-length": "2" }));
    response.removeHeader("trailer");
    response.end("ok");
  },
};

/** Answers that a client gives up on, when their head has come. */
const ABORTED: Record<string, Case> = {
  "an answer that never ends": (_request, response, log) => {
    response.write("x");
    response.on("close", () => {
      setImmediate(() => {
        log(`write ${response.write("y")}`);
        response.end();
        setImmediate(() => log("done"));
      });
    });
  },
};

interface Seen {
  readonly request: string[];
  readonly response: string[];
  readonly said: string[];
}

async function watch(
  makeServer: (listener: (request: IncomingMessage, response: ServerResponse) => void) => AnyServer,
  open: OpenTestClient,
  run: Case,
  ask: { method: string; cancels: boolean },
): Promise<Seen> {
  const seen: Seen = { request: [], response: [], said: [] };
  let isDone = false;
  const server = makeServer((request, response) => {
    const listen = (source: IncomingMessage | ServerResponse, into: string[], names: string[]) => {
      for (const name of names)
        source.on(name, (error?: NodeJS.ErrnoException) => into.push(error?.code ? `${name} ${error.code}` : name));
    };
    listen(request, seen.request, ["aborted", "end", "error", "close"]);
    listen(response, seen.response, ["prefinish", "finish", "error", "close"]);
    response.on("close", () => {
      const { writableEnded, writableFinished, destroyed, socket } = response;
      seen.response.push(`ended ${writableEnded}, finished ${writableFinished}, destroyed ${destroyed}, socket ${socket !== null}`); // biome-ignore format: one line
      if (!ask.cancels) isDone = true;
    });
    run(request, response, (event) => {
      if (event === "done") isDone = true;
      else seen.said.push(event);
    });
  });
  const client = await connect(open, await listening(server));
  const body = ask.method === "POST" ? { body: "x".repeat(100) } : {};
  const exchange = client.request({ method: ask.method, path: "/", ...body });
  const response = await exchange.response;
  if (ask.cancels) exchange.cancel();
  else await response.bytes();
  await expect.poll(() => isDone && seen.request.includes("close")).toBe(true);
  return seen;
}

describe.each(VERSIONS)("over %s", (_version, open) => {
  const cases = (list: Record<string, Case>) =>
    Object.entries(list).flatMap(([name, run]) => ["GET", "POST"].map((method) => [name, method, run] as const));

  const alike = async (run: Case, ask: { method: string; cancels: boolean }) => {
    const wanted = await watch(httpsServer, openHttp1, run, ask);
    expect(wanted.response.length).toBeGreaterThan(1);
    expect(await watch((listener) => ownServer(listener).server as never, open, run, ask)).toEqual(wanted);
  };

  test.each(cases(ANSWERED))("%s to %s", async (_name, method, run) => {
    await alike(run, { method, cancels: false });
  });

  test.each(cases(ABORTED))("%s to %s, and a client that goes away", async (_name, method, run) => {
    await alike(run, { method, cancels: true });
  });

  test("an answer precedes the end of a request that nobody read, as with Node's own server", async () => {
    const orderOf = async (make: (listener: Listener) => AnyServer, opens: OpenTestClient): Promise<string[]> => {
      const order: string[] = [];
      const server = make((request, response) => {
        for (const name of ["end", "close"]) request.on(name, () => order.push(`req ${name}`));
        for (const name of ["prefinish", "finish", "close"]) response.on(name, () => order.push(`res ${name}`));
        response.end("hello");
      });
      const client = await connect(opens, await listening(server));
      await (await client.request({ path: "/" }).response).text();
      await expect.poll(() => order).toHaveLength(5);
      return order;
    };
    const wanted = await orderOf(httpsServer, openHttp1);
    expect(wanted.slice(0, 2)).toEqual(["res prefinish", "res finish"]);
    expect(await orderOf((listener) => ownServer(listener).server as never, open)).toEqual(wanted);
  });

  // Older versions of Node say "finish" of an answer that a client gave up on.
  test("an end that does not get through is no finish", async () => {
    const seen: string[] = [];
    const { server } = ownServer((_request, response) => {
      for (const name of ["finish", "error", "close"]) response.on(name, () => seen.push(name));
      response.end(Buffer.alloc(40_000_000));
    });
    const client = await connect(open, await listening(server));
    const exchange = client.request({ path: "/" });
    await exchange.response;
    exchange.cancel();
    await expect.poll(() => seen).toEqual(["close"]);
  });
});

describe("content behind an answer", () => {
  const reading = async () => {
    const ends: string[] = [];
    const { server } = ownServer((request, response) => {
      let bytes = 0;
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on("end", () => ends.push(`end ${bytes}`));
      request.on("error", (error) => ends.push(`error ${error.message}`));
      response.end("early");
    });
    return { ends, port: await listening(server) };
  };

  test("is read on over HTTP/1.1", async () => {
    const { ends, port } = await reading();
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    closers.push(() => socket.destroy());
    socket.write(`POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 101000\r\n\r\n${"x".repeat(1000)}`);
    expect(String((await once(socket, "data"))[0])).toContain("early");
    socket.write("x".repeat(100_000));
    await expect.poll(() => ends).toEqual(["end 101000"]);
  });

  test.each(VERSIONS.filter(([version]) => version === "h2"))("is read on over %s", async (_version, open) => {
    const { ends, port } = await reading();
    const exchange = (await connect(open, port)).request({ method: "POST", path: "/", streaming: true });
    await exchange.send("x".repeat(1000));
    expect(await (await exchange.response).text()).toBe("early");
    await exchange.send("x".repeat(100_000));
    exchange.finish();
    await expect.poll(() => ends).toEqual(["end 101000"]);
  });

  // This client sends no content behind an answer.
  test.each(VERSIONS.filter(([version]) => version === "h3"))(
    "that is cut off is an error over %s",
    async (_, open) => {
      const { ends, port } = await reading();
      const exchange = (await connect(open, port)).request({ method: "POST", path: "/", streaming: true });
      await exchange.send("x".repeat(1000));
      expect(await (await exchange.response).text()).toBe("early");
      await expect.poll(() => ends).toEqual(["error aborted"]);
    },
  );
});
