"use client";
import { useEffect, useState } from "react";

export function Messages() {
  const [messages, setMessages] = useState([]);
  useEffect(() => {
    const source = new EventSource("/api/messages");
    source.onmessage = ({ data }) => setMessages((before) => [...before, data]);
    return () => source.close();
  }, []);

  const say = (form) => fetch("/api/messages", { method: "POST", body: form.get("text") });
  return (
    <>
      <form action={say}>
        <input name="text" required />
        <button type="submit">Say</button>
      </form>
      <ul>
        {messages.map((text, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list only grows at its end
          <li key={index}>{text}</li>
        ))}
      </ul>
    </>
  );
}
