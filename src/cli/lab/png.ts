// SVG to PNG, by an optional package.
import { CliError } from "../fail.ts";

/** Twice the resolution of the SVG file. */
const ZOOM = 2;

/** Resolves to a function that renders a file. Rejects if the package or every font is missing. */
export async function renderPng(load = () => import("@resvg/resvg-js")): Promise<(svg: string) => Uint8Array> {
  const { Resvg } = await load().catch((cause: unknown) => {
    throw new CliError("PACKAGE_MISSING", "PNG files need the package @resvg/resvg-js", {
      cause,
      hint: "run npm install @resvg/resvg-js, or write an SVG file",
    });
  });
  const probe = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9">x</text></svg>';
  if (new Resvg(probe).getBBox() === undefined) {
    throw new CliError("NO_FONTS", "this machine has no fonts for PNG files", {
      hint: "install one, such as DejaVu Sans, or write an SVG file",
    });
  }
  return (svg) => new Resvg(svg, { fitTo: { mode: "zoom", value: ZOOM } }).render().asPng();
}
