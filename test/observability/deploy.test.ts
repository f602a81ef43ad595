// The alerts, the dashboard and the documents name only metrics that exist.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ServerMetrics } from "../../src/edge/operations/metrics/server-metrics.ts";
import { QuicMetrics } from "../../src/host/metrics/quic-metrics.ts";
import { ConnectionId } from "../../src/quic/packet/index.ts";

const read = (path: string): string => readFileSync(join(import.meta.dirname, "../..", path), "utf8");

const metrics = new ServerMetrics({}, { role: "server", names: () => [], status: () => ({}), droppedLines: () => 0 });
metrics.listening([], false);
// Some exist for each role.
new QuicMetrics(metrics.registry).trace(ConnectionId.from(new Uint8Array(8)), "server");
const known = new Set(metrics.registry.names);
metrics.close();

const namedIn = (text: string): readonly string[] => [...new Set(text.match(/\bnagare_[a-z0-9_]+[a-z0-9]\b/g))];
/** Histograms have three names. */
const familyOf = (name: string): string => (known.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ""));

test.each([
  ["docs/deploy/alerts.yml", 10],
  ["docs/deploy/dashboard.json", 30],
  ["docs/deploy/network.md", 3],
  ["docs/observability.md", 30],
])("%s", (path, least) => {
  const names = namedIn(read(path));
  expect(names.length).toBeGreaterThanOrEqual(least);
  expect(names.filter((name) => !known.has(familyOf(name)))).toEqual([]);
});

test("docs/observability.md lists every metric", () => {
  const text = read("docs/observability.md");
  const isListed = (name: string): boolean =>
    text.includes(`\`${name}\``) || text.includes(`\`${name.replace("nagare_quic_", "")}\``);
  expect([...known].filter((name) => !isListed(name))).toEqual([]);
});

test("the dashboard has panels with a data source, a title and queries", () => {
  const { panels, templating } = JSON.parse(read("docs/deploy/dashboard.json"));
  expect(panels.length).toBeGreaterThan(15);
  for (const { title, targets, datasource } of panels) {
    expect(
      targets.every(({ expr }: { expr: string }) => expr.includes('instance=~"$instance"')),
      title,
    ).toBe(true);
    expect(datasource).toMatchObject({ type: "prometheus" });
  }
  expect(templating.list.map(({ name }: { name: string }) => name)).toEqual(["datasource", "instance"]);
});
