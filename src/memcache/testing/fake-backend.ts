/** A small memcached in memory, for tests: enough of both protocols to store, fetch, count and delete. */

import { COMMANDS, commandName } from "../protocol/command.ts";
import { latin1, parseRequest, type Request, text } from "../protocol/request.ts";

interface Item {
  readonly value: string;
  readonly flags: string;
  readonly cas: number;
  readonly ttl: string;
}

export class FakeBackend {
  readonly items = new Map<string, Item>();
  /** Lines of requests, in order. */
  readonly log: string[] = [];
  #input = "";
  #cas = 0;

  /** Takes a client's bytes and returns the answers. */
  handle(bytes: Uint8Array): Uint8Array {
    this.#input += text(bytes, 0, bytes.length);
    const answers: string[] = [];
    for (;;) {
      const newline = this.#input.indexOf("\n");
      if (newline < 0) break;
      const line = latin1(this.#input.slice(0, newline + 1));
      const request = parseRequest(line, 0, line.length);
      const length = request?.valueLength ?? 0;
      if (this.#input.length < newline + 1 + length) break;
      const value = this.#input.slice(newline + 1, newline + 1 + Math.max(0, length - 2));
      this.#input = this.#input.slice(newline + 1 + length);
      if (request === undefined) answers.push("ERROR");
      else {
        this.log.push(text(request.bytes, request.start, request.lineEnd));
        answers.push(...this.#answer(request, value));
      }
    }
    return latin1(answers.map((each) => `${each}\r\n`).join(""));
  }

  #answer(request: Request, value: string): string[] {
    const [, second = "", third = "", fourth = ""] = request.tokens();
    const name = commandName(request.command);
    switch (name) {
      case "version":
        return ["VERSION 1.6.38"];
      case "get":
      case "gets":
      case "gat":
      case "gats": {
        const item = this.items.get(request.key);
        if (item === undefined) return ["END"];
        const cas = name.endsWith("s") ? ` ${item.cas}` : "";
        return [`VALUE ${request.key} ${item.flags} ${item.value.length}${cas}`, item.value, "END"];
      }
      case "set":
        return [this.#store(second, value, third, fourth)];
      case "add":
        return [this.items.has(second) ? "NOT_STORED" : this.#store(second, value, third, fourth)];
      case "delete":
        return [this.items.delete(second) ? "DELETED" : "NOT_FOUND"];
      case "touch":
        return [this.items.has(second) ? "TOUCHED" : "NOT_FOUND"];
      case "incr":
        return [this.#increment(second, Number(third))];
      case "mg":
        return this.#metaGet(request);
      case "ms": {
        const item = this.items.get(second);
        const compared = flagToken(request, "C");
        if (flagToken(request, "M") === "E" && item !== undefined) return ["NS"];
        if (compared !== undefined && item === undefined) return ["NF"];
        if (compared !== undefined && item!.cas !== Number(compared)) return ["EX"];
        this.#store(
          second,
          value,
          flagToken(request, "F") ?? "0",
          flagToken(request, "T") ?? "-1",
          Number(flagToken(request, "E") ?? 0),
        );
        return ["HD"];
      }
      case "md":
        return [this.items.delete(second) ? "HD" : "NF"];
      default:
        return ["ERROR"];
    }
  }

  #store(key: string, value: string, flags: string, ttl: string, cas = 0): string {
    this.#cas = cas > 0 ? cas : this.#cas + 1;
    this.items.set(key, { value, flags, cas: this.#cas, ttl });
    return "STORED";
  }

  #increment(key: string, by: number): string {
    const item = this.items.get(key);
    if (item === undefined) return "NOT_FOUND";
    if (!/^\d+$/.test(item.value)) return "CLIENT_ERROR cannot increment or decrement non-numeric value";
    const value = String(Number(item.value) + by);
    this.items.set(key, { ...item, value });
    return value;
  }

  #metaGet(request: Request): string[] {
    const item = this.items.get(request.key);
    if (item === undefined) return ["EN"];
    const flags = request
      .tokens()
      .slice(2)
      .flatMap((flag) => {
        if (flag === "k") return [`k${request.key}`];
        if (flag === "t") return [`t${item.ttl}`];
        if (flag === "c") return [`c${item.cas}`];
        if (flag === "f") return [`f${item.flags}`];
        return flag.startsWith("O") ? [flag] : [];
      });
    const hasValue = request.hasFlag("v");
    return [[hasValue ? `VA ${item.value.length}` : "HD", ...flags].join(" "), ...(hasValue ? [item.value] : [])];
  }
}

const flagToken = (request: Request, flag: string): string | undefined =>
  request.command === COMMANDS.ms
    ? request
        .tokens()
        .slice(3)
        .find((token) => token.startsWith(flag))
        ?.slice(1)
    : undefined;
