import { expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type MemoryOptions, type MemoryTransport, memoryPair } from "../../h3/testing/memory-transport.ts";
import { concat } from "../../wire/text.ts";
import { emitMessage, queryMessage } from "../message.ts";
import { withLength } from "../resolver/message-stream.ts";
import { DOQ_ERRORS, DoqConnection, type DoqEvent } from "./connection.ts";

class Side {
  readonly transport: MemoryTransport;
  readonly doq: DoqConnection;
  readonly events: DoqEvent[] = [];
  onEvent: (event: DoqEvent) => void = () => {};

  constructor(transport: MemoryTransport) {
    this.transport = transport;
    this.doq = new DoqConnection(transport);
  }

  turn(): boolean {
    const delivered = this.transport.deliverOne();
    const events = this.transport.events.splice(0);
    for (const event of events) this.doq.handleTransportEvent(event);
    for (let event = this.doq.pollEvent(); event !== undefined; event = this.doq.pollEvent()) {
      this.events.push(event);
      this.onEvent(event);
    }
    return delivered || events.length > 0;
  }
}

function makePair(options: MemoryOptions = {}) {
  const transports = memoryPair(options);
  const client = new Side(transports.client);
  const server = new Side(transports.server);
  const run = (): void => {
    while ([client.turn(), server.turn()].includes(true));
  };
  run();
  return { client, server, run };
}

const query = (name: string, id = 0): Uint8Array => emitMessage(queryMessage(id, { name, type: 1 }));

test("each query has its own stream, and its response is on it", () => {
  const { client, server, run } = makePair({ rng: new SeededRng(7), maxBidiStreams: 3 });
  server.onEvent = (event) => {
    if (event.type === "query") server.doq.respond(event.id, event.message);
  };
  const names = Array.from({ length: 10 }, (_, i) => `n${i}.test.`);
  const asked = new Map<number, string>();
  const unasked = [...names];
  const ask = (): void => {
    for (let id: number | undefined = 0; id !== undefined && unasked.length > 0; ) {
      id = client.doq.ask(query(unasked[0]!));
      if (id !== undefined) asked.set(id, unasked.shift()!);
    }
  };
  client.onEvent = (event) => {
    if (event.type === "streams-available") ask();
  };
  ask();
  run();
  const responses = client.events.filter((event) => event.type === "response");
  expect(responses.map(({ id, message }) => [asked.get(id), message])).toEqual(
    expect.arrayContaining(names.map((name) => [name, query(name)])),
  );
  expect([client.doq.pending, server.doq.pending]).toEqual([0, 0]);
});

test("a query that is given up frees its stream on both sides", () => {
  const { client, server, run } = makePair();
  const given = client.doq.ask(query("given.test."))!;
  client.doq.cancel(given);
  run();
  expect(server.doq.pending).toBe(0);
  const refused = client.doq.ask(query("refused.test."))!;
  server.onEvent = (event) => {
    if (event.type === "query") server.doq.cancel(event.id, DOQ_ERRORS.EXCESSIVE_LOAD);
  };
  run();
  expect(client.events).toEqual([{ type: "failed", id: refused, why: "the server gave up the query with code 4" }]);
});

// RFC 9250 §4.3.3, §5.5.2.
const keepalive = {
  ...queryMessage(0, { name: "a.test.", type: 1 }),
  edns: { udpSize: 1_232, version: 0, dnssecOk: false, options: [{ code: 11, data: new Uint8Array(0) }] },
};
test.each([
  ["an id other than 0", withLength(query("a.test.", 1))],
  ["a message without a header", withLength(new Uint8Array(11))],
  ["a second message", concat(withLength(query("a.test.")), withLength(query("b.test.")))],
  ["the start of a second message", concat(withLength(query("a.test.")), Uint8Array.of(0))],
  ["half a message", withLength(query("a.test.")).subarray(0, 20)],
  ["nothing", new Uint8Array(0)],
  ["edns-tcp-keepalive", withLength(emitMessage(keepalive))],
])("a client that sends %s ends the connection with DOQ_PROTOCOL_ERROR", (_what, bytes) => {
  const { client, server, run } = makePair();
  client.transport.write(client.transport.openStream("bidi")!, bytes, true);
  run();
  expect(server.doq.isClosed).toBe(true);
  expect(client.events.at(-1)).toMatchObject({
    type: "closed",
    reason: { type: "peer", code: DOQ_ERRORS.PROTOCOL_ERROR },
  });
});

test("streams that DoQ does not have end the connection", () => {
  for (const [side, direction] of [
    ["client", "uni"],
    ["server", "bidi"],
  ] as const) {
    const pair = makePair();
    const { transport } = pair[side];
    transport.write(transport.openStream(direction)!, Uint8Array.of(0), false);
    pair.run();
    expect(pair[side].events.at(-1)).toMatchObject({ reason: { type: "peer", code: DOQ_ERRORS.PROTOCOL_ERROR } });
  }
});

test("a malformed query is the application's, which answers FORMERR", () => {
  const { client, server, run } = makePair();
  client.doq.ask(Uint8Array.from([0, 0, 1, 0, 255, 255, 0, 0, 0, 0, 0, 0]));
  run();
  expect(server.events).toMatchObject([{ type: "query" }]);
});
