// Search, copy and try-it in the reference. The key stays in this page: it is in no storage and in no address.
"use strict";

const made = (name, fields = {}, ...children) => {
  const node = Object.assign(document.createElement(name), fields);
  node.append(...children);
  return node;
};

function copyButtons() {
  for (const block of document.querySelectorAll("pre")) {
    const button = made("button", { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.innerText);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    block.before(button);
  }
}

function search(tools) {
  const input = made("input", { type: "search", autocomplete: "off" });
  tools.append(made("label", {}, "Search", input));
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const section of document.querySelectorAll("main > section")) {
      let some = false;
      for (const one of section.querySelectorAll(":scope > details")) {
        const text = one.textContent.toLowerCase();
        one.hidden = !words.every((word) => text.includes(word));
        some ||= !one.hidden;
      }
      section.hidden = !some;
    }
  });
}

function keyInput(tools) {
  const input = made("input", { type: "password", autocomplete: "off", spellcheck: false });
  tools.append(made("label", {}, "Key for requests from this page", input));
  return input;
}

function tryForm(place, key) {
  const { method, path, body } = place.dataset;
  const address = made("input", { value: path, spellcheck: false });
  const text = made("textarea", { value: body, rows: Math.min(16, body.split("\n").length), spellcheck: false });
  const answer = made("pre", { hidden: true, tabIndex: 0 });
  const send = made("button", { textContent: `Send ${method}` });
  const form = made("form", {}, made("label", {}, "Path", address), send, answer);
  if (body) send.before(made("label", {}, "Body", text));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.hidden = false;
    answer.textContent = await sent(method, address.value, body ? text.value : undefined, key.value.trim());
  });
  const opened = made("details", {}, made("summary", { textContent: "Try it" }), form);
  place.append(opened);
}

async function sent(method, path, body, key) {
  if (!key) return "Enter a key at the top of this page first.";
  if (!path.startsWith("/v1/") && !path.startsWith("/oauth/")) return "The path must begin with /v1/ or /oauth/.";
  const headers = { Authorization: `Bearer ${key}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, { method, headers, body, credentials: "omit", redirect: "error" });
    const text = await answer.text();
    const kind = answer.headers.get("Content-Type") ?? "";
    return `${answer.status} ${answer.statusText}\n${kind.includes("json") && text ? pretty(text) : text}`;
  } catch (error) {
    return `No answer: ${error instanceof Error ? error.message : error}`;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const tools = made("div", { className: "tools" });
document.querySelector("nav").after(tools);
search(tools);
const key = keyInput(tools);
copyButtons();
for (const place of document.querySelectorAll(".try")) tryForm(place, key);
