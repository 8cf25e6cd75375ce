// Click a heading to sort its table; missing values stay at the bottom.
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const table = heading.closest("table");
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const numeric = heading.classList.contains("n");
    const key = (row) => {
      const cell = row.cells[heading.cellIndex];
      const text = cell.dataset.sort ?? cell.textContent.trim();
      return numeric ? parseFloat(text.replace("−", "-").replaceAll(",", "")) : text;
    };
    const compare = (a, b) => {
      if (numeric && (isNaN(a) || isNaN(b))) return isNaN(a) - isNaN(b);
      const order = numeric ? a - b : a.localeCompare(b, "en", { numeric: true });
      return ascending ? order : -order;
    };
    const body = table.tBodies[0];
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  });
}
