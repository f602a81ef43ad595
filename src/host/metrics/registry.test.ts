import { expect, test } from "vitest";
import { Registry } from "./registry.ts";

test("counters and gauges are lines below their name, by labels", () => {
  const registry = new Registry();
  registry.counter("a_total", "How many.", { role: "client" }).add();
  registry.counter("a_total", "How many.", { role: "server" }).add(2);
  registry.counter("a_total", "How many.", { role: "client" }).add();
  const open = registry.gauge("open", "Now.");
  open.add(3);
  open.add(-1);
  expect(registry.text()).toBe(
    [
      "# HELP a_total How many.",
      "# TYPE a_total counter",
      'a_total{role="client"} 2',
      'a_total{role="server"} 2',
      "# HELP open Now.",
      "# TYPE open gauge",
      "open 2",
      "",
    ].join("\n"),
  );
});

test("the buckets of a histogram are cumulative, and a bound belongs to its bucket", () => {
  const registry = new Registry();
  const histogram = registry.histogram("size", "Sizes.", [1, 10], { of: "x" });
  for (const value of [0, 1, 2, 10, 11]) histogram.observe(value);
  expect(registry.text().split("\n").slice(2, -1)).toEqual([
    'size_bucket{of="x",le="1"} 2',
    'size_bucket{of="x",le="10"} 4',
    'size_bucket{of="x",le="+Inf"} 5',
    'size_sum{of="x"} 24',
    'size_count{of="x"} 5',
  ]);
});

test("help and labels are escaped", () => {
  const registry = new Registry();
  registry.counter("a", "one\ntwo \\", { name: 'x"\\\n' });
  expect(registry.text()).toBe('# HELP a one\\ntwo \\\\\n# TYPE a counter\na{name="x\\"\\\\\\n"} 0\n');
});

test("a name has one type", () => {
  const registry = new Registry();
  registry.counter("a", "");
  expect(() => registry.gauge("a", "")).toThrow("a is a counter, not a gauge");
});
