(() => {
  "use strict";
  const root = document.documentElement;

  // The theme is kept in the page only: a page from a file may not store anything.
  const button = document.getElementById("theme");
  const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  const themes = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"]; // the first click shows a change
  let theme = 0;
  const showTheme = () => {
    if (theme === 0) delete root.dataset.theme;
    else root.dataset.theme = themes[theme];
    button.textContent = `Theme: ${themes[theme]}`;
  };
  button.addEventListener("click", () => {
    theme = (theme + 1) % themes.length;
    showTheme();
  });
  showTheme();
  button.hidden = false;

  // Sorting: upwards, downwards, and back to the order of the page. What is not known stays last.
  const collator = new Intl.Collator("en", { numeric: true });
  const keyOf = (cell) => cell.dataset.value ?? cell.textContent.trim();

  const sortedRows = (rows, column, sign) => {
    const keyed = rows.map((row) => ({ row, key: keyOf(row.cells[column]) }));
    const numeric = keyed.every(({ key }) => key === "" || !Number.isNaN(Number(key)));
    const compare = numeric
      ? (a, b) => (Number(a) < Number(b) ? -1 : Number(a) > Number(b) ? 1 : 0)
      : (a, b) => collator.compare(a, b);
    keyed.sort((a, b) => (a.key === "") - (b.key === "") || sign * compare(a.key, b.key));
    return keyed.map(({ row }) => row);
  };

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const headers = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    headers.forEach((header, column) => {
      const sorter = document.createElement("button");
      sorter.type = "button";
      sorter.className = "sorter";
      const title = document.createElement("span");
      title.className = "title";
      const [words, ...small] = header.childNodes;
      title.append(words);
      sorter.append(title, ...small);
      header.append(sorter);
      sorter.addEventListener("click", () => {
        const next = { ascending: "descending", descending: null }[header.getAttribute("aria-sort")];
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        if (next === null) {
          body.append(...original);
          return;
        }
        header.setAttribute("aria-sort", next ?? "ascending");
        body.append(...sortedRows(original, column, next === "descending" ? -1 : 1));
      });
    });
  }
})();
