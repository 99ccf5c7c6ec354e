"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  const kept = { // a page opened from a file may have no local storage
    get() { try { return localStorage.getItem("netyard-theme"); } catch { return null; } },
    set(theme) { try { localStorage.setItem("netyard-theme", theme); } catch { /* the theme is then forgotten */ } },
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  if (["light", "dark"].includes(kept.get())) root.dataset.theme = kept.get();
  const theme = () => root.dataset.theme || (dark.matches ? "dark" : "light");

  function themeButton(button) {
    const label = () => { button.textContent = theme() === "dark" ? "Light" : "Dark"; };
    button.addEventListener("click", () => {
      root.dataset.theme = theme() === "dark" ? "light" : "dark";
      kept.set(root.dataset.theme);
      label();
    });
    dark.addEventListener("change", label);
    label();
  }

  function copyButton(button) {
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch { // in some browsers only pages of a server may write to the clipboard
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("pre"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  // Names come from a run and are untrusted: they are inserted by textContent, never as markup.
  const made = (name, text = "", parent = null) => {
    const element = document.createElement(name);
    element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };

  /* Shows the values at one x position in a small table beside the pointer; arrow keys move it too. */
  function hovering(figure) {
    const svg = figure.querySelector("svg[role=img]"), cursor = figure.querySelector(".cursor");
    const data = JSON.parse(figure.dataset.points), tip = made("div", "", figure);
    tip.className = "tip";
    tip.setAttribute("role", "status");
    let at = -1;
    function show(index) {
      at = Math.max(0, Math.min(index, data.positions.length - 1));
      cursor.setAttribute("x1", data.positions[at]);
      cursor.setAttribute("x2", data.positions[at]);
      cursor.style.visibility = "visible";
      tip.replaceChildren();
      const table = made("table", "", tip);
      made("caption", `${data.label} ${data.xs[at]}`, table);
      for (const series of data.series) {
        if (series.values[at] === null) continue;
        const row = made("tr", "", table);
        made("th", series.name, row);
        made("td", series.values[at], row);
      }
      tip.style.display = "block";
      const box = svg.getBoundingClientRect(), outer = figure.getBoundingClientRect();
      const x = data.positions[at] / svg.viewBox.baseVal.width * box.width + box.left - outer.left;
      const left = x + 14 + tip.offsetWidth > outer.width ? x - 14 - tip.offsetWidth : x + 14;
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = `${box.top - outer.top + 12}px`;
    }
    function hide() {
      tip.style.display = "none";
      cursor.style.visibility = "hidden";
    }
    svg.addEventListener("pointermove", event => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      let nearest = 0;
      data.positions.forEach((position, index) => {
        if (Math.abs(position - x) < Math.abs(data.positions[nearest] - x)) nearest = index;
      });
      show(nearest);
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("focus", () => { if (svg.matches(":focus-visible")) show(data.positions.length - 1); });
    svg.addEventListener("keydown", event => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) { event.preventDefault(); show(at < 0 ? data.positions.length - 1 : at + step); }
      if (event.key === "Escape") hide();
    });
  }

  /* Highlights everything of one row of the leaderboard: its line, its curve and its row in the table. */
  function together(area) {
    const all = [...area.querySelectorAll("[data-row]")];
    const light = row => all.forEach(each => {
      const mine = each.dataset.row === row;
      each.classList.toggle("lit", row !== null && mine);
      each.classList.toggle("dim", row !== null && !mine && each.matches("svg *"));
    });
    for (const each of all) {
      each.addEventListener("pointerenter", () => light(each.dataset.row));
      each.addEventListener("pointerleave", () => light(null));
    }
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const value = (row, column) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = made("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
        const rows = [...body.rows].map(row => {
          const text = value(row, column), number = Number(text);
          return { row, text, number: text === "" || text === "-" ? NaN : number };
        });
        const numbers = rows.every(each => !Number.isNaN(each.number) || ["", "-"].includes(each.text));
        rows.sort((a, b) => {
          // Cells that baselines have nothing in stay last.
          if (!numbers && !a.text !== !b.text) return a.text ? -1 : 1;
          if (!numbers) return way * a.text.localeCompare(b.text, "en", { numeric: true });
          if (Number.isNaN(a.number) || Number.isNaN(b.number)) return Number.isNaN(a.number) - Number.isNaN(b.number);
          return way * (a.number - b.number);
        });
        body.append(...rows.map(each => each.row));
      });
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("button.theme").forEach(themeButton);
    document.querySelectorAll("button.copy").forEach(copyButton);
    document.querySelectorAll("figure[data-points]").forEach(hovering);
    document.querySelectorAll(".together").forEach(together);
    document.querySelectorAll("table.sortable").forEach(sortable);
  });
})();
