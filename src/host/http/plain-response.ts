/**
 * A Response that keeps its body as given. In Node 20, `new Response("text")` costs about 18 µs of CPU, and reading
 * the text back through its stream costs as much again. This one costs almost nothing, and becomes a real Response
 * when needed. Opt in with `import { Response } from "nagare"`, or for a whole program with `globalThis.Response =
 * Response`.
 */
import { type FieldLine, isFieldName, isFieldValue } from "../../http/index.ts";

type PlainBody = string | Uint8Array | null;

/** Node loads its fetch on the first access to one of its globals, which would delay the start, so keep the getter. */
const descriptor = Object.getOwnPropertyDescriptor(globalThis, "Response")!;
let node: typeof globalThis.Response | undefined;

function nodeResponse(): typeof globalThis.Response {
  if (node === undefined) {
    node = (descriptor.get?.call(globalThis) ?? descriptor.value) as typeof globalThis.Response;
    Object.setPrototypeOf(PlainResponse.prototype, node.prototype);
  }
  return node;
}

/** False for statuses that forbid a body and for invalid ones: the real constructor reports the error. */
const takesPlainBody = (status: number): boolean =>
  Number.isInteger(status) && status >= 200 && status <= 599 && status !== 204 && status !== 205 && status !== 304;

const encoder = new TextEncoder();

const TEXT = ["content-type", "text/plain;charset=UTF-8"] as const;

/** As Headers sorts them. */
const byName = ([a]: FieldLine, [b]: FieldLine): number => (a < b ? -1 : a > b ? 1 : 0);

class PlainResponse {
  readonly #body: PlainBody;
  readonly #init: ResponseInit | undefined;
  #headers: Headers | undefined;
  #real: Response | undefined;
  readonly status: number;
  readonly statusText: string;

  constructor(body: PlainBody, init: ResponseInit | undefined) {
    this.#body = body;
    this.#init = init;
    this.status = init?.status ?? 200;
    this.statusText = init?.statusText ?? "";
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof nodeResponse();
  }
  static json(data: unknown, init?: ResponseInit): Response {
    const headers = new Headers(init?.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new LightResponse(JSON.stringify(data), { ...init, headers });
  }
  static redirect(...parameters: Parameters<typeof globalThis.Response.redirect>): Response {
    return nodeResponse().redirect(...parameters);
  }
  static error(): Response {
    return nodeResponse().error();
  }

  /** The body of a response, if it is one of ours and was not read; undefined otherwise. */
  static bodyOf(response: object): Uint8Array | undefined {
    if (!(#body in response) || response.#real !== undefined) return undefined;
    const body = response.#body;
    return typeof body === "string" ? encoder.encode(body) : (body ?? new Uint8Array(0));
  }

  /**
   * The field lines of a response of ours whose headers were given as a record and not touched since; undefined otherwise,
   * and for whatever only Headers can judge. A Headers costs as much as the rest of a small response.
   */
  static linesOf(response: object): FieldLine[] | undefined {
    if (!(#body in response) || response.#headers !== undefined || response.#real !== undefined) return undefined;
    const given = response.#init?.headers;
    const isText = typeof response.#body === "string";
    if (given === undefined) return isText ? [TEXT] : [];
    if (given === null || typeof given !== "object" || Object.getPrototypeOf(given) !== Object.prototype)
      return undefined;
    const lines: FieldLine[] = [];
    for (const [anyCase, value] of Object.entries(given as Readonly<Record<string, unknown>>)) {
      const name = anyCase.toLowerCase();
      if (typeof value !== "string" || !isFieldName(name) || !isFieldValue(value)) return undefined;
      if (lines.some(([other]) => other === name)) return undefined;
      lines.push([name, value]);
    }
    if (isText && !lines.some(([name]) => name === "content-type")) lines.push(TEXT);
    return lines.sort(byName);
  }

  get headers(): Headers {
    if (this.#real !== undefined) return this.#real.headers;
    if (this.#headers === undefined) {
      this.#headers = new Headers(this.#init?.headers);
      if (typeof this.#body === "string" && !this.#headers.has("content-type")) {
        this.#headers.set(...TEXT);
      }
    }
    return this.#headers;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  get type(): string {
    return "default";
  }
  get url(): string {
    return "";
  }
  get redirected(): boolean {
    return false;
  }
  get body(): ReadableStream<Uint8Array> | null {
    return this.#body === null ? null : (this.#toReal().body as ReadableStream<Uint8Array>);
  }
  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? false;
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#toReal().arrayBuffer();
  }
  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }
  blob(): Promise<Blob> {
    return this.#toReal().blob();
  }
  formData(): Promise<FormData> {
    return this.#toReal().formData();
  }
  json(): Promise<unknown> {
    return this.#toReal().json();
  }
  text(): Promise<string> {
    return this.#toReal().text();
  }
  clone(): Response {
    return this.#toReal().clone();
  }

  #toReal(): Response {
    if (this.#real === undefined) {
      const { status, statusText, headers } = this;
      this.#real = new (nodeResponse())(this.#body as string | null, { status, statusText, headers });
    }
    return this.#real;
  }
}

export const plainBody = (response: Response): Uint8Array | undefined => PlainResponse.bodyOf(response);

/** Replaces the global class. Creates a real Response for arguments that PlainResponse does not support. */
export const LightResponse = new Proxy(PlainResponse, {
  construct(target, [body, init]: [PlainBody | undefined, ResponseInit | undefined], newTarget) {
    const Real = nodeResponse();
    const plain = body === undefined || body === null || typeof body === "string" || body instanceof Uint8Array;
    if (newTarget !== LightResponse) return Reflect.construct(Real, [body, init], newTarget) as Response;
    return plain && takesPlainBody(init?.status ?? 200)
      ? new target(body ?? null, init)
      : new Real(body as string, init);
  },
}) as unknown as typeof globalThis.Response;

/** A response's field lines. Headers lists each Set-Cookie separately and combines all others (RFC 9110 §5.3). */
export const fieldsOf = (response: Response): Iterable<FieldLine> =>
  PlainResponse.linesOf(response) ?? (response.headers as unknown as Iterable<FieldLine>);
