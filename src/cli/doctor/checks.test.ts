import { isBuiltin } from "node:module";
import { expect, test } from "vitest";
import { type NodeFacts, nodeQuic } from "./checks.ts";

const facts = (given: Partial<NodeFacts>): NodeFacts => ({
  version: "v0.0.0",
  features: {},
  isBuiltin: () => false,
  ...given,
});

test.each<[string, Partial<NodeFacts>, string, string]>([
  ["Node before 24, which does not say", {}, "absent", "not compiled into v0.0.0"],
  ["not compiled in", { features: { quic: false } }, "absent", "not compiled into v0.0.0"],
  ["compiled in", { features: { quic: true } }, "absent", "compiled in, but not enabled"],
  ["enabled", { features: { quic: true }, isBuiltin: (name) => name === "node:quic" }, "ok", "enabled (experimental)"],
])("node:quic: %s", (_state, given, verdict, detail) => {
  const result = nodeQuic(facts(given));
  expect(result).toMatchObject({ verdict, detail: expect.stringContaining(detail) });
});

test("node:quic: this Node's answer is the truth", async () => {
  const { verdict } = nodeQuic({ version: process.version, features: process.features, isBuiltin });
  const name = "node:quic";
  const imported = await import(/* @vite-ignore */ name).then(
    () => "ok",
    () => "absent",
  );
  expect(verdict).toBe(imported);
});
