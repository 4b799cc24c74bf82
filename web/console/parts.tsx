// The small parts that every screen is made of.

import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { TokenryError } from "../client/errors.js";
import type { Key } from "../client/operations.js";
import { address, go, hasMoved } from "./place.js";
import { advice, ago, full, type Tone } from "./words.js";

/** A link within the console. */
export function Link({ to, children, ...more }: { to: string; children: ComponentChildren; class?: string; "aria-current"?: "page" | undefined }) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return <a href={to} onClick={follow} {...more}>{children}</a>;
}

/** The heading of a screen. It takes the focus when the place changes, so that a screen reader says where it is. */
export function Title({ children, text, above, lead }: { children?: ComponentChildren; text: string; above?: ComponentChildren; lead?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  // Before the next event, so that the focus is never taken from what the reader chose meanwhile.
  useLayoutEffect(() => {
    if (hasMoved) heading.current?.focus();
  }, []);
  useEffect(() => {
    document.title = `${text} · Tokenry`;
  }, [text]);
  return (
    <header class="title">
      {above && <nav class="above" aria-label="Up">{above}</nav>}
      <h1 ref={heading} tabIndex={-1}><bdi>{text}</bdi></h1>
      <div class="actions">{children}</div>
      {lead && <p class="lead">{lead}</p>}
    </header>
  );
}

/** A moment: relative, and absolute where the pointer or the focus rests. */
export function Time({ at, none = "never", more = "" }: { at: string | null | undefined; none?: string; more?: string }) {
  if (!at) return <span class="quiet">{none}</span>;
  return <time dateTime={at} title={more ? `${full(at)}, ${more}` : full(at)}>{ago(at)}</time>;
}

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`status ${tone}`}>{children}</span>;
}

export function Status({ of }: { of: Key }) {
  const { tone, text } = advice(of);
  return <Badge tone={tone}>{text}</Badge>;
}

/** A part of a page, with a heading and what can be done. */
export function Card({ title, actions, children }: { title: string; actions?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="card">
      <header><h2>{title}</h2>{actions && <div class="actions">{actions}</div>}</header>
      {children}
    </section>
  );
}

/** Facts of a record: names and what they are. Those without a value are left out. */
export function Facts({ of, children }: { of: Readonly<Record<string, ComponentChildren>>; children?: ComponentChildren }) {
  return (
    <dl class="facts">
      {Object.entries(of).filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false).map(([name, value]) => (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
      {children}
    </dl>
  );
}

/** The text of a screen that has nothing to show yet. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <><p class="empty-title">{title}</p>{children}</>;
}

/** A button whose work may fail: the reader hears of that, and of its success. */
export function Do({ label, does, said, danger = false, small = false }: { label: string; does: () => Promise<unknown>; said?: string; danger?: boolean; small?: boolean }) {
  const busy = useSignal(false);
  const act = async () => {
    busy.value = true;
    try {
      await does();
      if (said) toast(said);
    } catch (problem) {
      toast(told(problem), "bad");
    } finally {
      busy.value = false;
    }
  };
  return <button type="button" class={`${danger ? "danger" : ""} ${small ? "small" : ""}`} disabled={busy.value} onClick={act}>{label}</button>;
}

/** A button that copies a text, and says so. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const done = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    done.value = true;
    setTimeout(() => (done.value = false), 2000);
  };
  return <button type="button" class="small" onClick={copy} aria-live="polite">{done.value ? "Copied" : label}</button>;
}

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={label}>{text}</pre>
      <Copy text={text} />
    </div>
  );
}

/** A dialog over the page. Escape and the button beside the title end it. */
export function Dialog({ title, onEnd, children }: { title: string; onEnd: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next event: what is typed right after the stroke that opens a dialog belongs to the dialog.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onEnd} aria-labelledby="dialog-title">
      <header>
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="small" aria-label="Close" onClick={() => dialog.current?.close()}>✕</button>
      </header>
      {children}
    </dialog>
  );
}

interface Toast {
  text: string;
  tone: Tone;
}

const toasts = signal<readonly Toast[]>([]);

/** Say something for some seconds. */
export function toast(text: string, tone: Tone = "good"): void {
  const made = { text, tone };
  toasts.value = [...toasts.value, made];
  setTimeout(() => (toasts.value = toasts.value.filter((one) => one !== made)), tone === "bad" ? 12_000 : 5000);
}

export function Toasts() {
  return <div class="toasts" role="status">{toasts.value.map(({ text, tone }) => <p key={text} class={tone}>{text}</p>)}</div>;
}

/** Return the message of an error for the reader. */
export function told(error: unknown): string {
  if (error instanceof TokenryError) return error.message.replace(/^the server [^:]*: /, "");
  return error instanceof Error ? error.message : String(error);
}

export function Problem({ error }: { error: unknown }) {
  if (!error) return null;
  const id = error instanceof TokenryError ? error.requestId : "";
  return <p class="problem" role="alert">{told(error)}{id && <small> Request {id}</small>}</p>;
}

export function Tabs({ names, chosen, onChoose }: { names: readonly string[]; chosen: string; onChoose: (name: string) => void }) {
  return (
    <div class="tabs" role="group">
      {names.map((name) => (
        <button key={name} type="button" aria-pressed={name === chosen} onClick={() => onChoose(name)}>{name}</button>
      ))}
    </div>
  );
}

/** The same as commands, for a terminal. */
export function Elsewhere({ of }: { of: Readonly<Record<string, { curl: string; cli?: string }>> }) {
  const way = useSignal("curl");
  return (
    <details class="elsewhere">
      <summary>The same as curl and on the command line</summary>
      <Tabs names={["curl", "Command line"]} chosen={way.value} onChoose={(name) => (way.value = name)} />
      {Object.entries(of).map(([name, { curl, cli }]) => {
        const text = way.value === "curl" ? curl : cli;
        return text && <Code key={name} label={name} text={text} />;
      })}
    </details>
  );
}

export function Loading() {
  return <p class="quiet" role="status">Loading…</p>;
}

export function Missing() {
  return (
    <>
      <Title text="Not found" />
      <p>There is no such page. <Link to={address("/")}>Go to the keys</Link></p>
    </>
  );
}
