// The texts of the page in the language of its reader. A host may replace each of them.

import TEXTS from "./texts.json";

export type TextName = keyof typeof TEXTS.en;
type Texts = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, string | number>>;

const DAY = 86_400_000;
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** The words of one language. */
export class Words {
  readonly language: string;
  readonly #texts: Texts;
  readonly #tag: string;

  /** `own` are the texts of the host by language; `asked` is a language that somebody demands, else the browser's. */
  constructor(asked: string | null, own: Readonly<Record<string, Texts>>) {
    const known: Readonly<Record<string, Texts>> = TEXTS;
    const wanted = asked ? [asked] : navigator.languages;
    const short = (tag: string) => tag.toLowerCase().split("-")[0] ?? "";
    const found = wanted.map(short).find((tag) => tag in known || tag in own);
    this.language = found ?? "en";
    this.#texts = { ...TEXTS.en, ...known[this.language], ...own[this.language] };
    const tag = wanted.find((one) => short(one) === this.language) ?? this.language;
    this.#tag = Intl.DateTimeFormat.supportedLocalesOf(tag)[0] ?? "en";
  }

  /** Return a text, with values in the place of `{names}`. */
  of(name: TextName, values: Values = {}): string {
    return (this.#texts[name] ?? name).replace(/\{(\w+)\}/g, (whole, key: string) => {
      const value = values[key];
      return value === undefined ? whole : typeof value === "number" ? this.count(value) : value;
    });
  }

  count(value: number): string {
    return new Intl.NumberFormat(this.#tag).format(value);
  }

  /** Return a moment as it is from here: "3 minutes ago". */
  ago(moment: string, now = Date.now()): string {
    const distance = Date.parse(moment) - now;
    const relative = new Intl.RelativeTimeFormat(this.#tag, { numeric: "auto" });
    for (const [unit, length] of UNITS) {
      if (Math.abs(distance) >= length) return relative.format(Math.trunc(distance / length), unit);
    }
    return relative.format(0, "second");
  }

  day(moment: string | number): string {
    return new Date(moment).toLocaleDateString(this.#tag, { dateStyle: "medium" });
  }

  full(moment: string): string {
    return new Date(moment).toLocaleString(this.#tag, { dateStyle: "medium", timeStyle: "short" });
  }

  /** Return the permissions of scopes in words: "read projects and change invoices". */
  scopes(scopes: readonly string[]): string {
    if (scopes.length === 0) return this.of("nothing");
    return new Intl.ListFormat(this.#tag).format(scopes.map((scope) => this.scope(scope)));
  }

  scope(scope: string): string {
    const own = this.#texts[`scope:${scope}`];
    if (own) return own;
    const [first = "", ...rest] = scope.split(":");
    const noun = rest.join(" ") || first;
    const name = rest.length === 0 || first === "*" ? "verb_any" : `verb_${first}`;
    const values = { verb: first, noun: noun === "*" ? this.of("everything") : noun };
    return this.of(name in TEXTS.en ? (name as TextName) : "verb_other", values);
  }
}
