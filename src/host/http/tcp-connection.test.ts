/** The limit of cancelled requests on one HTTP/2 connection. */

import { Socket } from "node:net";
import { expect, test } from "vitest";
import { ignore } from "../guard.ts";
import { TcpConnection } from "./tcp-connection.ts";

test("a connection is cut off after 500 cancelled requests within a second", () => {
  let isCut = false;
  const listener = { draining: false, notice: 0, altSvc: undefined, onFault: ignore };
  const connection = new TcpConnection(new Socket(), listener, () => {
    isCut = true;
  });
  for (let i = 0; i < 500; i += 1) connection.countCancelled();
  expect(isCut).toBe(false);
  connection.countCancelled();
  expect(isCut).toBe(true);
});
