// Choosing scopes: presets, a list by noun, and a field for others.

import { useSignal } from "@preact/signals";
import { entries, Field } from "./form.js";

const READING = /^(read|list|view|get):|:(read|verify)$/;

/** The choices of a click, each among the listed scopes. */
const PRESETS: Readonly<Record<string, (listed: readonly string[]) => string[]>> = {
  "Read only": (listed) => listed.filter((scope) => READING.test(scope)),
  "Read and write": (listed) => listed.filter((scope) => !/^admin:|^\*|\*$/.test(scope)),
  Everything: (listed) => [...listed],
  Nothing: () => [],
};

const same = (one: readonly string[], other: readonly string[]): boolean => one.length === other.length && one.every((scope) => other.includes(scope));

export function ScopePicker({ catalogue, chosen, onChange }: { catalogue: readonly string[]; chosen: readonly string[]; onChange: (scopes: string[]) => void }) {
  const text = useSignal(chosen.join(" "));
  // An entry of the catalogue may be a pattern: what it allows is typed.
  const listed = [...new Set([...catalogue.filter((scope) => !scope.includes("*")), ...chosen])];
  if (listed.length === 0 || catalogue.length === 0) {
    return (
      <Field label="Scopes" hint="Separated by blanks, such as read:projects write:projects." name="scopes">
        <input
          name="scopes"
          spellcheck={false}
          autoComplete="off"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            onChange(entries(text.value));
          }}
        />
      </Field>
    );
  }
  return (
    <fieldset class="scopes">
      <legend>Scopes</legend>
      <div class="presets" role="group" aria-label="Presets">
        {Object.entries(PRESETS).map(([name, of]) => (
          <button key={name} type="button" class="small chip" aria-pressed={same(of(listed), chosen)} onClick={() => onChange(of(listed))}>{name}</button>
        ))}
      </div>
      {listed.map((scope) => (
        <label key={scope} class="check">
          <input
            type="checkbox"
            checked={chosen.includes(scope)}
            onChange={(event) => onChange(event.currentTarget.checked ? [...chosen, scope] : chosen.filter((one) => one !== scope))}
          />
          <code>{scope}</code>
        </label>
      ))}
    </fieldset>
  );
}
