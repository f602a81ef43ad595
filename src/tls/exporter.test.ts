/** Exporters (RFC 8446 §7.5): the secret of RFC 8448, OpenSSL's exporter, and our client and server. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { expect, test } from "vitest";
import vectors from "../../test/vectors/rfc8448.json" with { type: "json" };
import { portableEngine } from "../crypto/portable/index.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { fromHex } from "../wire/hex.ts";
import { utf8 } from "../wire/text.ts";
import { Exporter } from "./exporter.ts";
import { KeySchedule } from "./key-schedule.ts";
import { Pair } from "./testing/pair.ts";

const LABEL = "EXPORTER-test";
const CONTEXT = utf8("context");

test.each([portableEngine, pureEngine])("the exporter master secret of RFC 8448 §3 on the $name engine", (engine) => {
  const { secrets, transcriptHashes } = vectors;
  const transcript = fromHex(transcriptHashes.serverFinished);
  const derived = new KeySchedule(engine, "sha256").exporter(fromHex(secrets.master), transcript);
  const given = new Exporter(engine, "sha256", fromHex(secrets.exporter));
  expect(derived.export(LABEL, CONTEXT, 100)).toEqual(given.export(LABEL, CONTEXT, 100));
});

test.each([
  ["TLS_AES_128_GCM_SHA256", "sha256"],
  ["TLS_AES_256_GCM_SHA384", "sha384"],
] as const)("is OpenSSL's, with %s, for any length", async (suite, hash) => {
  const { cert, key } = localhostIdentity as { cert: string; key: string };
  const server = tls.createServer({ cert, key, ciphers: suite, minVersion: "TLSv1.3" }, (socket) => socket.end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  let secret = new Uint8Array(0);
  client.on("keylog", (line: Buffer) => {
    const [label, , hex] = line.toString("latin1").trim().split(" ");
    if (label === "EXPORTER_SECRET") secret = Uint8Array.from(fromHex(hex!));
  });
  await once(client, "secureConnect");
  const ours = new Exporter(pureEngine, hash, secret);
  for (const length of [1, 32, 48, 100, 4096]) {
    const theirs = client.exportKeyingMaterial(length, LABEL, Buffer.from(CONTEXT));
    expect(ours.export(LABEL, CONTEXT, length)).toEqual(new Uint8Array(theirs));
  }
  expect(() => ours.export(LABEL, CONTEXT, 255 * secret.length + 1)).toThrow(RangeError);
  client.destroy();
  server.close();
});

test("client and server derive the same, for each label and context another", () => {
  const { client, server } = new Pair();
  expect(client.exporter ?? server.exporter).toBeUndefined();
  const pair = new Pair().run();
  const material = (label: string, context: string) => {
    const [ours, theirs] = [pair.client, pair.server].map((side) => side.exporter!.export(label, utf8(context), 32));
    expect(ours).toEqual(theirs);
    expect(pair.server.successor!.exporter!.export(label, utf8(context), 32)).toEqual(ours);
    return ours!.join();
  };
  expect(new Set([material("a", ""), material("b", ""), material("a", "b"), material("ab", "")]).size).toBe(4);
});
