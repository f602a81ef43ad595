import { expect, test } from "vitest";
import { countersOf, formatExposition, mergeExpositions, parseExposition } from "./exposition.ts";
import { Registry } from "./registry.ts";

function example(requests: number, open: number): string {
  const registry = new Registry();
  registry.counter("requests_total", "All.", { path: 'a "quoted" b\\' }).add(requests);
  registry.gauge("open", "Now.").add(open);
  registry.histogram("seconds", "Times.", [1, 2]).observe(requests);
  registry.declare("unused_total", "Never.", "counter");
  return registry.text();
}

test("what the registry writes is read without loss", () => {
  const text = example(3, 1);
  expect(formatExposition(parseExposition(text))).toBe(text);
});

test("the values of processes are added up, or the larger or smaller one is taken", () => {
  const merged = mergeExpositions([example(1, 2), example(2, 5)].map(parseExposition), { open: "max" });
  expect(formatExposition(merged)).toBe(
    [
      ...[
        "# HELP requests_total All.",
        "# TYPE requests_total counter",
        'requests_total{path="a \\"quoted\\" b\\\\"} 3',
      ],
      ...["# HELP open Now.", "# TYPE open gauge", "open 5", "# HELP seconds Times.", "# TYPE seconds histogram"],
      ...['seconds_bucket{le="1"} 1', 'seconds_bucket{le="2"} 2', 'seconds_bucket{le="+Inf"} 2', "seconds_sum 3"],
      ...["seconds_count 2", "# HELP unused_total Never.", "# TYPE unused_total counter", ""],
    ].join("\n"),
  );
});

test("a process that ended leaves its counts, and not its state", () => {
  expect([...countersOf(parseExposition(example(1, 2))).keys()]).toEqual(["requests_total", "seconds", "unused_total"]);
});

test("lines that are not samples are ignored", () => {
  const text = "# a comment\nx 1\n# TYPE y counter\ny nonsense\nz 1\ny_more\n";
  expect(formatExposition(parseExposition(text))).toBe("# HELP y \n# TYPE y counter\n");
});
