// Filters in the manner of Wireshark's: `tcp.dstport == 80 && !(ip.src == 10.77.0.1)`, `arp || icmp`, `tcp.len > 0`.
import type { Fields, FieldValue } from "./fields.ts";

export type Filter = (fields: Fields) => boolean;

/** Names that stand for either end. */
const EITHER: Readonly<Record<string, readonly string[]>> = {
  "eth.addr": ["eth.src", "eth.dst"],
  "ip.addr": ["ip.src", "ip.dst"],
  "ipv6.addr": ["ipv6.src", "ipv6.dst"],
  "tcp.port": ["tcp.srcport", "tcp.dstport"],
  "udp.port": ["udp.srcport", "udp.dstport"],
};

const TOKEN = /\s*(?:(&&|\|\||==|!=|<=|>=|[<>!()]|and\b|or\b|not\b|contains\b)|"([^"]*)"|([\w.:/-]+))/y;
const COMPARISONS = ["==", "!=", "<", "<=", ">", ">=", "contains"];
const LONGEST = 1_000;

interface Token {
  readonly kind: "sign" | "word" | "text";
  readonly text: string;
  readonly at: number;
}

/** Throws a `SyntaxError` that says where it went wrong. */
export function parseFilter(text: string): Filter {
  if (text.length > LONGEST) throw new SyntaxError(`the filter has more than ${LONGEST} characters`);
  const tokens = tokensOf(text);
  let next = 0;
  const fail = (): never => {
    const token = tokens[next];
    throw new SyntaxError(
      token === undefined ? "the filter ends too early" : `"${token.text}" is unexpected at column ${token.at + 1}`,
    );
  };
  const take = (...signs: readonly string[]): string | undefined => {
    const token = tokens[next];
    if (token?.kind !== "sign" || !signs.includes(token.text)) return undefined;
    next += 1;
    return token.text;
  };
  const either = (): Filter => {
    let left = both();
    while (take("||", "or") !== undefined) {
      const [a, b] = [left, both()];
      left = (fields) => a(fields) || b(fields);
    }
    return left;
  };
  const both = (): Filter => {
    let left = single();
    while (take("&&", "and") !== undefined) {
      const [a, b] = [left, single()];
      left = (fields) => a(fields) && b(fields);
    }
    return left;
  };
  const single = (): Filter => {
    if (take("!", "not") !== undefined) {
      const inner = single();
      return (fields) => !inner(fields);
    }
    if (take("(") !== undefined) {
      const inner = either();
      if (take(")") === undefined) fail();
      return inner;
    }
    const name = tokens[next];
    if (name?.kind !== "word") return fail();
    next += 1;
    const comparison = take(...COMPARISONS);
    if (comparison === undefined) return (fields) => isThere(fields, name.text);
    const value = tokens[next];
    if (value === undefined || value.kind === "sign") return fail();
    next += 1;
    return compare(name.text, comparison, value.text);
  };
  const filter = either();
  if (next < tokens.length) fail();
  return filter;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== "") {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new SyntaxError(`column ${from + 1} of the filter is not understood`);
    const [whole, sign, quoted, word] = match;
    const at = from + whole.length - whole.trimStart().length;
    if (sign !== undefined) tokens.push({ kind: "sign", text: sign, at });
    else if (quoted !== undefined) tokens.push({ kind: "text", text: quoted, at });
    else tokens.push({ kind: "word", text: word!, at });
  }
  return tokens;
}

/** A field, or a protocol: `tcp` is there if one of its fields is. */
const isThere = (fields: Fields, name: string): boolean =>
  (EITHER[name] ?? [name]).some((each) => Object.hasOwn(fields, each)) ||
  Object.keys(fields).some((each) => each.startsWith(`${name}.`));

/** As Wireshark: `!=` is true if no field of that name is equal, and some is there. */
function compare(name: string, comparison: string, text: string): Filter {
  const names = EITHER[name] ?? [name];
  const number = /^(?:0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : undefined;
  const test = (value: FieldValue): boolean => {
    if (comparison === "contains") return String(value).includes(text);
    const own = typeof value === "string" && /^0x/.test(value) ? Number(value) : value;
    if (comparison === "==" || comparison === "!=")
      return own === (typeof own === "number" ? number : text.toLowerCase());
    if (typeof own !== "number" || number === undefined) return false;
    if (comparison === "<") return own < number;
    if (comparison === "<=") return own <= number;
    return comparison === ">" ? own > number : own >= number;
  };
  return (fields) => {
    const values = names.filter((each) => Object.hasOwn(fields, each)).map((each) => fields[each]!);
    if (comparison === "!=") return values.length > 0 && !values.some(test);
    return values.some(test);
  };
}
