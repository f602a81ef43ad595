/** Resumption between our client and our server (RFC 8446 §2.2, §2.3): what is resumed, and what is not. */

import { describe, expect, it } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type Instant, millis, after as plus, seconds } from "../base/time.ts";
import { portableEngine } from "../crypto/portable/index.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { fromUtf8, utf8 } from "../wire/text.ts";
import type { CipherSuiteName } from "./cipher-suite.ts";
import { EncryptionLevel, type TicketPolicy, type TlsClientConfig } from "./handshake.ts";
import { type ClientHello, emitClientHello, parseClientHello } from "./messages/client-hello.ts";
import { parseEncryptedExtensions } from "./messages/encrypted-extensions.ts";
import { handshakeMessage, MESSAGE_TYPES, parseBody } from "./messages/message.ts";
import { emitNewSessionTicket, parseNewSessionTicket } from "./messages/new-session-ticket.ts";
import type { ClientSession } from "./session.ts";
import { MemoryStrikeRegister } from "./strike-register.ts";
import { expectCode } from "./testing/expect.ts";
import { ed25519Identity } from "./testing/identity.ts";
import { eventOf, type Flight, Pair, type PairOptions, secretsOf, type Tamper } from "./testing/pair.ts";
import { TICKET_LIFETIME, TicketKeys } from "./tickets.ts";

const SECRET = new Uint8Array(32).fill(7);
const START = seconds(1_000_000_000) as number as Instant;
const LATER = plus(START, seconds(60));

const CONTEXT = utf8("limits and settings");

const policy = (overrides: Partial<NonNullable<TicketPolicy["earlyData"]>> = {}): TicketPolicy => ({
  keys: new TicketKeys(pureEngine, SECRET, new SeededRng(9)),
  earlyData: { context: CONTEXT, register: new MemoryStrikeRegister(), ...overrides },
});

/** A first connection, and the session that its client keeps. */
function firstSession(options: PairOptions = {}): ClientSession {
  const pair = new Pair({ now: START, ...options, server: { tickets: policy(), ...options.server } }).run();
  return eventOf(pair.clientEvents, "session")!.session;
}

interface Second extends PairOptions {
  readonly session?: ClientSession;
  readonly tickets?: TicketPolicy | "none";
}

/** A second connection, which offers the session and early data. */
function second({ session = firstSession(), tickets = policy(), ...options }: Second = {}): Pair {
  return new Pair({
    now: LATER,
    ...options,
    client: { session, earlyData: true, rng: new SeededRng(11), ...options.client },
    server: { tickets: tickets === "none" ? undefined : tickets, rng: new SeededRng(12), ...options.server },
  });
}

const isResumed = (pair: Pair): boolean => {
  expect(pair.isComplete).toBe(true);
  const client = eventOf(pair.clientEvents, "complete")!;
  expect(eventOf(pair.serverEvents, "complete")).toEqual(client);
  return client.resumed;
};

/** Whether early data was accepted, on which both sides agree; undefined if none was offered. */
const earlyData = (pair: Pair): boolean | undefined => {
  const accepted = eventOf(pair.clientEvents, "early-data")?.accepted;
  expect(eventOf(pair.serverEvents, "early-data")?.accepted).toBe(accepted);
  return accepted;
};

const namesOf = (flights: readonly Flight[]): string[] =>
  flights.map(({ bytes }) => Object.entries(MESSAGE_TYPES).find(([, type]) => type === bytes[0])![0]);

describe("a ticket", () => {
  it("is sent after the handshake, in 1-RTT, for 24 hours, and allows early data as QUIC requires", () => {
    const pair = new Pair({ now: START, server: { tickets: policy() } }).run();
    const { level, bytes } = pair.toClient.at(-1)!;
    expect(level).toBe(EncryptionLevel.oneRtt);
    const ticket = parseBody(handshakeMessage(bytes), parseNewSessionTicket);
    expect(ticket).toMatchObject({ ticketLifetime: 86_400, extensions: { early_data: 0xffff_ffff } });
    expect(eventOf(pair.clientEvents, "session")!.session).toMatchObject({
      serverName: "example.com",
      alpn: "h3",
      suite: "TLS_AES_128_GCM_SHA256",
      receivedAt: START,
      expiresAt: plus(START, TICKET_LIFETIME),
      allowsEarlyData: true,
      transportParameters: utf8("from server"),
    });
  });

  it("does not allow early data if the server does not accept any", () => {
    const session = firstSession({ server: { tickets: { keys: policy().keys } } });
    expect(session.allowsEarlyData).toBe(false);
    const pair = second({ session, tickets: { keys: policy().keys } }).run();
    expect(isResumed(pair)).toBe(true);
    expect(earlyData(pair)).toBeUndefined();
  });

  it("is not sent without ticket keys, nor to a client that cannot use it", () => {
    expect(namesOf(new Pair().run().toClient)).not.toContain("new_session_ticket");
    const withoutModes: Tamper = (message, name) => {
      if (name !== "client_hello") return message;
      const hello = parseBody(handshakeMessage(message), parseClientHello);
      const { psk_key_exchange_modes: _, ...extensions } = hello.extensions;
      return emitClientHello({ ...hello, extensions });
    };
    const pair = new Pair({ server: { tickets: policy() }, toServer: withoutModes });
    // The client has hashed another ClientHello, so it refuses the server's signature.
    expectCode(() => pair.run(), "decrypt_error");
  });

  it("is not kept for longer than seven days, nor at all with a lifetime of zero (RFC 8446 §4.6.1)", () => {
    const withLifetime =
      (ticketLifetime: number): Tamper =>
      (message, name) =>
        name === "new_session_ticket"
          ? emitNewSessionTicket({ ...parseBody(handshakeMessage(message), parseNewSessionTicket), ticketLifetime })
          : message;
    expect(firstSession({ toClient: withLifetime(0xffff_ffff) }).expiresAt).toBe(plus(START, seconds(7 * 86_400)));
    const pair = new Pair({ server: { tickets: policy() }, toClient: withLifetime(0) }).run();
    expect(eventOf(pair.clientEvents, "session")).toBeUndefined();
  });
});

describe("a resumed handshake", () => {
  it("needs no certificate, and gives both sides the same secrets, 0-RTT first", () => {
    const pair = second().run();
    expect(isResumed(pair)).toBe(true);
    expect(earlyData(pair)).toBe(true);
    expect(eventOf(pair.clientEvents, "complete")!.signatureScheme).toBeUndefined();
    expect(eventOf(pair.clientEvents, "verify-certificate")).toBeUndefined();
    expect(namesOf(pair.toClient)).toEqual(["server_hello", "encrypted_extensions", "finished", "new_session_ticket"]);
    const client = secretsOf(pair.clientEvents);
    const server = secretsOf(pair.serverEvents);
    expect(client[0]).toMatchObject({ level: EncryptionLevel.zeroRtt, direction: "write" });
    expect(client).toHaveLength(5);
    for (const { level, direction, secret } of client) {
      const mirrored = direction === "read" ? "write" : "read";
      const other = server.find((each) => each.level === level && each.direction === mirrored)!;
      expect(other.secret).toEqual(secret);
    }
  });

  it("tells the client the parameters to obey before the secret of 0-RTT packets", () => {
    const pair = second().run();
    const types = pair.clientEvents.map(({ type }) => type);
    expect(types.slice(0, 2)).toEqual(["remembered-parameters", "secret"]);
    expect(fromUtf8(eventOf(pair.clientEvents, "remembered-parameters")!.bytes)).toBe("from server");
    expect(types.indexOf("early-data")).toBeLessThan(types.indexOf("peer-parameters"));
    const served = pair.serverEvents.map(({ type }) => type);
    expect(served.slice(0, 3)).toEqual(["peer-parameters", "early-data", "secret"]);
  });

  it("gives a new ticket, which works too", () => {
    const again = eventOf(second().run().clientEvents, "session")!.session;
    expect(isResumed(second({ session: again, now: plus(LATER, seconds(5)) }).run())).toBe(true);
  });

  it("works with every suite, on both engines, wherever messages are split", () => {
    const suites: readonly CipherSuiteName[] = [
      "TLS_AES_128_GCM_SHA256",
      "TLS_AES_256_GCM_SHA384",
      "TLS_CHACHA20_POLY1305_SHA256",
    ];
    for (const suite of suites) {
      const session = firstSession({ client: { cipherSuites: [suite] } });
      expect(session.suite).toBe(suite);
      // The server prefers the suite of the session, because early data needs it.
      const pair = second({ session, client: { engine: portableEngine }, chunk: 7 }).run();
      expect(isResumed(pair)).toBe(true);
      expect(earlyData(pair)).toBe(true);
      expect(eventOf(pair.clientEvents, "complete")!.suite.name).toBe(suite);
    }
  });

  it("works after a HelloRetryRequest, without early data", () => {
    for (const suite of ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"] as const) {
      const session = firstSession({ client: { cipherSuites: [suite] } });
      const pair = second({ session, server: { groups: ["secp384r1"] } }).run();
      expect(isResumed(pair)).toBe(true);
      expect(earlyData(pair)).toBe(false);
      expect(eventOf(pair.clientEvents, "complete")!.group).toBe("secp384r1");
    }
  });

  it("does not acknowledge the server's name again (RFC 6066 §3)", () => {
    const acknowledged = (pair: Pair): boolean => {
      const bytes = pair.toClient.find((flight) => flight.bytes[0] === MESSAGE_TYPES.encrypted_extensions)!.bytes;
      return parseBody(handshakeMessage(bytes), parseEncryptedExtensions).server_name === true;
    };
    expect(acknowledged(new Pair().run())).toBe(true);
    expect(acknowledged(second().run())).toBe(false);
  });

  it("works without early data if the client does not offer it", () => {
    const pair = second({ client: { earlyData: false } }).run();
    expect(isResumed(pair)).toBe(true);
    expect(earlyData(pair)).toBeUndefined();
  });

  it("works between servers that share a secret, across a change of keys", () => {
    const session = firstSession({ now: START });
    const atEnd = (Math.ceil((START + 1) / TICKET_LIFETIME) * TICKET_LIFETIME) as Instant;
    expect(atEnd).toBeLessThan(session.expiresAt);
    const pair = second({ session, now: plus(atEnd, seconds(1)) }).run();
    expect(isResumed(pair)).toBe(true);
    expect(earlyData(pair)).toBe(true);
  });

  it("asks the host for an identity, and refuses a name that is no longer served", () => {
    const asked: unknown[] = [];
    const selectIdentity = (name: string | undefined) => {
      asked.push(name);
      return ed25519Identity();
    };
    expect(isResumed(second({ server: { selectIdentity } }).run())).toBe(true);
    expect(asked).toEqual(["example.com"]);
    expectCode(() => second({ server: { selectIdentity: () => undefined } }).run(), "unrecognized_name");
  });
});

describe("a full handshake follows", () => {
  const other = { keys: new TicketKeys(pureEngine, new Uint8Array(32), new SeededRng(1)) };
  const clientConditions: readonly [string, Partial<TlsClientConfig>, Instant][] = [
    ["another server name", { serverName: "other.example" }, LATER],
    ["another protocol", { alpn: ["h2"] }, LATER],
    ["no suite of that session", { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] }, LATER],
    ["an expired session", {}, plus(START, TICKET_LIFETIME)],
    ["a clock that was set back", {}, (START - 1) as Instant],
  ];
  for (const [what, client, now] of clientConditions) {
    it(`for ${what}, without an offer`, () => {
      const pair = second({ client, now, server: { alpn: ["h3", "h2"] } }).run();
      expect(isResumed(pair)).toBe(false);
      const hello = parseBody(handshakeMessage(pair.toServer[0]!.bytes), parseClientHello);
      expect(hello.extensions.pre_shared_key).toBeUndefined();
      expect(hello.extensions.early_data).toBeUndefined();
    });
  }

  const session = firstSession();
  const serverConditions: readonly [string, Second][] = [
    ["without ticket keys", { tickets: "none" }],
    ["with keys of another secret", { tickets: other }],
    ["from a truncated ticket", { session: { ...session, ticket: session.ticket.subarray(0, -1) } }],
    ["from a short ticket", { session: { ...session, ticket: session.ticket.subarray(0, 30) } }],
    ["from a ticket of one byte", { session: { ...session, ticket: Uint8Array.of(1) } }],
    ["from a huge ticket", { session: { ...session, ticket: new Uint8Array(60_000) } }],
    [
      "from a changed ticket",
      { session: { ...session, ticket: session.ticket.map((b, i) => (i === 40 ? b ^ 1 : b)) } },
    ],
    ["from the ticket of another name", { session: firstSession({ client: { serverName: "other.example" } }) }],
    ["from a ticket bound to something else", { tickets: { ...policy(), binding: () => 2 } }],
    ["from a ticket that has expired", { now: plus(START, TICKET_LIFETIME) }],
    ["from a ticket from the future", { now: (START - 1) as Instant }],
  ];
  for (const [what, condition] of serverConditions) {
    it(`at a server ${what}`, () => {
      const given = condition.session ?? session;
      const offered = { ...given, serverName: "example.com", receivedAt: 0 as Instant, expiresAt: Infinity as Instant };
      const pair = second({ ...condition, session: offered }).run();
      expect(isResumed(pair)).toBe(false);
      expect(earlyData(pair)).toBe(false);
      expect(secretsOf(pair.serverEvents).map(({ level }) => level)).not.toContain(EncryptionLevel.zeroRtt);
    });
  }

  it("at a server whose suite has another hash", () => {
    const client = { cipherSuites: ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"] } as const;
    const pair = second({ session, client, server: { cipherSuites: ["TLS_AES_256_GCM_SHA384"] } }).run();
    expect(isResumed(pair)).toBe(false);
    expect(earlyData(pair)).toBe(false);
  });

  it("at a server that requests a share with such a suite", () => {
    const client = { cipherSuites: ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"] } as const;
    const server = { cipherSuites: ["TLS_AES_256_GCM_SHA384"], groups: ["secp256r1"] } as const;
    const pair = second({ session, client, server }).run();
    expect(isResumed(pair)).toBe(false);
    const retried = parseBody(handshakeMessage(pair.toServer[1]!.bytes), parseClientHello);
    expect(retried.extensions.pre_shared_key).toBeUndefined();
  });
});

describe("after a HelloRetryRequest, a server aborts (RFC 8446 §4.1.2)", () => {
  /** The client's second ClientHello offers `identities` instead of its ticket, with as many binders. */
  const withIdentities = (change: (ticket: Uint8Array) => readonly Uint8Array[]): Pair => {
    let hellos = 0;
    const toServer: Tamper = (message, name) => {
      if (name !== "client_hello" || ++hellos === 1) return message;
      const hello = parseBody(handshakeMessage(message), parseClientHello);
      const { pre_shared_key: offer, ...extensions } = hello.extensions;
      const identities = change(offer!.identities[0]!.identity).map((identity) => ({
        identity,
        obfuscatedTicketAge: 0,
      }));
      const binders = identities.map(() => offer!.binders[0]!);
      const kept = identities.length === 0 ? extensions : { ...extensions, pre_shared_key: { identities, binders } };
      return emitClientHello({ ...hello, extensions: kept });
    };
    return second({ server: { groups: ["secp384r1"] }, toServer });
  };

  it("if the client removes a pre-shared key that the suite can use", () => {
    expectCode(() => withIdentities(() => []).run(), "missing_extension");
  });

  it("if the client replaces it", () => {
    expectCode(() => withIdentities(() => [new Uint8Array(40)]).run(), "missing_extension");
  });

  it("if the client adds another", () => {
    expectCode(() => withIdentities((ticket) => [ticket, new Uint8Array(40)]).run(), "illegal_parameter");
  });
});

describe("early data is rejected, but the session resumed", () => {
  const session = firstSession();

  it("if the configuration has changed", () => {
    const pair = second({ session, tickets: policy({ context: utf8("other limits") }) }).run();
    expect([isResumed(pair), earlyData(pair)]).toEqual([true, false]);
  });

  it("if no register is reachable", () => {
    const pair = second({ session, tickets: policy({ register: { claim: () => false } }) }).run();
    expect([isResumed(pair), earlyData(pair)]).toEqual([true, false]);
  });

  it("if another suite with the same hash is selected", () => {
    const client = { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"] } as const;
    const server = { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] } as const;
    const pair = second({ session, client, server }).run();
    expect([isResumed(pair), earlyData(pair)]).toEqual([true, false]);
  });

  it("if another protocol is selected", () => {
    const pair = second({ session, client: { alpn: ["h2", "h3"] }, server: { alpn: ["h2"] } }).run();
    expect([isResumed(pair), earlyData(pair)]).toEqual([true, false]);
  });

  for (const [skew, accepted] of [
    [9_900, true],
    [-9_900, true],
    [10_100, false],
    [-10_100, false],
  ] as const) {
    it(`${accepted ? "not " : ""}if the stated age of the ticket is ${skew} ms wrong (RFC 8446 §8.3)`, () => {
      const skewed = { ...session, receivedAt: plus(session.receivedAt, millis(skew)) };
      const pair = second({ session: skewed }).run();
      expect([isResumed(pair), earlyData(pair)]).toEqual([true, accepted]);
    });
  }

  it("if the same ClientHello arrives again", () => {
    const tickets = policy();
    expect(earlyData(second({ session, tickets }).run())).toBe(true);
    // The same seed makes the same ClientHello.
    const replayed = second({ session, tickets }).run();
    expect([isResumed(replayed), earlyData(replayed)]).toEqual([true, false]);
  });

  it("not if another ClientHello uses the same ticket", () => {
    const tickets = policy();
    expect(earlyData(second({ session, tickets }).run())).toBe(true);
    expect(earlyData(second({ session, tickets, client: { rng: new SeededRng(99) } }).run())).toBe(true);
  });
});

describe("a binder", () => {
  const session = firstSession();
  const tamper = (change: (hello: ClientHello) => ClientHello) => {
    const toServer: Tamper = (message, name) =>
      name === "client_hello"
        ? emitClientHello(change(parseBody(handshakeMessage(message), parseClientHello)))
        : message;
    return second({ session, toServer });
  };

  it("that is wrong is a decrypt_error (RFC 8446 §4.2.11.2)", () => {
    const pair = tamper((hello) => {
      const { identities, binders } = hello.extensions.pre_shared_key!;
      const changed = binders.map((binder) => binder.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
      return { ...hello, extensions: { ...hello.extensions, pre_shared_key: { identities, binders: changed } } };
    });
    expectCode(() => pair.run(), "decrypt_error");
  });

  it("of another length is a decrypt_error", () => {
    const pair = tamper((hello) => {
      const { identities } = hello.extensions.pre_shared_key!;
      const pre_shared_key = { identities, binders: [new Uint8Array(48)] };
      return { ...hello, extensions: { ...hello.extensions, pre_shared_key } };
    });
    expectCode(() => pair.run(), "decrypt_error");
  });

  it("covers the whole ClientHello", () => {
    const pair = tamper((hello) => ({ ...hello, random: new Uint8Array(32) }));
    expectCode(() => pair.run(), "decrypt_error");
  });

  it("of a client that does not know the key is a decrypt_error", () => {
    const pair = second({ session: { ...session, psk: new Uint8Array(32) } });
    expectCode(() => pair.run(), "decrypt_error");
  });

  it("is verified for the ticket that is ours, wherever it stands in the list", () => {
    const pair = tamper((hello) => {
      const { identities, binders } = hello.extensions.pre_shared_key!;
      const unknown = { identity: utf8("unknown"), obfuscatedTicketAge: 0 };
      const pre_shared_key = { identities: [unknown, ...identities], binders: [new Uint8Array(32), ...binders] };
      return { ...hello, extensions: { ...hello.extensions, pre_shared_key } };
    });
    expectCode(() => pair.run(), "decrypt_error");
  });

  it("is not verified for more than four tickets", () => {
    const opened: Uint8Array[] = [];
    const keys = policy().keys;
    const counting = Object.assign(Object.create(keys) as TicketKeys, {
      open: (ticket: Uint8Array, now: Instant) => {
        opened.push(ticket);
        return keys.open(ticket, now);
      },
    });
    const pair = second({
      session,
      tickets: { keys: counting },
      toServer: (message, name) => {
        if (name !== "client_hello") return message;
        const hello = parseBody(handshakeMessage(message), parseClientHello);
        const unknown = { identity: utf8("unknown"), obfuscatedTicketAge: 0 };
        const pre_shared_key = {
          identities: new Array(500).fill(unknown),
          binders: new Array(500).fill(new Uint8Array(32)),
        };
        return emitClientHello({ ...hello, extensions: { ...hello.extensions, pre_shared_key } });
      },
    });
    // The client has hashed another ClientHello, so it refuses the full handshake that follows.
    expectCode(() => pair.run(), "decrypt_error");
    expect(opened).toHaveLength(4);
  });
});
