/** The heads of a table's columns; each has a class of its name. A table that shows only a part numbers its rows. */
export function ColumnHeads({ columns, row }: { columns: readonly string[]; row?: number }) {
  return (
    <thead>
      <tr aria-rowindex={row}>
        {columns.map((column) => (
          <th key={column} scope="col" class={column.toLowerCase()}>
            {column}
          </th>
        ))}
      </tr>
    </thead>
  );
}
