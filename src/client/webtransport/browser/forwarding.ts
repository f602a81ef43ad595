/** Streams of a session whose carrier is not known yet: they lead to the one that is chosen. */

/** A stream of what a stream of the chosen session brings. Nothing is read ahead. */
export function forwardReadable<T>(source: Promise<ReadableStream<T>>): ReadableStream<T> {
  let reader: ReadableStreamDefaultReader<T> | undefined;
  return new ReadableStream<T>(
    {
      async pull(controller) {
        reader ??= (await source).getReader();
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        reader ??= (await source).getReader();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

/** A stream to a stream of the chosen session. What is written before waits. */
export function forwardWritable<T>(target: Promise<WritableStream<T>>): WritableStream<T> {
  let writer: WritableStreamDefaultWriter<T> | undefined;
  const open = async (): Promise<WritableStreamDefaultWriter<T>> => {
    writer ??= (await target).getWriter();
    return writer;
  };
  return new WritableStream<T>({
    write: async (chunk) => (await open()).write(chunk),
    close: async () => (await open()).close(),
    abort: async (reason) => (await open()).abort(reason),
  });
}
