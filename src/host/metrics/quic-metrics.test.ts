import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import { ConnectionId } from "../../quic/packet/index.ts";
import { Pair, type PairOptions } from "../../quic/testing/pair.ts";
import { QuicMetrics } from "./quic-metrics.ts";

/** The values of samples, by their name and labels. */
function samplesOf(metrics: QuicMetrics): ReadonlyMap<string, number> {
  const lines = metrics.text().split("\n").slice(0, -1);
  return new Map(
    lines
      .filter((line) => !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** One transfer that ends with a close, and the counts of it. */
function measured(options: PairOptions = {}) {
  const metrics = new QuicMetrics();
  const id = ConnectionId.from(new Uint8Array(8));
  const traces = { client: metrics.trace(id, "client")!, server: metrics.trace(id, "server")! };
  const pair = new Pair({ trace: (side, event, now) => traces[side](event, now), ...options }).connect();
  let received = 0;
  pair.onEvent = (side, connection, event) => {
    if (side !== "server" || event.type !== "stream-readable") return;
    for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
      received += chunk.bytes.length;
    }
  };
  pair.connection.write(pair.connection.openStream("bidi")!, new Uint8Array(200_000), true);
  pair.run(() => received === 200_000, seconds(20));
  pair.run(undefined, millis(200));
  const during = samplesOf(metrics);
  const stats = { client: pair.connection.stats, server: pair.peer!.stats };
  pair.connection.close(7, "done");
  pair.run(undefined, seconds(5));
  return { pair, metrics, stats, during, after: samplesOf(metrics) };
}

describe("a connection", () => {
  test("is counted as its own statistics count it, on both sides", () => {
    const { stats, after } = measured({
      // Some of the datagrams of the transfer.
      wire: (datagram, direction, index) => (direction === "to-server" && index % 10 === 7 ? undefined : datagram),
    });
    for (const role of ["client", "server"] as const) {
      const value = (name: string) => after.get(`nagare_quic_${name}_total{role="${role}"}`);
      expect(value("packets_sent")).toBe(stats[role].packetsSent);
      expect(value("packets_received")).toBe(stats[role].packetsReceived);
      expect(value("sent_bytes")).toBe(stats[role].bytesSent);
      expect(value("connections_started")).toBe(1);
      const lost = [...after].filter(([name]) => name.startsWith(`nagare_quic_packets_lost_total{role="${role}"`));
      expect(lost.reduce((sum, [, count]) => sum + count, 0)).toBe(stats[role].packetsLost);
    }
    expect(stats.client.packetsLost).toBeGreaterThan(0);
  });

  test("is open until it has ended, with a cause", () => {
    const { during, after } = measured();
    for (const role of ["client", "server"]) {
      const open = `nagare_quic_connections{role="${role}"}`;
      expect([during.get(open), after.get(open)]).toEqual([1, 0]);
      expect(after.get(`nagare_quic_handshakes_total{role="${role}",kind="full"}`)).toBe(1);
    }
    const closed = (role: string, cause: string) =>
      after.get(`nagare_quic_connections_closed_total{role="${role}",cause="${cause}"}`);
    expect(closed("client", "local-application")).toBe(1);
    expect(closed("server", "peer-application")).toBe(1);
    expect([...after.keys()].some((name) => name.includes("handshakes_failed"))).toBe(false);
  });

  test("has its round trips and its windows in histograms", () => {
    const { after } = measured({ delay: millis(10) });
    const bucket = (name: string, le: string) => after.get(`nagare_quic_${name}_bucket{role="client",le="${le}"}`)!;
    expect(bucket("rtt_seconds", "0.01")).toBe(0);
    expect(bucket("rtt_seconds", "0.25")).toBe(after.get('nagare_quic_rtt_seconds_count{role="client"}'));
    expect(bucket("handshake_seconds", "0.025")).toBe(1);
    expect(after.get('nagare_quic_congestion_window_bytes_count{role="client"}')).toBeGreaterThan(5);
  });

  test("that fails is a failed handshake", () => {
    const metrics = new QuicMetrics();
    const trace = metrics.trace(ConnectionId.from(new Uint8Array(8)), "client")!;
    const pair = new Pair({
      trace: (side, event, now) => {
        if (side === "client") trace(event, now);
      },
      wire: () => undefined,
    });
    pair.run(undefined, seconds(60));
    const samples = samplesOf(metrics);
    expect(samples.get('nagare_quic_handshakes_failed_total{role="client",cause="handshake-timeout"}')).toBe(1);
    expect(samples.get('nagare_quic_probe_timeouts_total{role="client"}')).toBe(3);
  });
});

test("datagrams that belong to no connection are counted by what became of them", () => {
  const metrics = new QuicMetrics();
  const { endpoint } = metrics.trace;
  endpoint!({ type: "quic:endpoint-datagram-dropped", cause: "invalid", size: 3 }, seconds(1) as never);
  endpoint!({ type: "quic:endpoint-datagram-dropped", cause: "invalid", size: 3 }, seconds(1) as never);
  endpoint!({ type: "quic:stateless-reply", reply: "retry" }, seconds(1) as never);
  expect([...samplesOf(metrics)]).toEqual([
    ['nagare_quic_endpoint_datagrams_dropped_total{cause="invalid"}', 2],
    ['nagare_quic_stateless_replies_total{reply="retry"}', 1],
  ]);
});

test("every metric has a help, a type and a name with its unit", () => {
  const { metrics } = measured();
  const lines = metrics.text().split("\n");
  const families = lines.flatMap((line) => /^# TYPE (\S+) (\S+)$/.exec(line)?.slice(1) ?? []);
  expect(families.length).toBeGreaterThan(30);
  for (let i = 0; i < families.length; i += 2) {
    const [name, type] = families.slice(i, i + 2) as [string, string];
    expect(name).toMatch(/^nagare_quic_[a-z_]+$/);
    expect(name.endsWith("_total")).toBe(type === "counter");
    expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^# HELP ${name} [A-Z].+\\.$`)));
  }
  expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});
