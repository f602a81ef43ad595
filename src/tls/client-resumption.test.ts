/** Fatal conditions of a client that offers a session. */

import { describe, it } from "vitest";
import type { Instant } from "../base/time.ts";
import { utf8 } from "../wire/text.ts";
import type { AlertName } from "./alerts.ts";
import type { ServerHello } from "./messages/server-hello.ts";
import type { ClientSession } from "./session.ts";
import { expectCode } from "./testing/expect.ts";
import { NOW } from "./testing/pair.ts";
import { Scene } from "./testing/scene.ts";
import type { Script } from "./testing/scripted-server.ts";

const EMPTY = new Uint8Array(0);

describe("a client that offers a session aborts on a ServerHello", () => {
  const session: ClientSession = {
    serverName: "example.com",
    alpn: "h3",
    suite: "TLS_AES_128_GCM_SHA256",
    psk: new Uint8Array(32),
    ticket: utf8("ticket"),
    ageAdd: 1,
    receivedAt: NOW,
    expiresAt: 1 as Instant,
    allowsEarlyData: true,
    transportParameters: EMPTY,
  };
  const resumptions: readonly [string, AlertName, Script][] = [
    [
      "that selects a session that was not offered",
      "illegal_parameter",
      { serverHello: (h) => ({ ...h, extensions: { ...h.extensions, pre_shared_key: 1 } }) },
    ],
    [
      "that selects a session with another hash",
      "illegal_parameter",
      { hash: "sha384", serverHello: (h) => ({ ...h, extensions: { ...h.extensions, pre_shared_key: 0 } }) },
    ],
    [
      "without the session, if early data is accepted then",
      "illegal_parameter",
      { encryptedExtensions: (e) => ({ ...e, early_data: true }) },
    ],
  ];
  for (const [what, alert, script] of resumptions) {
    it(`${what}: ${alert}`, () => {
      const scene = new Scene({ session, earlyData: true });
      expectCode(() => scene.play(script), alert);
    });
  }

  it("that resumes a session, if a certificate request or certificate follows: unexpected_message", () => {
    const select = { serverHello: (h: ServerHello) => ({ ...h, extensions: { ...h.extensions, pre_shared_key: 0 } }) };
    const certificateRequest = { requestContext: EMPTY, extensions: { signature_algorithms: [0x0403] } };
    for (const script of [select, { ...select, certificateRequest }]) {
      expectCode(() => new Scene({ session }).play(script), "unexpected_message");
    }
  });
});
