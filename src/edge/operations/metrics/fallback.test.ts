import { expect, test } from "vitest";
import { ConnectionId } from "../../../quic/packet/index.ts";
import { FallbackReasons } from "./fallback.ts";

const ID = ConnectionId.from(new Uint8Array(8));

/** A handshake over QUIC that ends with an error. */
function failHandshake(reasons: FallbackReasons, host: string, code = 0x128): void {
  const trace = reasons.trace(ID, "server")!;
  const started = { role: "server", version: 1, local: undefined, remote: { host, port: 1, family: 4 } } as const;
  trace({ type: "quic:connection-started", ...started } as never, 0 as never);
  const reason = { type: "peer", layer: "transport", code, phrase: "" } as never;
  trace({ type: "quic:connection-closed", reason }, 1 as never);
}

test("a server without HTTP/3, or that does not advertise it, says so", () => {
  const reasons = new FallbackReasons();
  expect(reasons.of("192.0.2.1", 1)).toBe("disabled");
  reasons.state = "not-advertised";
  expect(reasons.of("192.0.2.1", 1)).toBe("not-advertised");
});

test("a client that was told is another case than one that comes for the first time", () => {
  const reasons = new FallbackReasons();
  reasons.state = "advertised";
  const [address, other] = ["192.0.2.1", "2001:db8::1"];
  expect([reasons.of(address, 1), reasons.of(address, 1), reasons.of(address, 2)]).toEqual([
    "first-contact",
    "same-connection",
    "advertised",
  ]);
  reasons.noteHttp3(address);
  expect(reasons.of(address, 3)).toBe("also-uses-h3");
  reasons.noteHttp3(other);
  // Another address of the same /64.
  expect(reasons.of("2001:db8::2", 3)).toBe("also-uses-h3");
});

test("a failed handshake of a known address explains its requests for five minutes", () => {
  let now = 0;
  const reasons = new FallbackReasons(() => now);
  reasons.state = "advertised";
  failHandshake(reasons, "192.0.2.1"); // unknown: it may be spoofed
  expect(reasons.of("192.0.2.1", 1)).toBe("first-contact");
  failHandshake(reasons, "192.0.2.1", 0); // the client gave up, as one that races connections
  expect(reasons.of("192.0.2.1", 2)).toBe("advertised");
  failHandshake(reasons, "192.0.2.1");
  expect(reasons.of("192.0.2.1", 2)).toBe("quic-handshake-failed");
  now += 300_000;
  expect(reasons.of("192.0.2.1", 2)).toBe("advertised");
});

test("the table of clients is bounded, and forgets the longest unseen", () => {
  const reasons = new FallbackReasons();
  reasons.state = "advertised";
  const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
  for (let i = 0; i < 10_001; i += 1) reasons.of(address(i), 1);
  expect(reasons.of(address(0), 1)).toBe("first-contact");
  expect(reasons.of(address(10_000), 1)).toBe("same-connection");
});
