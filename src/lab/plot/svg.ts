/** Elements of SVG as text. Coordinates have at most two decimal places, so the same plot has the same bytes. */

import { round } from "../figures.ts";

export type Attributes = Readonly<Record<string, string | number | undefined>>;

export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? round(value, 2) : escapeXml(value!)}"`)
    .join("");
  return content.length === 0 ? `<${name}${list}/>` : `<${name}${list}>${content.join("")}</${name}>`;
}

export const text = (attributes: Attributes, content: string): string =>
  element("text", attributes, escapeXml(content));

export const escapeXml = (value: string): string =>
  value.replace(/[&<>"]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]!);

/** A path through the points. */
export const line = (points: readonly (readonly [x: number, y: number])[]): string =>
  points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${round(x, 2)} ${round(y, 2)}`).join("");
