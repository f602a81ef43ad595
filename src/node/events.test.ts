/**
 * The order of events and the error codes: over every version, a listener sees the same with nagare/node as with
 * node:https. Where request and response race ("end" against "finish"), each is compared separately.
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

const outcome = (error: Error | undefined): string =>
  error === undefined ? "no error" : `${(error as NodeJS.ErrnoException).code}`;

/** Responses that a client reads to the end. */
const READ: Record<string, Case> = {
  "an immediate response": (_request, response) => void response.end("hello"),
  "a response without content": (_request, response) => void response.writeHead(204).end(),
  "a response after the content was read": (request, response) => {
    request.resume().on("end", () => response.end("hello"));
  },
  "a response in pieces": (_request, response) => {
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
  "two calls of end, and a write after them": (_request, response, log) => {
    response.end("hello");
    response.end();
    response.end("more", (error?: Error) => log(`end: ${(error as NodeJS.ErrnoException)?.code}`));
    response.write("more", (error) => log(`write: ${(error as NodeJS.ErrnoException)?.code}`));
  },
  "invalid heads": (_request, response, log) => {
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
  "invalid chunks": (_request, response, log) => {
    attempt(log, () => response.write(null as never));
    attempt(log, () => response.write(5 as never));
    attempt(log, () => response.end({} as never));
    response.end();
  },
  "a strict content-length": (_request, response, log) => {
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

/** Responses that a client cancels once the head has arrived. */
const ABORTED: Record<string, Case> = {
  "a response that never ends": (_request, response, log) => {
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

/** The same, but what the listener does happens once the client has gone. */
const AFTER_ABORT: Record<string, (response: ServerResponse, log: Log) => void> = {
  "end(callback)": (response, log) => void response.end((error?: Error) => log(outcome(error))),
  "end(chunk, callback)": (response, log) => void response.end("x", (error?: Error) => log(outcome(error))),
  "end twice, with callbacks": (response, log) => {
    response.end((error?: Error) => log(`first ${outcome(error)}`));
    response.end((error?: Error) => log(`second ${outcome(error)}`));
  },
  "write(chunk, callback)": (response, log) => void response.write("x", (error) => log(outcome(error ?? undefined))),
  "end after the callback of write": (response, log) => {
    response.write("x", (error) => log(`written ${outcome(error ?? undefined)}`));
    response.end("y", (error?: Error) => log(`ended ${outcome(error)}`));
  },
};
for (const [name, act] of Object.entries(AFTER_ABORT)) {
  ABORTED[name] = (_request, response, log) => {
    response.write("x");
    response.on("close", () => {
      setImmediate(() => {
        act(response, log);
        setImmediate(() => setImmediate(() => log("done")));
      });
    });
  };
  ABORTED[`${name}, before the head`] = (_request, response, log) => {
    response.flushHeaders();
    response.on("close", () => {
      act(response, log);
      setImmediate(() => setImmediate(() => log("done")));
    });
  };
}

interface Seen {
  readonly request: string[];
  readonly response: string[];
  readonly logged: string[];
}

async function watch(
  makeServer: (listener: (request: IncomingMessage, response: ServerResponse) => void) => AnyServer,
  open: OpenTestClient,
  run: Case,
  ask: { method: string; cancels: boolean },
): Promise<Seen> {
  const seen: Seen = { request: [], response: [], logged: [] };
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
      seen.response.push(
        `ended ${writableEnded}, finished ${writableFinished}, destroyed ${destroyed}, socket ${socket !== null}`,
      );
      if (!ask.cancels) isDone = true;
    });
    run(request, response, (event) => {
      if (event === "done") isDone = true;
      else seen.logged.push(event);
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

  const expectAlike = async (run: Case, ask: { method: string; cancels: boolean }) => {
    const expected = await watch(httpsServer, openHttp1, run, ask);
    expect(expected.response.length).toBeGreaterThan(1);
    expect(await watch((listener) => ownServer(listener).server as never, open, run, ask)).toEqual(expected);
  };

  test.each(cases(READ))("%s to %s", async (_name, method, run) => {
    await expectAlike(run, { method, cancels: false });
  });

  test.each(cases(ABORTED))("%s to %s, and a client that disconnects", async (_name, method, run) => {
    await expectAlike(run, { method, cancels: true });
  });

  test("a response finishes before an unread request ends, as with Node's own server", async () => {
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
    const expected = await orderOf(httpsServer, openHttp1);
    expect(expected.slice(0, 2)).toEqual(["res prefinish", "res finish"]);
    expect(await orderOf((listener) => ownServer(listener).server as never, open)).toEqual(expected);
  });

  // Older versions of Node emit "finish" for a response that the client cancelled.
  test("a response that does not arrive completely never finishes", async () => {
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

describe("content after the response", () => {
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

  test("is still read over HTTP/1.1", async () => {
    const { ends, port } = await reading();
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    closers.push(() => socket.destroy());
    socket.write(`POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 101000\r\n\r\n${"x".repeat(1000)}`);
    expect(String((await once(socket, "data"))[0])).toContain("early");
    socket.write("x".repeat(100_000));
    await expect.poll(() => ends).toEqual(["end 101000"]);
  });

  test.each(VERSIONS.filter(([version]) => version === "h2"))("is still read over %s", async (_version, open) => {
    const { ends, port } = await reading();
    const exchange = (await connect(open, port)).request({ method: "POST", path: "/", streaming: true });
    await exchange.send("x".repeat(1000));
    expect(await (await exchange.response).text()).toBe("early");
    await exchange.send("x".repeat(100_000));
    exchange.finish();
    await expect.poll(() => ends).toEqual(["end 101000"]);
  });

  // This client sends no content after the response.
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

describe("content that is not valid chunked coding", () => {
  const cases: [string, (listener: Listener) => AnyServer][] = [
    ["nagare/node", (listener) => ownServer(listener).server],
    ["node:https", httpsServer],
  ];
  test.each(cases)("is an error of the request's socket with %s", async (_name, create) => {
    const events: string[] = [];
    const server = create((request, response) => {
      const codeOf = (error: Error): string => String((error as NodeJS.ErrnoException).code);
      request.socket.on("error", (error) => events.push(`socket ${codeOf(error)}`));
      request.on("error", (error) => events.push(`request ${codeOf(error)}`));
      response.on("close", () => events.push("response closed"));
      socket.write("W");
    });
    const port = await listening(server);
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    closers.push(() => socket.destroy());
    socket.on("error", () => undefined).resume();
    socket.write("POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    await expect
      .poll(() => events.toSorted())
      .toEqual(["request ECONNRESET", "response closed", "socket HPE_INVALID_CHUNK_SIZE"]);
  });
});
