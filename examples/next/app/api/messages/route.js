// GET streams server-sent events; POST sends its body to all streams.
export const dynamic = "force-dynamic";

const streams = new Set();
const event = (text) => new TextEncoder().encode(`data: ${text}\n\n`);

export function GET() {
  let stream;
  const body = new ReadableStream({
    start(controller) {
      stream = controller;
      streams.add(stream);
      stream.enqueue(event("welcome"));
    },
    cancel() {
      streams.delete(stream);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}

export async function POST(request) {
  const text = await request.text();
  for (const stream of streams) stream.enqueue(event(text));
  return Response.json({ length: text.length });
}
