// Server-sent events (HTML Standard §9.2): a response that continues as long as there are events.

export type Send = (event: unknown) => void;

/**
 * Runs `work` and sends each value as one JSON event. Its signal is aborted when the reader leaves or the server stops.
 * A failure is sent as an event named "failed", the end as one named "done".
 */
export function eventStream(
  stopping: AbortSignal,
  left: AbortSignal,
  work: (send: Send, signal: AbortSignal) => Promise<void>,
): Response {
  const cancelled = new AbortController();
  const signal = AbortSignal.any([stopping, left, cancelled.signal]);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const write = (name: string, value: unknown) => {
        if (!cancelled.signal.aborted && !left.aborted)
          controller.enqueue(encoder.encode(`event: ${name}\ndata: ${JSON.stringify(value)}\n\n`));
      };
      try {
        await work((event) => write("message", event), signal);
        write("done", {});
      } catch (error) {
        write("failed", { message: (error as Error).message });
      }
      if (!cancelled.signal.aborted) controller.close();
    },
    cancel: () => cancelled.abort(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
}
