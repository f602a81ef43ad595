// The page: no library, the newest draft of resumable uploads in a few lines. What a browser needs to go on is the upload's URL,
// which localStorage keeps under the file's name, size and date.

export const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Uploads that resume</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem; padding: 0 1rem }
  #drop { border: 2px dashed #888; border-radius: 12px; padding: 3rem; text-align: center }
  #drop.over { border-color: #07c; background: #07c1 }
  progress { width: 100% }
  li { margin: 1rem 0 }
</style>
<h1>Uploads that resume</h1>
<p>Carried by PROTOCOL. Drop a large file, close the tab in the middle, open it again and drop the same file.</p>
<label id="drop">Drop files here, or <input type="file" multiple></label>
<ul id="uploads"></ul>
<script>
const CHUNK = 8 * 1024 * 1024;
const VERSION = { "upload-draft-interop-version": "9" };
const list = document.querySelector("#uploads");
const drop = document.querySelector("#drop");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => { event.preventDefault(); drop.classList.remove("over"); start(event.dataTransfer.files); };
drop.querySelector("input").onchange = (event) => start(event.target.files);

// Uploads that an earlier tab left behind.
for (const key of Object.keys(localStorage)) {
  const [name, size] = JSON.parse(key);
  show(name).text("drop it again to go on (" + Math.round(size / 1e6) + " MB)");
}

function show(name) {
  const item = document.createElement("li");
  const label = document.createElement("div");
  const bar = document.createElement("progress");
  item.append(label, bar);
  list.append(item);
  return {
    progress: (done, all) => { bar.max = all; bar.value = done; label.textContent = name + ": " + Math.floor((100 * done) / (all || 1)) + " %"; },
    text: (text) => { label.textContent = name + ": " + text; bar.hidden = text === "uploaded"; },
    remove: () => item.remove(),
  };
}

function start(files) { for (const file of files) upload(file).catch((error) => show(file.name).text(error.message)); }

async function upload(file) {
  const key = JSON.stringify([file.name, file.size, file.lastModified]);
  for (const item of [...list.children]) if (item.textContent.startsWith(file.name + ": drop")) item.remove();
  const row = show(file.name);
  let url = localStorage.getItem(key);
  let offset = 0;
  for (let failures = 0; ; ) {
    try {
      if (url === null) {
        const name = "attachment; filename*=UTF-8''" + encodeURIComponent(file.name);
        const headers = { ...VERSION, "upload-complete": "?0", "upload-length": String(file.size), "content-disposition": name,
          "content-type": file.type || "application/octet-stream" };
        const created = await fetch("/files/", { method: "POST", headers });
        if (!created.ok) throw Object.assign(new Error(await created.text()), { final: created.status < 500 });
        url = new URL(created.headers.get("location"), location.href).href;
        localStorage.setItem(key, url);
        offset = 0;
      } else {
        const found = await fetch(url, { method: "HEAD", headers: VERSION });
        if (found.status === 404 || found.status === 410) { url = null; continue; }
        if (!found.ok) throw new Error("the server answered " + found.status);
        if (found.headers.get("upload-complete") === "?1") break;
        offset = Number(found.headers.get("upload-offset"));
      }
      row.progress(offset, file.size);
      for (let isLast = false; !isLast; ) {
        const end = Math.min(offset + CHUNK, file.size);
        isLast = end === file.size;
        const headers = { ...VERSION, "upload-offset": String(offset), "upload-complete": isLast ? "?1" : "?0",
          "content-type": "application/partial-upload" };
        const answer = await fetch(url, { method: "PATCH", headers, body: file.slice(offset, end) });
        if (!answer.ok) throw Object.assign(new Error(await answer.text()), { final: answer.status === 400 || answer.status === 413 });
        offset = end;
        failures = 0;
        row.progress(offset, file.size);
      }
      break;
    } catch (error) {
      if (error.final) { localStorage.removeItem(key); throw error; }
      row.text("interrupted, goes on by itself");
      await pause(Math.min(500 * 2 ** failures++, 30000));
    }
  }
  localStorage.removeItem(key);
  row.text("uploaded");
}
</script>`;
