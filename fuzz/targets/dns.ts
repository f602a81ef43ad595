/** DNS messages: a response to a real query with a few bytes changed, cut or appended, read by a resolver that asked it. */

import { type Instant, instant } from "../../src/base/time.ts";
import {
  emitMessage,
  parseMessage,
  parseRecord,
  printRecord,
  type ResolverCommand,
  StubResolver,
} from "../../src/dns/index.ts";
import { concat } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const RECORDS = [
  "www.a.test. 60 CNAME a.test.",
  "a.test. 60 HTTPS 1 . alpn=h3,h2 port=8443 ipv4hint=192.0.2.1 key65400=x",
  "a.test. 60 HTTPS 0 b.test.",
  "a.test. 60 NSEC b.test. A HTTPS TYPE1234",
  "a.test. 60 SOA ns.a.test. x.a.test. 1 2 3 4 5",
  'a.test. 60 TXT "one" "two"',
  "a.test. 60 MX 10 mail.a.test.",
].map((line) => parseRecord(line));

/** Questions of a session; each gets several responses. */
const MAX_QUESTIONS = 200;

class DnsSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #resolver: StubResolver;
  readonly #open = new Map<number, Extract<ResolverCommand, { type: "exchange" }>>();
  #now = 0;
  #questions = 0;
  #answers = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    const servers = [{ protocol: "udp", address: "192.0.2.53", port: 53 }] as const;
    this.#resolver = new StubResolver({ servers, rng: this.#chance.rng });
  }

  step(): void {
    const chance = this.#chance;
    const now = this.#time(10);
    if (this.#resolver.pending < 3) {
      this.#questions += 1;
      this.#resolver.ask(`${chance.pick(["www.", "", "x."])}a.test.`, chance.pick([1, 65, 15, 16]), now);
    }
    this.#run();
    const exchange = chance.pick([...this.#open.values()]);
    if (exchange !== undefined) this.#resolver.handleResponse(exchange.exchange, this.#response(exchange.message), now);
    if (chance.oneIn(20)) this.#resolver.handleTimeout(this.#time(1_000_000));
    this.#run();
    if (this.#questions >= MAX_QUESTIONS) this.outcome = "asked enough";
  }

  /** All questions are answered in the end, and all sockets closed. */
  end(): void {
    for (let i = 0; i < 100 && this.#resolver.pending > 0; i += 1) {
      this.#resolver.handleTimeout(this.#time(10_000_000));
      this.#run();
    }
    if (this.#answers !== this.#questions)
      throw new VictimFault(`${this.#questions} questions, ${this.#answers} answers`);
    if (this.#open.size > 0) throw new VictimFault(`${this.#open.size} sockets are left over`);
  }

  #time(micros: number): Instant {
    this.#now += micros;
    return instant(this.#now);
  }

  #run(): void {
    for (let next = this.#resolver.pollCommand(); next !== undefined; next = this.#resolver.pollCommand()) {
      if (next.type === "exchange") this.#open.set(next.exchange, next);
      else this.#open.delete(next.exchange);
    }
    for (; this.#resolver.pollEvent() !== undefined; ) this.#answers += 1;
  }

  #response(query: Uint8Array): Uint8Array {
    const chance = this.#chance;
    const asked = parseMessage(query);
    const some = () => RECORDS.filter(() => chance.oneIn(2));
    let bytes = emitMessage({
      ...asked,
      isResponse: !chance.oneIn(30),
      isTruncated: chance.oneIn(15),
      rcode: chance.oneIn(8) ? chance.below(20) : 0,
      answers: some(),
      authorities: some(),
      additionals: some(),
    });
    for (let changes = chance.oneIn(3) ? 0 : chance.below(6); changes > 0; changes -= 1) {
      bytes[chance.below(bytes.length)] = chance.oneIn(3) ? 0xc0 | chance.below(2) : chance.below(256);
    }
    if (chance.oneIn(12)) bytes = bytes.subarray(0, chance.below(bytes.length));
    if (chance.oneIn(30)) bytes = concat(bytes, chance.bytes(20));
    this.#check(bytes);
    return bytes;
  }

  /** What can be parsed can be printed and sent on. */
  #check(bytes: Uint8Array): void {
    let message: ReturnType<typeof parseMessage>;
    try {
      message = parseMessage(bytes);
    } catch (error) {
      if ((error as Error).name !== "ProtocolError") throw error;
      return;
    }
    for (const record of [...message.answers, ...message.authorities, ...message.additionals]) printRecord(record);
    emitMessage(message);
  }
}

export const dns: Target = { name: "dns", start: (seed) => new DnsSession(seed) };
