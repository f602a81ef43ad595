import { describe, expect, test } from "vitest";
import type { SocketAddress } from "../base/datagrams.ts";
import { type Instant, millis, seconds } from "../base/time.ts";
import type { CaptureRecord } from "./datagram.ts";
import { type Graph, host, link, nat, router, wire } from "./elements.ts";
import { SimulatedNetwork } from "./network.ts";
import { type Arrival, Echo, Mailbox, Metronome } from "./testing/machines.ts";

const v4 = (host: string, port = 443): SocketAddress => ({ family: 4, host, port });
const ms = (count: number): Instant => millis(count) as number as Instant;

/** A host with a mailbox, and what has arrived there. */
function place(name: string, address: SocketAddress, options: Partial<Parameters<typeof host>[0]> = {}) {
  const arrivals: Arrival[] = [];
  const mailbox = (options.machine as Mailbox | undefined) ?? new Mailbox();
  const element = host<Arrival>({
    name,
    address,
    ...(options as object),
    machine: mailbox,
    onEvent: (arrival) => arrivals.push(arrival),
  });
  return { element, mailbox, arrivals, bytes: () => arrivals.map((one) => one.bytes[0]) };
}

function build(graph: Graph, seed = 1) {
  const records: CaptureRecord[] = [];
  const network = new SimulatedNetwork({ seed, network: graph, capture: (record) => records.push(record) });
  const dropped = () => records.filter(({ what }) => what === "dropped").map(({ reason, place: at }) => [reason, at]);
  return { network, records, dropped };
}

describe("routers", () => {
  test("forward on a shortest path, and drop what has no route", () => {
    const a = place("a", v4("10.0.1.1"));
    const b = place("b", v4("10.0.2.1"), { machine: new Echo() });
    const { network, records, dropped } = build({
      nodes: [a.element, b.element, router("r1"), router("r2"), router("r3")],
      links: [
        wire("a", "r1", { delay: millis(1) }),
        // Two links that are faster than one, but more.
        wire("r1", "r2", { delay: millis(1) }),
        wire("r2", "r3", { delay: millis(1) }),
        wire("r1", "r3", { delay: millis(10) }),
        wire("r3", "b", { delay: millis(1) }),
      ],
    });
    a.mailbox.post(Uint8Array.of(1), v4("10.0.2.1"));
    a.mailbox.post(Uint8Array.of(2), v4("10.0.9.9"));
    network.run();
    expect(a.arrivals.map(({ time, bytes }) => [time, bytes[0]])).toEqual([[ms(24), 1]]);
    expect(dropped()).toEqual([["no-route", "r1"]]);
    const path = records.filter(({ what }) => what === "forwarded").map((record) => record.place);
    expect(path).toEqual(["r1", "r3", "r3", "r1"]);
    expect(records.filter(({ what }) => what === "carried").map((record) => record.place)).toEqual([
      "a-r1",
      "a-r1",
      "r1-r3",
      "r3-b",
      "r3-b",
      "r1-r3",
      "a-r1",
    ]);
  });

  test("send what they do not know on the default route", () => {
    const a = place("a", v4("10.0.1.1"));
    const b = place("b", v4("10.0.2.1"));
    const { network, dropped } = build({
      nodes: [a.element, router("edge", { defaultRoute: "core" }), router("core"), b.element],
      links: [wire("a", "edge", {}), wire("edge", "core", {}), wire("core", "b", {})],
    });
    a.mailbox.post(Uint8Array.of(1), v4("10.0.9.9"));
    network.run();
    expect(dropped()).toEqual([["no-route", "core"]]);
  });

  test("hosts do not forward", () => {
    const [a, b, c] = [place("a", v4("10.0.0.1")), place("b", v4("10.0.0.2")), place("c", v4("10.0.0.3"))];
    const { network, dropped } = build({
      nodes: [a.element, b.element, c.element],
      links: [wire("a", "b", {}), wire("b", "c", {})],
    });
    a.mailbox.post(Uint8Array.of(1), v4("10.0.0.3"));
    network.run();
    expect(dropped()).toEqual([["no-route", "b"]]);
  });
});

describe("hosts with several addresses", () => {
  const WIFI = v4("192.168.1.2", 5000);
  const LTE = v4("10.9.0.2", 5000);

  /** Sends from the local address that is set. */
  class Phone extends Mailbox {
    local: SocketAddress | undefined;

    override pollTransmit(...given: Parameters<Mailbox["pollTransmit"]>) {
      const transmit = super.pollTransmit(...given);
      return transmit === undefined ? undefined : { ...transmit, local: this.local };
    }
  }

  function build2() {
    const phone = new Phone();
    const client = place("phone", WIFI, {
      machine: phone,
      via: "wifi",
      otherAddresses: [{ address: LTE, via: "lte" }],
    });
    const server = place("server", v4("198.51.100.1"), { machine: new Echo() });
    const built = build({
      nodes: [client.element, router("wifi"), router("lte"), router("internet"), server.element],
      links: [
        wire("phone", "wifi", { delay: millis(2) }),
        wire("phone", "lte", { delay: millis(20) }),
        wire("wifi", "internet", { delay: millis(3) }),
        wire("lte", "internet", { delay: millis(30) }),
        wire("internet", "server", {}),
      ],
    });
    return { ...built, phone, client, server };
  }

  test("send on the link of the address, and receive on it", () => {
    const { network, phone, client } = build2();
    for (const [at, local] of [
      [0, WIFI],
      [100, LTE],
      [200, undefined],
    ] as const) {
      network.at(ms(at), () => {
        phone.local = local;
        phone.post(Uint8Array.of(at), v4("198.51.100.1"));
      });
    }
    network.run();
    expect(client.arrivals.map(({ time }) => time)).toEqual([ms(10), ms(200), ms(210)]);
  });

  test("an address may change, and move to another link, without the machine noticing", () => {
    const { network, phone, client, server, dropped } = build2();
    const moved = v4("10.9.0.77", 6000);
    phone.local = WIFI;
    phone.post(Uint8Array.of(1), v4("198.51.100.1"));
    // The echo of the first datagram arrives at the old address too late.
    network.at(ms(6), () => network.changeAddress("phone", WIFI, moved, "lte"));
    network.at(ms(20), () => phone.post(Uint8Array.of(2), v4("198.51.100.1")));
    network.run();
    expect(server.arrivals.map(({ remote }) => remote.host)).toEqual([WIFI.host, moved.host]);
    expect(client.arrivals.map(({ time }) => time)).toEqual([ms(120)]);
    expect(dropped()).toEqual([["no-route", "wifi"]]);
    expect(() => network.changeAddress("phone", WIFI, moved)).toThrow(/phone has no address 192\.168\.1\.2:5000/);
    expect(() => network.changeAddress("tablet", WIFI, moved)).toThrow(/no host is named tablet/);
  });
});

describe("NATs", () => {
  const OUTSIDE = ["203.0.113.1", "203.0.113.2"];
  const S = v4("198.51.100.1");
  const S2 = v4("198.51.100.2");

  function build3(options: Partial<Parameters<typeof nat>[0]>) {
    const inside = [place("a", v4("192.168.0.1", 1000)), place("b", v4("192.168.0.2", 1000))] as const;
    const server = place("server", S, { machine: new Echo() });
    const stranger = place("stranger", S2);
    const built = build({
      nodes: [
        inside[0].element,
        inside[1].element,
        router("lan", { defaultRoute: "home" }),
        nat({ name: "home", addresses: OUTSIDE, outside: "internet", ...options }),
        router("internet"),
        server.element,
        stranger.element,
      ],
      links: [
        wire("a", "lan", {}),
        wire("b", "lan", {}),
        wire("lan", "home", {}),
        wire("home", "internet", { delay: millis(1) }),
        wire("internet", "server", {}),
        wire("internet", "stranger", {}),
      ],
    });
    return { ...built, inside, server, stranger };
  }

  test("give each inside address and port its own outside port", () => {
    const { network, inside, server } = build3({});
    for (const [i, one] of inside.entries()) one.mailbox.post(Uint8Array.of(i), S);
    network.run();
    expect(inside.map(({ bytes }) => bytes())).toEqual([[0], [1]]);
    const remotes = server.arrivals.map(({ remote }) => `${remote.host}:${remote.port}`);
    expect(new Set(remotes).size).toBe(2);
    expect(server.arrivals.every(({ remote }) => remote.host === OUTSIDE[0])).toBe(true);
  });

  test.each([
    ["full-cone", [0, 7, 8]],
    ["address-restricted", [0, 8]],
    ["port-restricted", [0]],
  ] as const)("%s filtering", (filtering, expected) => {
    const { network, inside, server, stranger, dropped } = build3({ filtering });
    const other = place("other", v4(S.host, 444));
    inside[0].mailbox.post(Uint8Array.of(0), S);
    network.run();
    const mapped = server.arrivals[0]!.remote;
    stranger.mailbox.post(Uint8Array.of(7), mapped);
    network.run();
    // The same host from another port.
    server.mailbox.post(Uint8Array.of(8), mapped);
    network.changeAddress("server", S, other.element.hosts[0]!.address);
    network.run();
    expect(inside[0].bytes()).toEqual(expected);
    expect(dropped()).toEqual(new Array(3 - expected.length).fill(["filtered", "home"]));
  });

  test("forget mappings that the inside does not use", () => {
    const { network, inside, server, dropped } = build3({ timeout: seconds(30) });
    const [{ mailbox }] = inside;
    mailbox.post(Uint8Array.of(1), S);
    network.run();
    const old = server.arrivals[0]!.remote;
    const send = (at: number) => network.at(ms(at), () => server.mailbox.post(Uint8Array.of(2), old));
    send(29_000);
    send(31_000);
    network.at(ms(40_000), () => mailbox.post(Uint8Array.of(3), S));
    network.run();
    expect(inside[0].bytes()).toEqual([1, 2, 3]);
    expect(dropped()).toEqual([["filtered", "home"]]);
    expect(server.arrivals[1]!.remote.port).not.toBe(old.port);
  });

  test("rebind ports, or addresses too, at the given times", () => {
    for (const address of [false, true]) {
      const { network, inside, server } = build3({ rebinding: { first: seconds(1), every: seconds(5), address } });
      for (const at of [0, 999, 1000, 5999, 6000, 11_000]) {
        network.at(ms(at), () => inside[0].mailbox.post(Uint8Array.of(1), S));
      }
      network.run();
      const remotes = server.arrivals.map(({ remote }) => remote);
      const [a, b, c, d, e, f] = remotes.map(({ port }) => port);
      expect([a, c, e]).toEqual([b, d, e]);
      expect(new Set([a, c, e, f]).size).toBe(4);
      const hosts = [0, 0, 1, 1, 0, 1].map((i) => OUTSIDE[address ? i : 0]);
      expect(remotes.map((one) => one.host)).toEqual(hosts);
    }
  });

  test("stand in an array with their inside on the left", () => {
    const client = place("client", v4("192.168.0.1", 1000));
    const server = place("server", S, { machine: new Echo() });
    const network = new SimulatedNetwork({
      seed: 1,
      network: [
        client.element,
        nat({ addresses: OUTSIDE, rebinding: { at: [ms(5)] } }),
        link({ delay: millis(10) }),
        server.element,
      ],
    });
    client.mailbox.post(Uint8Array.of(1), S);
    network.at(ms(30), () => client.mailbox.post(Uint8Array.of(2), S));
    network.run();
    // The first answer came after the rebinding.
    expect(client.bytes()).toEqual([2]);
    expect(server.bytes()).toEqual([1, 2]);
  });

  test("need addresses, and two to rebind them", () => {
    expect(() => build3({ addresses: [] })).toThrow(/a NAT needs an address/);
    const rebinding = { at: [], address: true };
    expect(() => build3({ addresses: ["203.0.113.1"], rebinding })).toThrow(/needs two or more/);
  });
});

describe("multicast", () => {
  const GROUP = v4("232.1.1.1", 5004);

  test("routers copy once per link, to members only", () => {
    const source = place("source", v4("10.0.0.1"));
    const members = [1, 2, 3].map((i) => place(`m${i}`, v4(`10.0.${i}.1`), { groups: i === 3 ? [] : [GROUP] }));
    const { network, records } = build({
      nodes: [source.element, router("r1"), router("r2"), ...members.map(({ element }) => element)],
      links: [
        wire("source", "r1", { delay: millis(1) }),
        wire("r1", "r2", { delay: millis(1) }),
        ...[1, 2, 3].map((i) => wire("r2", `m${i}`, { delay: millis(i) })),
      ],
    });
    source.mailbox.post(Uint8Array.of(1), GROUP);
    network.run();
    expect(members.map(({ bytes }) => bytes())).toEqual([[1], [1], []]);
    const carried = records.filter(({ what }) => what === "carried").map((record) => record.place);
    expect(carried).toEqual(["source-r1", "r1-r2", "r2-m1", "r2-m2"]);
    // Membership changes while datagrams are on the way.
    network.host("m1").leave(GROUP);
    network.host("m3").join(GROUP);
    source.mailbox.post(Uint8Array.of(2), GROUP);
    network.at((network.now + 2_500) as Instant, () => network.host("m2").leave(GROUP));
    network.run();
    expect(members.map(({ bytes }) => bytes())).toEqual([[1], [1], [2]]);
  });

  test("members at one place receive a copy each, and the sender none", () => {
    const groups = [{ family: 6, host: "ff3e::1", port: 1 }] as const;
    const v6 = (last: number): SocketAddress => ({ family: 6, host: `2001:db8::${last}`, port: 1 });
    const first = place("a", v6(1), { groups });
    const second = place("b", v6(2), { groups });
    const far = place("c", v6(3), { groups });
    const shared = { ...first.element, hosts: [...first.element.hosts, ...second.element.hosts] };
    const { network } = build({ nodes: [shared, far.element], links: [wire("a", "c", {})] });
    far.mailbox.post(Uint8Array.of(1), groups[0]);
    first.mailbox.post(Uint8Array.of(2), groups[0]);
    network.run();
    expect([first, second, far].map(({ bytes }) => bytes())).toEqual([[1], [2, 1], [2]]);
  });
});

describe("a running network", () => {
  test("links may change: by themselves, and from outside", () => {
    const arrived = (
      change: (network: SimulatedNetwork) => void,
      changes: Parameters<typeof link>[0]["changes"] = [],
    ) => {
      const b = place("b", v4("10.0.0.2"));
      const a = host({
        name: "a",
        address: v4("10.0.0.1"),
        machine: new Metronome(v4("10.0.0.2"), millis(10), 6, 1172),
      });
      const { network, dropped } = build({ nodes: [a, b.element], links: [wire("a", "b", { changes })] });
      change(network);
      network.run();
      return [b.arrivals.map(({ time }) => time), dropped().map(([reason]) => reason)];
    };
    const expected = [[0, 10, 23, 33].map(ms), ["mtu", "mtu"]];
    const changes = [
      { at: ms(20), delay: millis(3) },
      { at: ms(40), mtu: 1199 },
    ];
    expect(arrived(() => {}, changes)).toEqual(expected);
    const change = (network: SimulatedNetwork): void => {
      for (const { at, ...options } of changes) network.at(at, () => network.changeLink("a", "b", options));
    };
    expect(arrived(change)).toEqual(expected);
    expect(() => arrived((network) => network.changeLink("a", "c", {}))).toThrow(/a has no neighbor c/);
  });

  test("gives the same run for the same seed, with every element", () => {
    const run = (seed: number) => {
      const a = place("a", v4("192.168.0.1", 1000));
      const b = place("b", v4("198.51.100.1"), { machine: new Echo(), groups: [v4("232.0.0.1")] });
      const clock = host({
        name: "clock",
        address: v4("192.168.0.2"),
        machine: new Metronome(v4("198.51.100.1"), millis(2), 500),
      });
      const { network, records } = build(
        {
          nodes: [
            a.element,
            clock,
            router("lan", { defaultRoute: "nat" }),
            nat({
              addresses: ["203.0.113.1"],
              outside: "internet",
              rebinding: { first: millis(100) as never, every: millis(300) },
            }),
            router("internet"),
            b.element,
          ],
          links: [
            wire("a", "lan", { jitter: millis(3) }),
            wire("clock", "lan", { loss: { model: "gilbert-elliott", goodToBad: 0.05, badToGood: 0.3 } }),
            wire("lan", "nat", { reordering: 0.1, duplication: 0.05, corruption: 0.05 }),
            wire("nat", "internet", {
              rate: 1e6,
              queue: { type: "red", minThreshold: 1, maxThreshold: 10, weight: 0.2 },
            }),
            wire("internet", "b", {
              rate: { opportunities: [1, 2, 4, 7] },
              queue: { type: "codel", interval: millis(20) },
            }),
          ],
        },
        seed,
      );
      a.mailbox.post(Uint8Array.of(1), v4("198.51.100.1"));
      network.run();
      return [network.digest, records.map(({ time, what, place: at, reason }) => [time, what, at, reason])];
    };
    expect(run(5)).toEqual(run(5));
    expect(run(5)[1]).not.toEqual(run(6)[1]);
  });
});

describe("mistakes", () => {
  const a = () => place("a", v4("10.0.0.1")).element;
  const b = () => place("b", v4("10.0.0.2")).element;

  test.each<[string, Graph, RegExp]>([
    ["equal names", { nodes: [a(), a()], links: [] }, /two nodes are named a/],
    ["an unknown node", { nodes: [a(), b()], links: [wire("a", "c", {})] }, /no node is named c/],
    [
      "a NAT without its outside",
      { nodes: [a(), nat({ addresses: ["1.2.3.4"] })], links: [] },
      /the NAT nat needs the name/,
    ],
    [
      "an interface without a link",
      { nodes: [place("p", v4("10.0.0.3"), { via: "b" }).element, b()], links: [] },
      /p has no neighbor b/,
    ],
  ])("%s", (_, network, message) => {
    expect(() => new SimulatedNetwork({ seed: 1, network })).toThrow(message);
  });

  test("a host in the middle of an array", () => {
    expect(() => new SimulatedNetwork({ seed: 1, network: [a(), link({}), b(), link({}), a()] })).toThrow(
      /at the ends/,
    );
  });
});
