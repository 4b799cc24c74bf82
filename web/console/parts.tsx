// The small parts that every screen is made of.

import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { TokenryError } from "../client/errors.js";
import type { Key } from "../client/operations.js";
import { address, go, hasMoved } from "./place.js";
import { advice, ago, full } from "./words.js";

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
export function Title({ children, text }: { children?: ComponentChildren; text: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (hasMoved) heading.current?.focus();
  }, []);
  useEffect(() => {
    document.title = `${text} · Tokenry`;
  }, [text]);
  return (
    <header class="title">
      <h1 ref={heading} tabIndex={-1}>{text}</h1>
      <div class="actions">{children}</div>
    </header>
  );
}

/** A moment: relative, and absolute where the pointer or the focus rests. */
export function Time({ at, none = "never", more = "" }: { at: string | null | undefined; none?: string; more?: string }) {
  if (!at) return <span class="quiet">{none}</span>;
  return <time dateTime={at} title={more ? `${full(at)}, ${more}` : full(at)}>{ago(at)}</time>;
}

export function Status({ of }: { of: Key }) {
  const { tone, text } = advice(of);
  return <span class={`status ${tone}`}>{text}</span>;
}

export function Field(props: { label: string; hint?: string; error?: string | undefined; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      {props.children}
      {props.error ? <small class="error" role="alert">{props.error}</small> : props.hint && <small>{props.hint}</small>}
    </label>
  );
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
  useEffect(() => dialog.current?.showModal(), []);
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

const toasts = signal<string[]>([]);

/** Say something for five seconds. */
export function toast(text: string): void {
  toasts.value = [...toasts.value, text];
  setTimeout(() => (toasts.value = toasts.value.slice(1)), 5000);
}

export function Toasts() {
  return <div class="toasts" role="status">{toasts.value.map((text) => <p key={text}>{text}</p>)}</div>;
}

/** Return what an error says to the reader. */
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

/** What a screen shows before there is anything to show. */
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
