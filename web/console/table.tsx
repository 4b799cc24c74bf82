// A list as a table. On a narrow screen each row becomes a card.

import type { ComponentChildren } from "preact";
import type { Pages } from "./loading.js";
import { Loading, Problem } from "./parts.js";
import { filter, place } from "./place.js";

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  kind?: "number" | "name" | "wide" | "fit";
  /** The value of `sort=` when the heading is pressed first. A second press reverses the order. */
  sort?: string;
}

export function Table<T>({ label, rows, columns, id }: { label: string; rows: readonly T[]; columns: readonly Column<T>[]; id: (row: T) => string }) {
  const [first, ...others] = columns;
  if (!first) return null;
  return (
    <table class="list" aria-label={label}>
      <thead>
        <tr>{columns.map((column) => <Heading key={column.name} of={column} />)}</tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={id(row)}>
            <th scope="row">{first.cell(row)}</th>
            {others.map((column) => <td key={column.name} class={column.kind} data-label={column.name}>{column.cell(row)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Heading<T>({ of }: { of: Column<T> }) {
  if (!of.sort) return <th scope="col" class={of.kind}>{of.name || <span class="hidden">Actions</span>}</th>;
  const asked = place.value.query.get("sort");
  const turned = of.sort.startsWith("-") ? of.sort.slice(1) : `-${of.sort}`;
  const isSorted = asked === of.sort || asked === turned;
  const order = !isSorted ? "none" : asked.startsWith("-") ? "descending" : "ascending";
  const next = asked === of.sort ? turned : of.sort;
  return (
    <th scope="col" class={of.kind} aria-sort={order}>
      <button type="button" class="sort" onClick={() => filter({ sort: next })}>{of.name}</button>
    </th>
  );
}

/** A list in pages, with what it says while it loads and when it is empty. */
export function List<T>({ of, empty, ...table }: { of: Pages<T>; empty: ComponentChildren; label: string; columns: readonly Column<T>[]; id: (row: T) => string }) {
  const page = of.value.value;
  return (
    <>
      <Problem error={of.error.value} />
      {!page ? !of.error.value && <Loading /> : page.items.length === 0 ? <div class="empty">{empty}</div> : <Table {...table} rows={page.items} />}
      {page?.next_cursor && <p class="more"><button type="button" onClick={of.more}>Show more</button></p>}
    </>
  );
}
