// The small parts of the page.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Refused } from "./api.js";
import { usePage, useText } from "./app.js";
import type { TextName, Words } from "./words.js";

const ERRORS: Readonly<Record<string, TextName>> = {
  conflict: "error_conflict",
  idempotency_mismatch: "error_conflict",
  not_allowed: "error_not_allowed",
  cross_site: "error_not_allowed",
  not_found: "error_not_found",
  invalid: "error_invalid",
  bad_request: "error_invalid",
  credential_missing: "signed_out",
  store_unavailable: "error_busy",
  store_full: "error_busy",
};

/** An error, in the language of the reader. */
export function Problem({ error, words }: { error: unknown; words?: Words }) {
  if (!error) return null;
  return words ? <Said error={error} words={words} /> : <Here error={error} />;
}

function Here({ error }: { error: unknown }) {
  return <Said error={error} words={usePage().words} />;
}

function Said({ error, words }: { error: unknown; words: Words }) {
  const code = error instanceof Refused ? error.code : "store_unavailable";
  return <p role="alert" class="problem" part="problem" data-code={code}>{words.of(ERRORS[code] ?? "error_other")}</p>;
}

/** A moment as it is from here; absolute where the pointer rests. */
export function Time({ at }: { at: string }) {
  const { words } = usePage();
  return <time dateTime={at} title={words.full(at)}>{words.ago(at)}</time>;
}

export function Field(props: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      {props.children}
      {props.hint && <small>{props.hint}</small>}
    </label>
  );
}

/** A button that copies a text, and says so. */
export function Copy({ text }: { text: string }) {
  const t = useText();
  const isDone = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    isDone.value = true;
  };
  return <button type="button" part="button" onClick={copy} aria-live="polite">{t(isDone.value ? "copied" : "copy")}</button>;
}

/** A dialog over the page. `mayEnd` is asked before Escape or the button ends it. */
export function Dialog(props: { title: string; onEnd: () => void; mayEnd?: () => boolean; children: ComponentChildren }) {
  const t = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the next event: what is typed meanwhile belongs to the dialog.
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const mayEnd = props.mayEnd ?? (() => true);
  const cancel = (event: Event) => {
    if (!mayEnd()) event.preventDefault();
  };
  return (
    <dialog ref={dialog} part="dialog" onCancel={cancel} onClose={props.onEnd} aria-labelledby="dialog-title">
      <header>
        <h2 id="dialog-title"><bdi>{props.title}</bdi></h2>
        <button type="button" part="button" aria-label={t("close")} onClick={() => mayEnd() && dialog.current?.close()}>✕</button>
      </header>
      {props.children}
    </dialog>
  );
}

/** A form that sends once at a time and shows what went wrong. */
export function Form(props: { submit: string; danger?: boolean; send: () => Promise<void>; children: ComponentChildren }) {
  const error = useSignal<unknown>(null);
  const isBusy = useSignal(false);
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    if (isBusy.value) return;
    isBusy.value = true;
    error.value = null;
    try {
      await props.send();
    } catch (problem) {
      error.value = problem;
    }
    isBusy.value = false;
  };
  return (
    <form onSubmit={send}>
      {props.children}
      <Problem error={error.value} />
      <button class={props.danger ? "danger" : "primary"} part={props.danger ? "button danger" : "button primary"}>{props.submit}</button>
    </form>
  );
}
