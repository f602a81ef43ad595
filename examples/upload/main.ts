// A page that uploads files, and goes on where it stopped after the tab was closed, the network was gone, or this server was
// started again: drop the same file once more. Files arrive in examples/upload/received.
// Run it: npm run examples -- upload
import { createUploads, serve } from "nagare";
import { PAGE } from "./page.js";

const uploads = createUploads({
  directory: "examples/upload/received",
  maxSize: 20e9,
  onComplete: ({ path, length }) => console.error(`received ${path}, ${length} bytes`),
});

export const server = await serve({ port: Number(process.env.PORT ?? 4433) }, (request, context) => {
  const { pathname } = new URL(request.url);
  if (pathname.startsWith("/files/")) return uploads.fetch(request, context);
  const page = PAGE.replace("PROTOCOL", context.protocol);
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
});
console.log(server.url.href);
