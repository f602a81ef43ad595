import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { ForeignMemory } from "../../base/foreign.ts";
import { loadKoffi } from "../engine/koffi.ts";
import { bindLibc } from "../udp/fast/libc.ts";
import { limitUnsent, NOTSENT_BYTES, TCP_NOTSENT_LOWAT } from "./notsent-lowat.ts";

const loaded = await loadKoffi();
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

test.skipIf(!("koffi" in loaded))("connections inherit the limit of their server", async () => {
  if (!("koffi" in loaded)) return;
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  expect(await limitUnsent(server, "fast")).toBe(true);
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  closers.push(
    () => client.destroy(),
    () => accepted.destroy(),
  );
  const { fd } = (accepted as unknown as { _handle: { fd: number } })._handle;
  const value = new ForeignMemory(loaded.koffi, 8);
  value.view.setUint32(4, 4, true);
  bindLibc(loaded.koffi).getsockopt(fd, 6, TCP_NOTSENT_LOWAT, value.address, value.address + 4);
  expect(value.view.getInt32(0, true)).toBe(NOTSENT_BYTES);
});

test("nothing is done without a descriptor, or on the portable engine", async () => {
  const server = createServer();
  expect(await limitUnsent(server, "fast")).toBe(false);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  expect(await limitUnsent(server, "portable")).toBe(false);
});
