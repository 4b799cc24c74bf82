// The keys of the keyboard, the palette, and how to switch single keys off.

import { signal, useSignal } from "@preact/signals";
import { parseKey } from "../client/key.js";
import { findKey, may, session } from "./api.js";
import { Dialog, told, toast } from "./parts.js";
import { address, go } from "./place.js";
import { opens, ROUTES } from "./routes.js";

export const help = signal(false);
const palette = signal(false);
const OFF = "tokenry-keys-off";
const isOff = signal(localStorage.getItem(OFF) !== null);

/** When `g` was pressed; the next letter names a screen. */
let goingAt = 0;
const GOING_MILLISECONDS = 1500;

const typesText = "input, textarea, select, dialog";

addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (!session.value) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "k") {
    event.preventDefault();
    palette.value = true;
    return;
  }
  if (isOff.value || event.ctrlKey || event.metaKey || event.altKey || target.closest(typesText)) return;
  if (Date.now() - goingAt < GOING_MILLISECONDS) {
    goingAt = 0;
    const route = ROUTES.find((one) => one.letter === event.key && opens(one));
    if (route) go(address(route.path));
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search")?.focus();
  } else if (event.key === "g") goingAt = Date.now();
  else if (event.key === "?") help.value = true;
  else if (event.key === "n" && may("keys:write")) go(address("/issue"));
  else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
});

/** Move the focus to the next or the last row of the list. Enter then follows its link. */
function step(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>("main tbody th a")];
  const now = links.indexOf(document.activeElement as HTMLElement);
  links[now < 0 ? 0 : Math.min(links.length - 1, Math.max(0, now + by))]?.focus();
}

export function Keyboard() {
  if (palette.value) return <Palette />;
  if (!help.value) return null;
  const switched = (on: boolean) => {
    isOff.value = !on;
    if (on) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  };
  return (
    <Dialog title="Keys of the keyboard" onEnd={() => (help.value = false)}>
      <dl class="strokes">
        <div><dt><kbd>/</kbd></dt><dd>search</dd></div>
        <div><dt><kbd>n</kbd></dt><dd>new key</dd></div>
        <div><dt><kbd>j</kbd> <kbd>k</kbd> <kbd>Enter</kbd></dt><dd>next row, row before, open</dd></div>
        <div><dt><kbd>Ctrl</kbd> <kbd>k</kbd></dt><dd>go anywhere</dd></div>
        {ROUTES.filter((route) => route.letter && opens(route)).map(({ letter, name }) => (
          <div key={name}><dt><kbd>g</kbd> <kbd>{letter}</kbd></dt><dd>{name}</dd></div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={!isOff.value} onChange={(event) => switched(event.currentTarget.checked)} /> Single keys work
      </label>
    </Dialog>
  );
}

/** Goes to a screen by its name, to a key by its secret or id, and else searches. */
function Palette() {
  const text = useSignal("");
  const end = () => (palette.value = false);
  const wanted = text.value.trim().toLowerCase();
  const shown = ROUTES.filter((route) => (route.group || route.path === "/issue") && opens(route) && route.name.toLowerCase().includes(wanted));
  const to = (url: string) => {
    end();
    go(url);
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const asked = text.value.trim();
    if (parseKey(asked)) {
      text.value = "";
      try {
        to(address(`/keys/${(await findKey({ secret: asked })).id}`));
      } catch (problem) {
        toast(told(problem), "bad");
      }
    } else if (/^key_\w+$/.test(asked)) to(address(`/keys/${asked}`));
    else if (shown[0]) to(address(shown[0].path));
    else to(address("/", { text: asked }));
  };
  return (
    <Dialog title="Go to" onEnd={end}>
      <form onSubmit={submit}>
        <input aria-label="A screen, a key, or what to search for" autoFocus autoComplete="off" spellcheck={false} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} />
        <ul class="found">
          {shown.map((route) => <li key={route.path}><button type="button" onClick={() => to(address(route.path))}>{route.name}</button></li>)}
          {shown.length === 0 && <li class="quiet">Enter searches the keys for it.</li>}
        </ul>
      </form>
    </Dialog>
  );
}
