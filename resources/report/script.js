// Sorts tables, searches languages and folds the contents on a phone. Without it the page is whole.
"use strict";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const NUMBER = /^×?([+−-]?[\d,]*\.?\d+)(?:\s×\s10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?/;

// The number that a cell begins with, such as 1,234.5, ×6.0 × 10⁴ or −3 %; NaN where it begins with none.
function number(text) {
  if (/^×?∞/.test(text)) return Infinity;
  const [, digits, power = ""] = NUMBER.exec(text) ?? [];
  const exponent = power.replace("⁻", "-").replace(/[^-]/g, (digit) => SUPERSCRIPTS.indexOf(digit));
  return Number(digits?.replaceAll(",", "").replace("−", "-")) * 10 ** Number(exponent);
}

// Numbers by size, then texts by the alphabet, then cells without a value; `sign` is -1 for the opposite order.
function compare(first, second, sign) {
  const [a, b] = [first, second].map(number);
  if (isNaN(a) !== isNaN(b)) return isNaN(a) - isNaN(b);
  if (a !== b && !isNaN(a)) return sign * (a < b ? -1 : 1);
  return (first === "–") - (second === "–") || sign * first.localeCompare(second);
}

for (const table of document.querySelectorAll("table")) {
  const headings = [...table.querySelectorAll("thead th:not(.group)")]; // in the order of a row's cells
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const order = heading.ariaSort === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.ariaSort = order;
      table.classList.add("sorted");
      const text = (row) => row.cells[column].textContent.trim();
      const sign = order === "ascending" ? 1 : -1;
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => compare(text(a), text(b), sign)));
    });
  });
}

const search = document.querySelector(".search");
const languages = document.querySelectorAll(".language");
search.hidden = languages.length < 2;
function filter() {
  const wanted = search.querySelector("input").value.trim().toLowerCase();
  for (const part of languages) {
    part.hidden = !part.querySelector("h3").textContent.toLowerCase().includes(wanted);
  }
}
search.addEventListener("input", filter);
addEventListener("hashchange", () => {
  const target = document.getElementById(location.hash.slice(1));
  if (!target?.closest("[hidden]")) return;
  search.querySelector("input").value = ""; // which hid the language that a link leads to
  filter();
  target.scrollIntoView();
});

if (matchMedia("(max-width: 62rem)").matches) document.querySelector("nav details").open = false;
