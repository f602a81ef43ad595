/**
 * RFC 9001 Appendix A and RFC 9369 Appendix A on every engine, from the connection id to the bytes on the wire and back.
 */

import { describe, expect, it } from "vitest";
import { PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { ENGINES } from "../../crypto/testing/engines.ts";
import { type PacketVector, RFC9001_PACKETS } from "../../crypto/testing/rfc9001.ts";
import { RFC9369_HEADERS, RFC9369_PROTECTED } from "../../crypto/testing/rfc9369.ts";
import { fromHex } from "../../wire/hex.ts";
import { Writer } from "../../wire/writer.ts";
import { beginLongHeader, beginShortHeader, finishPacket, parsePacketHeader } from "../packet/index.ts";
import { VERSION_1, VERSION_2 } from "../versions/index.ts";
import {
  deriveInitialSecrets,
  derivePacketKeys,
  nextSecret,
  openBatch,
  protectBatch,
  removeHeaderProtection,
} from "./index.ts";

const CLIENT_DESTINATION = fromHex("8394c8f03e515708");
const SERVER_ID = fromHex("f067a5502a4262b5");
const EMPTY = new Uint8Array(0);

interface Appendix {
  readonly document: string;
  readonly version: number;
  /** In hexadecimal. */
  readonly clientSecret: string;
  readonly serverSecret: string;
  readonly updatedSecret: string;
  readonly packets: typeof RFC9001_PACKETS;
}

const APPENDICES: readonly Appendix[] = [
  {
    document: "RFC 9001",
    version: VERSION_1,
    clientSecret: "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea",
    serverSecret: "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b",
    updatedSecret: "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9",
    packets: RFC9001_PACKETS,
  },
  {
    document: "RFC 9369",
    version: VERSION_2,
    clientSecret: "14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b",
    serverSecret: "0263db1782731bf4588e7e4d93b7463907cb8cd8200b5da55a8bd488eafc37c1",
    updatedSecret: "c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88",
    packets: RFC9001_PACKETS.map((packet, i) => ({
      ...packet,
      header: RFC9369_HEADERS[i]!,
      protected: RFC9369_PROTECTED[i]!,
    })),
  },
];

const suites = APPENDICES.flatMap((appendix) => ENGINES.map((engine) => ({ ...appendix, engine, name: engine.name })));

describe.each(suites)("$document Appendix A with the $name engine", (suite) => {
  const { engine, version } = suite;
  const [clientInitial, serverInitial, shortHeader] = suite.packets as [PacketVector, PacketVector, PacketVector];
  const secrets = deriveInitialSecrets(engine, version, CLIENT_DESTINATION);

  it("§A.1: the Initial secrets", () => {
    expect(secrets.client).toEqual(fromHex(suite.clientSecret));
    expect(secrets.server).toEqual(fromHex(suite.serverSecret));
  });

  it("§A.5: the secret after a key update", () => {
    expect(nextSecret(engine, "sha256", shortHeader.secret, version)).toEqual(fromHex(suite.updatedSecret));
  });

  const samples = [
    { vector: clientInitial, secret: secrets.client, idLength: 0, largest: -1 },
    { vector: serverInitial, secret: secrets.server, idLength: 0, largest: -1 },
    { vector: shortHeader, secret: shortHeader.secret, idLength: 0, largest: 654_360_563 },
  ];

  it.each(samples)("$vector.name is built byte for byte", ({ vector, secret }) => {
    const arena = new Uint8Array(vector.protected.length);
    const batch = new PacketBatch(arena, 1);
    const writer = new Writer(arena, 0, arena.length - TAG_LENGTH);
    const { packetNumber } = vector;
    const open =
      vector === shortHeader
        ? beginShortHeader(writer, EMPTY, 0, 0, packetNumber, 3)
        : vector === clientInitial
          ? beginLongHeader(writer, "initial", version, CLIENT_DESTINATION, EMPTY, EMPTY, packetNumber, 4)
          : beginLongHeader(writer, "initial", version, EMPTY, SERVER_ID, EMPTY, packetNumber, 2);
    writer.write(vector.payload);
    finishPacket(writer, open, batch);
    expect(arena.subarray(0, open.payload)).toEqual(vector.header);
    protectBatch(batch, derivePacketKeys(engine, vector.aead, vector.hash, secret, version), 0);
    expect(arena).toEqual(vector.protected);
  });

  it.each(samples)("$vector.name is opened", ({ vector, secret, idLength, largest }) => {
    const arena = vector.protected.slice();
    const header = parsePacketHeader(arena, 0, arena.length, idLength)!;
    const batch = new PacketBatch(arena, 1);
    batch.header[0] = header.start;
    batch.packetNumberOffset[0] = header.packetNumberOffset;
    batch.end[0] = header.end;
    batch.count = 1;
    const keys = derivePacketKeys(engine, vector.aead, vector.hash, secret, version);
    removeHeaderProtection(batch, keys, 0, largest);
    expect(batch.packetNumber[0]).toBe(vector.packetNumber);
    expect(arena.subarray(0, batch.payload[0])).toEqual(vector.header);
    openBatch(batch, keys.packet, 0);
    expect(batch.ok[0]).toBe(1);
    expect(arena.subarray(batch.payload[0], batch.end[0]! - TAG_LENGTH)).toEqual(vector.payload);
  });
});
