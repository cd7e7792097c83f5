"use strict";
// Search, order, keys, and names that are typed in. Names are set as text, never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const faces = JSON.parse($("data").textContent).faces;
  const sections = all("main section");

  function made(name, properties) {
    return Object.assign(document.createElement(name), properties);
  }

  // Search and order.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();

  function search() {
    const wanted = plain($("search").value);
    let found = 0;
    for (const section of sections) {
      section.hidden = wanted !== "" && !plain(section.dataset.name).includes(wanted);
      found += !section.hidden;
    }
    for (const part of all(".part")) part.hidden = !part.querySelector("section:not([hidden])");
    for (const entry of all(".index li")) {
      entry.hidden = document.querySelector(entry.firstChild.hash).hidden;
    }
    const words = found === 1 ? "1 match" : found + " matches";
    $("matches").textContent = wanted === "" ? "" : found ? words : "Nobody is called so.";
  }

  const ORDERS = {
    size: (a, b) => b.dataset.size - a.dataset.size,
    date: (a, b) => (a.dataset.date < b.dataset.date ? 1 : a.dataset.date > b.dataset.date ? -1 : 0),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, { numeric: true }),
  };

  function order() {
    const by = ORDERS[$("order").value];
    for (const place of all(".sections")) {
      place.append(...all(":scope > section", place).sort(by));
    }
    const index = document.querySelector(".index ul");
    const home = (entry) => document.querySelector(entry.firstChild.hash);
    index.append(...[...index.children].sort((a, b) => by(home(a), home(b))));
  }

  // Names: one given to a face counts more than that of its group.
  const ofFace = new Map(), ofGroup = new Map();
  const homes = new Map();
  for (const section of sections) {
    for (const face of all("[data-face]", section)) homes.set(+face.dataset.face, section.id);
  }
  let saved = "";

  function names() {
    const rows = [];
    faces.forEach(([photo, number], face) => {
      const name = ofFace.get(face) ?? ofGroup.get(homes.get(face));
      if (name !== undefined) rows.push({ face, photo, number, name });
    });
    return rows;
  }

  const cell = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);

  // As files/spreadsheets.py: a spreadsheet must not take a name for a formula.
  const nameCell = (name) => cell(/^'*[=+\-@\t\r\n＝＋－＠]/.test(name) ? "'" + name : name);
  const pathCell = (path) => cell(/^[=+\-@\t\r\n＝＋－＠]/.test(path) ? "./" + path : path);

  function csv() {
    const rows = names().map(({ photo, number, name }) =>
      [pathCell(photo), number, nameCell(name)].join());
    return ["photo,face,name", ...rows, ""].join("\r\n");
  }

  function show() {
    const rows = names();
    for (const face of all("[data-new]")) delete face.dataset.new;
    for (const { face, name } of rows) $("face-" + face).dataset.new = name;
    $("pending").hidden = !rows.length;
    $("said").textContent = rows.length === 1 ? "1 face gets a name" : rows.length + " faces get a name";
  }

  function field(place, key, words) {
    const input = made("input", { type: "text", placeholder: words, autocomplete: "off" });
    input.setAttribute("aria-label", words);
    input.setAttribute("list", "names");
    input.addEventListener("change", () => {
      const name = input.value.replace(/\s+/g, " ").trim();
      if (name) place.set(key, name);
      else place.delete(key);
      show();
    });
    return input;
  }

  for (const section of all("section.group")) {
    const form = made("form", {});
    form.append(field(ofGroup, section.id, "Who is this?"));
    form.addEventListener("submit", (event) => event.preventDefault());
    section.querySelector("header").append(form);
  }
  for (const line of all("[data-line]")) {
    const box = line.closest(".photo").querySelector('[data-box="' + line.dataset.line + '"]');
    for (const come of ["pointerenter", "focusin"]) line.addEventListener(come, () => point(box));
    line.append(field(ofFace, +line.dataset.line, line.dataset.known ? "Somebody else?" : "Who is this?"));
  }

  $("download").addEventListener("click", () => {
    saved = csv();
    const address = URL.createObjectURL(new Blob([saved], { type: "text/csv" }));
    const link = made("a", { href: address, download: "names-by-hand.csv" });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    $("said").textContent = "Downloaded: run the same command with --rename and this file.";
  });
  $("undo").addEventListener("click", () => {
    ofFace.clear();
    ofGroup.clear();
    for (const input of all("section form input, .who input")) input.value = "";
    show();
  });
  addEventListener("beforeunload", (event) => {
    if (names().length && csv() !== saved) event.preventDefault();
  });

  // Photos: where the focus goes, and which face was clicked.
  let opener = null;
  const current = () => document.querySelector(".photo:target");
  all(".faces a").forEach((link) => link.addEventListener("click", () => { opener = link; }));

  function point(box) {
    all(".box.here").forEach((other) => other.classList.remove("here"));
    if (box) box.classList.add("here");
  }

  function opened() {
    const photo = current();
    for (const part of all("body > :not(#photos, #pending, script)")) part.inert = photo !== null;
    if (photo) {
      const face = opener && opener.closest("[data-face]").dataset.face;
      point(photo.querySelector('[data-box="' + face + '"]'));
      photo.focus();
    } else if (opener) {
      opener.focus({ preventScroll: location.hash !== "#closed" });
      opener = null;
    }
  }
  addEventListener("hashchange", opened);
  opened();

  // Keys: / searches, arrows walk over faces and photos, Escape closes a photo.
  function below(links, here, down) {
    const from = here.getBoundingClientRect();
    let best = null, least = Infinity;
    for (const link of links) {
      const to = link.getBoundingClientRect();
      const ahead = (to.top - from.top) * down;
      const far = ahead + Math.abs(to.left - from.left) / 1000;
      if (ahead > from.height / 2 && far < least) [best, least] = [link, far];
    }
    return best;
  }

  function walk(key) {
    const here = document.activeElement;
    const links = all(".faces a").filter((link) => link.checkVisibility());
    const at = links.indexOf(here);
    if (at < 0) return false;
    const to = {
      ArrowLeft: () => links[at - 1], ArrowRight: () => links[at + 1],
      ArrowUp: () => below(links, here, -1), ArrowDown: () => below(links, here, 1),
    }[key]();
    if (to) to.focus();
    return true;
  }

  document.addEventListener("keydown", (event) => {
    const photo = current(), writing = event.target.matches("input, select");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && photo) location.hash = "#closed";
    else if (writing) return;
    else if (event.key === "/" && !photo) $("search").focus();
    else if (photo && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      const link = photo.querySelector(event.key === "ArrowLeft" ? ".step.back" : ".step.on");
      if (link) link.click();
    } else if (!event.key.startsWith("Arrow") || !walk(event.key)) return;
    event.preventDefault();
  });

  $("tools").hidden = false;
  $("tools").addEventListener("submit", (event) => event.preventDefault());
  $("search").addEventListener("input", search);
  $("order").addEventListener("change", order);
})();
