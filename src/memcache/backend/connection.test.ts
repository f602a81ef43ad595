/** A connection to a backend: order of responses, failures, retries and back-off. */

import { beforeEach, describe, expect, test } from "vitest";
import { type Instant, seconds } from "../../base/time.ts";
import { latin1, parseRequestText, type Request, text } from "../protocol/request.ts";
import type { Response } from "../protocol/response.ts";
import { BackendConnection, type ConnectionObserver } from "./connection.ts";
import { BACKEND_DEFAULTS, type BackendOptions } from "./options.ts";

const SECOND = 1_000_000;
const at = (second: number): Instant => (second * SECOND) as Instant;

let events: string[];
let responses: string[];

const observer: ConnectionObserver = {
  backendFailed: (_, reason, depth) => events.push(`${reason} ${depth}`),
  backendMarkedBad: (_, reason, retry) => events.push(`${reason} ${retry / SECOND}`),
  backendRecovered: () => events.push("recovered"),
  requestsOverDepth: (count) => events.push(`over depth ${count}`),
  connectionChanged() {},
};

const sink = {
  handleResponse(response: Response | undefined, tag: number) {
    responses[tag] =
      response!.type === "failure" ? "failure" : text(response!.bytes, response!.start, response!.lineEnd);
  },
};

function open(options: Partial<BackendOptions> = {}): BackendConnection {
  const connection = new BackendConnection(
    { ...BACKEND_DEFAULTS, label: "b", host: "127.0.0.1", port: "1", ...options },
    1000,
    observer,
  );
  connection.open(at(0));
  return connection;
}

/** Connects and validates. */
function establish(connection: BackendConnection, now = at(0)): void {
  expect(connection.takeCommand()).toBe("connect");
  connection.handleConnected(now);
  expect(sent(connection)).toBe("version\r\n");
  connection.handleData(latin1("VERSION 1.6.38\r\n"), now);
}

function ready(options: Partial<BackendOptions> = {}): BackendConnection {
  const connection = open(options);
  establish(connection);
  return connection;
}

const sent = (connection: BackendConnection): string => Buffer.concat(connection.takeOutput()).toString("latin1");

function request(line: string, value?: string): Request {
  const parsed = parseRequestText(line)!;
  if (value !== undefined) parsed.value = latin1(`${value}\r\n`);
  return parsed;
}

beforeEach(() => {
  events = [];
  responses = [];
});

describe("an established connection", () => {
  test("sends requests in a pipeline, and matches responses in order", () => {
    const connection = ready();
    connection.send(request("get a"), sink, 0, at(1));
    connection.send(request("set b 0 0 2", "hi"), sink, 1, at(1));
    connection.send(request("mg c v"), sink, 2, at(1));
    expect(sent(connection)).toBe("get a\r\nset b 0 0 2\r\nhi\r\nmg c v\r\n");
    connection.handleData(latin1("END\r\nSTO"), at(1));
    expect(responses).toEqual(["END"]);
    connection.handleData(latin1("RED\r\nEN\r\n"), at(1));
    expect(responses).toEqual(["END", "STORED", "EN"]);
    expect(connection.nextTimeout()).toBeUndefined();
  });

  test("asks for an answer even if the client wants none", () => {
    const connection = ready();
    connection.send(request("set b 0 0 2 noreply", "hi"), sink, 0, at(1));
    connection.send(request("delete b noreply "), sink, 1, at(1));
    connection.send(request("mg c q v k"), sink, 2, at(1));
    expect(sent(connection)).toBe("set b 0 0 2 noreplY\r\nhi\r\ndelete b\r\nmg c   v k\r\n");
  });

  test("answers an overlong key itself, and lives on", () => {
    const connection = ready();
    connection.send(request(`get ${"k".repeat(251)}`), sink, 0, at(1));
    expect(responses).toEqual(["CLIENT_ERROR bad command line format"]);
    connection.send(request(`get ${"k".repeat(250)}`), sink, 1, at(1));
    expect(sent(connection)).toBe(`get ${"k".repeat(250)}\r\n`);
  });

  test("survives a refused command without a value, and ends after one with a value", () => {
    const connection = ready();
    connection.send(request("incr a 1"), sink, 0, at(1));
    connection.handleData(latin1("CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"), at(1));
    expect(connection.state).toBe("ready");
    connection.send(request("set a x 0 2", "hi"), sink, 1, at(1));
    connection.send(request("get a"), sink, 2, at(1));
    connection.handleData(latin1("CLIENT_ERROR bad command line format\r\n"), at(1));
    expect(responses[1]).toBe("CLIENT_ERROR bad command line format");
    expect(events).toEqual(["invalidprotocol 1"]);
    expect(connection.state).toBe("connecting");
  });

  test("fails all waiting requests when the backend is silent for too long", () => {
    const connection = ready({ readTimeout: seconds(3) });
    connection.send(request("get a"), sink, 0, at(1));
    connection.send(request("get b"), sink, 1, at(2));
    expect(connection.nextTimeout()).toBe(at(4));
    connection.handleTimeout(at(4));
    expect(responses).toEqual(["failure", "failure"]);
    expect(events).toEqual(["timeout 2"]);
  });

  test("waits on while responses arrive", () => {
    const connection = ready({ readTimeout: seconds(3) });
    connection.send(request("get a"), sink, 0, at(1));
    connection.send(request("get b"), sink, 1, at(1));
    connection.handleData(latin1("END\r\n"), at(3));
    expect(connection.nextTimeout()).toBe(at(6));
  });

  test("ends on bytes that nobody asked for", () => {
    const connection = ready();
    connection.handleData(latin1("END\r\n"), at(1));
    expect(events).toEqual(["trailingdata 0"]);
    expect(connection.takeCommand()).toBe("connect");
  });

  test("keeps to its depth limit", () => {
    const connection = ready({ depthLimit: 1 });
    connection.send(request("get a"), sink, 0, at(1));
    connection.send(request("get b"), sink, 1, at(1));
    expect(responses[1]).toBe("failure");
    expect(events).toEqual(["over depth 1"]);
  });

  test("finishes its requests before it closes", () => {
    const connection = ready();
    connection.send(request("get a"), sink, 0, at(1));
    connection.close(at(1));
    expect(connection.takeCommand()).toBeUndefined();
    connection.handleData(latin1("END\r\n"), at(1));
    expect(responses).toEqual(["END"]);
    expect(connection.takeCommand()).toBe("close");
  });
});

describe("a connection that was closed by the backend", () => {
  test("repeats reads once, and fails the rest", () => {
    const connection = ready();
    connection.send(request("get a"), sink, 0, at(100));
    connection.send(request("set b 0 0 2", "hi"), sink, 1, at(100));
    connection.send(request("mg c v"), sink, 2, at(100));
    connection.send(request("mg d v N30"), sink, 3, at(100));
    sent(connection);
    connection.handleFailure("disconnected", at(100));
    expect(responses).toEqual([undefined, "failure", undefined, "failure"]);
    establish(connection, at(100));
    expect(sent(connection)).toBe("get a\r\nmg c v\r\n");
    connection.handleFailure("disconnected", at(100));
    expect(responses).toEqual(["failure", "failure", "failure", "failure"]);
  });

  test("repeats nothing if that is turned off", () => {
    const connection = ready({ retryReads: false });
    connection.send(request("get a"), sink, 0, at(1));
    connection.handleFailure("disconnected", at(1));
    expect(responses).toEqual(["failure"]);
  });
});

describe("a backend that cannot be reached", () => {
  test("is tried again at once, marked as bad after the limit, and then tried at intervals", () => {
    const connection = open({ failureLimit: 3, retryTimeout: seconds(3) });
    connection.send(request("get a"), sink, 0, at(0));
    for (let i = 0; i < 3; i += 1) {
      expect(connection.takeCommand()).toBe("connect");
      connection.handleFailure("connecting", at(0));
    }
    expect(connection.isBad).toBe(false);
    connection.handleFailure("connecting", at(0));
    expect(events).toEqual(["connecting 1", "connecting 0", "connecting 0", "connecting 0", "markedbad 3"]);
    connection.send(request("get a"), sink, 1, at(1));
    expect(responses).toEqual(["failure", "failure"]);
    expect(connection.nextTimeout()).toBe(at(3));
    connection.handleTimeout(at(3));
    connection.send(request("get a"), sink, 2, at(3));
    expect(responses[2], "a backend is up when it has proved it").toBe("failure");
    establish(connection, at(3));
    expect(events.at(-1)).toBe("recovered");
    connection.send(request("get a"), sink, 3, at(3));
    expect(sent(connection)).toBe("get a\r\n");
  });

  test("has a limit for connecting and for proving what it is", () => {
    const connection = open({ connectTimeout: seconds(5), readTimeout: seconds(2) });
    connection.handleTimeout(at(5));
    expect(events).toEqual(["conntimeout 0"]);
    connection.handleConnected(at(6));
    connection.handleTimeout(at(8));
    expect(events[1]).toBe("readvalidate 0");
  });

  test.each([
    ["SSH-2.0-OpenSSH\r\n", "readvalidate 0"],
    ["ERROR\r\n", "badvalidate 0"],
    ["VERSION 1\r\nVERSION 1\r\n", "badvalidate 0"],
  ])("is not used if it says %j", (bytes, event) => {
    const connection = open();
    connection.handleConnected(at(0));
    connection.handleData(latin1(bytes), at(0));
    expect(events).toEqual([event]);
  });

  test("that flaps is tried less and less often", () => {
    const connection = open({
      flapTime: seconds(10),
      failureLimit: 1,
      retryTimeout: seconds(2),
      flapBackoffMax: seconds(20),
    });
    const waits: number[] = [];
    for (let i = 0, now = 0; i < 9; i += 1) {
      establish(connection, at(now));
      connection.handleFailure("disconnected", at(now));
      if (connection.state === "waiting") {
        waits.push((connection.nextTimeout()! - at(now)) / SECOND);
        now += waits.at(-1)!;
        connection.handleTimeout(at(now));
      }
    }
    // The last wait was longer than the flap time: the count begins anew.
    expect(waits).toEqual([4.5, 6.75, 10.125, 4.5, 6.75]);
    expect(events).toContain("markedbadflap 4.5");
  });

  test("that is configured as down is never contacted", () => {
    const connection = open({ down: true });
    expect(connection.takeCommand()).toBeUndefined();
    connection.send(request("get a"), sink, 0, at(0));
    expect(responses).toEqual(["failure"]);
  });
});
