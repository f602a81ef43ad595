/** Control messages of one draft, as bytes and back. */

import { Reader } from "../../wire/reader.ts";
import { formatVarInt } from "../../wire/varint.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Draft } from "./draft.ts";
import { readWhole, violation } from "./errors.ts";
import { Dialect } from "./fields.ts";
import { type Form, formsOf } from "./message-table.ts";
import type { ControlMessage, MessageType } from "./messages.ts";

/** Bytes of a message's body. */
export const MAX_MESSAGE = 65_535;

export class ControlCodec {
  readonly dialect: Dialect;
  readonly #byId: ReadonlyMap<number, Form>;
  readonly #byType: ReadonlyMap<string, Form>;

  constructor(draft: Draft) {
    this.dialect = new Dialect(draft);
    const forms = formsOf(this.dialect);
    this.#byId = new Map(forms.map((form) => [form.id, form]));
    this.#byType = new Map(forms.map((form) => [keyOf(form.type, form.of), form]));
  }

  get draft(): Draft {
    return this.dialect.draft;
  }

  /** True if the draft has the message. */
  has(type: MessageType): boolean {
    return [...this.#byId.values()].some((form) => form.type === type);
  }

  /** The type, a length of two bytes, and the body. Throws a `RangeError` for what the draft cannot say. */
  emit(message: ControlMessage): Uint8Array {
    const of = "of" in message ? message.of : undefined;
    const form = this.#byType.get(keyOf(message.type, of)) ?? this.#byType.get(message.type);
    if (form === undefined) throw new RangeError(`draft ${this.draft} has no message ${keyOf(message.type, of)}`);
    const body = new ByteWriter(this.dialect.integers);
    const values = message as unknown as Readonly<Record<string, unknown>>;
    for (const [name, field] of form.parts) field.write(body, name === undefined ? values : values[name], this.dialect);
    if (body.length > MAX_MESSAGE)
      throw new RangeError(`${message.type} has ${body.length} bytes, at most ${MAX_MESSAGE}`);
    const writer = new ByteWriter(this.dialect.integers);
    writer.integer(form.id);
    writer.uint16(body.length);
    writer.bytes(body.finish());
    return writer.finish();
  }

  /** `body` is complete. Throws a `ProtocolError` with the code that closes the session. */
  parse(id: number, body: Uint8Array): ControlMessage {
    const form = this.#byId.get(id);
    if (form === undefined) throw violation("control message", `the unknown type ${formatVarInt(id)}`);
    const where = form.type;
    return readWhole(where, () => {
      const reader = new Reader(body);
      const message: Record<string, unknown> = { type: form.type, ...(form.of === undefined ? {} : { of: form.of }) };
      for (const [name, field] of form.parts) {
        const value = field.read(reader, this.dialect, where);
        if (name === undefined) Object.assign(message, value);
        else if (value !== undefined) message[name] = value;
      }
      if (!reader.isAtEnd) throw violation(where, `${reader.remaining} bytes after the end of the message`);
      return message as unknown as ControlMessage;
    });
  }
}

const keyOf = (type: MessageType, of: string | undefined): string => (of === undefined ? type : `${type} of ${of}`);
