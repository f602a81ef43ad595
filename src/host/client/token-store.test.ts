import { expect, test } from "vitest";
import { TokenStore } from "./token-store.ts";

const event = (byte: number, version = 1) => ({ type: "new-token", token: Uint8Array.of(byte), version }) as const;
const takeAll = (store: TokenStore, server: string, version = 1): number[] => {
  const taken: number[] = [];
  for (let token = store.take(server, version); token !== undefined; token = store.take(server, version)) {
    taken.push(token[0]!);
  }
  return taken;
};

test("tokens are used once, and the newest first", () => {
  const store = new TokenStore();
  store.put("a", event(1));
  store.put("a", event(2));
  expect(takeAll(store, "a")).toEqual([2, 1]);
  expect(takeAll(store, "a")).toEqual([]);
});

test("tokens are for one server and one version", () => {
  const store = new TokenStore();
  store.put("a", event(1, 1));
  store.put("a", event(2, 2));
  store.put("b", event(3, 1));
  expect(takeAll(store, "a", 1)).toEqual([1]);
  expect(takeAll(store, "b", 2)).toEqual([]);
  expect(takeAll(store, "a", 2)).toEqual([2]);
  expect(takeAll(store, "b", 1)).toEqual([3]);
});

test("four tokens are kept for a server, and those of 256 servers", () => {
  const store = new TokenStore();
  for (let n = 1; n <= 6; n += 1) store.put("first", event(n));
  for (let n = 0; n < 255; n += 1) store.put(`server ${n}`, event(n));
  store.put("first", event(7));
  expect(takeAll(store, "first")).toEqual([7, 6, 5, 4]);
  store.put("another", event(1));
  store.put("yet another", event(1));
  expect(takeAll(store, "server 0")).toEqual([]);
  expect(takeAll(store, "server 1")).toEqual([1]);
});
