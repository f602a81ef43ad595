/**
 * The subset of URI Templates (RFC 6570, levels 1 to 3) that CONNECT-UDP needs: `{x}`, `{x,y}`, `{?x,y}` and `{&x,y}`. A
 * client expands a template; a proxy matches the path of a request with it.
 */

/** RFC 9298 §2 excludes the operators "+", "#", ".", "/" and ";". */
type Operator = "" | "?" | "&";

interface Expression {
  readonly operator: Operator;
  readonly names: readonly string[];
}

type Part = string | Expression;

export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly code = "TEMPLATE_INVALID";
}

/** A variable's name (RFC 6570 §2.3). Percent-encoded names are legal, but serve no purpose here. */
const NAME = /^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$/;

/** A percent-encoded value (RFC 6570 §3.2.1: everything but unreserved characters is encoded). */
const VALUE = "((?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})*)";

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

export class UriTemplate {
  readonly text: string;
  readonly #parts: readonly Part[];

  /** Throws a `TemplateError`. */
  constructor(text: string) {
    this.text = text;
    this.#parts = parseParts(text);
  }

  get names(): readonly string[] {
    return this.#parts.flatMap((part) => (typeof part === "string" ? [] : part.names));
  }

  expand(values: Readonly<Record<string, string>>): string {
    return this.#parts
      .map((part) => {
        if (typeof part === "string") return part;
        // RFC 6570 §3.2.1: an undefined variable is left out.
        const defined = part.names.filter((name) => values[name] !== undefined);
        if (part.operator === "") return defined.map((name) => encoded(values[name]!)).join(",");
        return defined.map((name, i) => `${i === 0 ? part.operator : "&"}${name}=${encoded(values[name]!)}`).join("");
      })
      .join("");
  }

  /** Returns a function that finds the decoded values in a text that was expanded with all variables. */
  matcher(): (text: string) => Readonly<Record<string, string>> | undefined {
    const pattern = this.#parts.map((part) => (typeof part === "string" ? escaped(part) : patternOf(part))).join("");
    const regexp = new RegExp(`^${pattern}$`);
    const { names } = this;
    return (text) => {
      const match = regexp.exec(text);
      if (match === null) return undefined;
      const values: Record<string, string> = {};
      for (const [i, name] of names.entries()) {
        const value = decoded(match[i + 1]!);
        // A variable that occurs twice has one value.
        if (value === undefined || (values[name] ?? value) !== value) return undefined;
        values[name] = value;
      }
      return values;
    };
  }
}

function patternOf({ operator, names }: Expression): string {
  if (operator === "") return names.map(() => VALUE).join(",");
  return names.map((name, i) => `${i === 0 ? escaped(operator) : "&"}${escaped(name)}=${VALUE}`).join("");
}

function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value);
  } catch {
    return undefined; // not UTF-8
  }
}

function parseParts(text: string): Part[] {
  const parts: Part[] = [];
  for (const [piece] of text.matchAll(/\{[^{}]*\}|[^{}]+|[{}]/g)) {
    if (!piece.startsWith("{") && piece !== "}") parts.push(piece);
    else if (piece.length < 2) throw new TemplateError(`"${text}" has a brace without its partner`);
    else parts.push(parseExpression(piece.slice(1, -1), text));
  }
  return parts;
}

function parseExpression(inner: string, text: string): Expression {
  const operator = /^[?&]/.test(inner) ? (inner[0] as Operator) : "";
  const names = inner.slice(operator.length).split(",");
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong === undefined) return { operator, names };
  // "+", "#", ".", "/" and ";" end here, too, and the prefixes and lists of level 4.
  throw new TemplateError(`"${text}" has the expression {${inner}}, which CONNECT-UDP does not allow (RFC 9298 §2)`);
}
