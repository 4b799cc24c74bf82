// Forms: fields that show what the server says about them, and one way to send.

import { useSignal } from "@preact/signals";
import { type ComponentChildren, createContext } from "preact";
import { useContext } from "preact/hooks";
import { Invalid } from "../client/errors.js";
import { Dialog, Problem } from "./parts.js";

const Failure = createContext<unknown>(null);

/** Return the trimmed text of a field by its name. */
export type Reader = (name: string) => string;

export const reader = (form: HTMLFormElement): Reader => {
  const data = new FormData(form);
  return (name) => String(data.get(name) ?? "").trim();
};

/** Return the entries of a text that are separated by blanks, commas or lines. */
export const entries = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

interface FormGiven {
  submit: string;
  danger?: boolean;
  class?: string;
  onInput?: (event: InputEvent) => void;
  onSubmit: (read: Reader, form: HTMLFormElement) => Promise<void>;
  children?: ComponentChildren;
}

export function Form({ submit, danger = false, onSubmit, children, ...more }: FormGiven) {
  const error = useSignal<unknown>(null);
  const busy = useSignal(false);
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    busy.value = true;
    try {
      await onSubmit(reader(form), form);
      error.value = null;
    } catch (problem) {
      error.value = problem;
    } finally {
      busy.value = false;
    }
  };
  return (
    <Failure.Provider value={error.value}>
      <form onSubmit={send} {...more}>
        {children}
        <Problem error={error.value} />
        <button class={danger ? "danger" : "primary"} disabled={busy.value}>{submit}</button>
      </form>
    </Failure.Provider>
  );
}

/** A form in a dialog. */
export function FormDialog({ title, onEnd, ...form }: FormGiven & { title: string; onEnd: () => void }) {
  return <Dialog title={title} onEnd={onEnd}><Form {...form} /></Dialog>;
}

/** Return the error message of the server for a field. */
function useFault(name: string | undefined): string | undefined {
  const error = useContext(Failure);
  if (!name || !(error instanceof Invalid)) return undefined;
  return error.errors.find(({ field }) => field === name || field.startsWith(`${name}[`) || field.startsWith(`${name}.`))?.message;
}

export function Field({ label, hint, error, name, children }: { label: string; hint?: ComponentChildren; error?: string | undefined; name?: string; children: ComponentChildren }) {
  const fault = useFault(name) ?? error;
  return (
    <label class="field">
      <span>{label}</span>
      {children}
      {fault ? <small class="error" role="alert">{fault}</small> : hint && <small>{hint}</small>}
    </label>
  );
}

interface TextGiven {
  name: string;
  label: string;
  hint?: ComponentChildren;
  value?: string | number | null | undefined;
  required?: boolean;
  type?: "text" | "email" | "url" | "number" | "date" | "datetime-local";
  min?: number;
  max?: number;
  maxLength?: number;
  pattern?: string;
  list?: string;
  placeholder?: string;
  /** How many lines; without it a field of one line. */
  rows?: number;
}

export function Text({ label, hint, value, rows, type = "text", ...more }: TextGiven) {
  const given = { ...more, defaultValue: String(value ?? ""), autoComplete: "off", spellcheck: false };
  return (
    <Field label={label} hint={hint} name={more.name}>
      {rows ? <textarea {...given} rows={rows} /> : <input {...given} type={type} />}
    </Field>
  );
}

export function Choice({ name, label, hint, value, of }: { name: string; label: string; hint?: string; value?: string; of: Readonly<Record<string, string>> }) {
  return (
    <Field label={label} hint={hint} name={name}>
      <select name={name} defaultValue={value}>
        {Object.entries(of).map(([key, text]) => <option key={key} value={key} selected={key === value}>{text}</option>)}
      </select>
    </Field>
  );
}

export function Check({ name, label, checked = false }: { name: string; label: string; checked?: boolean }) {
  return <label class="check"><input type="checkbox" name={name} defaultChecked={checked} /> {label}</label>;
}
