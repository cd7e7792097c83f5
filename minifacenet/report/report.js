"use strict";
// The map: a face that is pointed at, tapped or focused appears in the panel with its neighbours.
// Names and paths are set as text, never as markup.
(() => {
  const drawing = document.getElementById("map-drawing");
  if (!drawing) return;
  const faces = JSON.parse(document.getElementById("map-data").textContent);
  const panel = document.getElementById("map-panel");
  const spots = [...drawing.querySelectorAll(".spot")];
  let current = 0;

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function photo(face) {
    const svg = document.createElementNS(drawing.namespaceURI, "svg");
    const use = document.createElementNS(drawing.namespaceURI, "use");
    for (const [key, value] of [["href", "#" + face.photo], ["width", "1"], ["height", "1"]]) {
      use.setAttribute(key, value);
    }
    svg.setAttribute("class", "face");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", face.name + ", " + face.path);
    svg.append(use);
    return svg;
  }

  function neighbour([number, distance]) {
    const button = element("button", "");
    button.type = "button";
    button.append(photo(faces[number]), element("span", distance.toFixed(2) + " " + faces[number].name));
    button.addEventListener("click", () => focus(number));
    return button;
  }

  function show(number) {
    const face = faces[number];
    const near = face.near.map(([other]) => other);
    drawing.classList.add("busy");
    spots.forEach((spot, other) => {
      spot.classList.toggle("chosen", other === number);
      spot.classList.toggle("near", near.includes(other));
    });
    const words = element("div", "");
    const path = element("p", face.path);
    path.className = "path";
    const row = element("div", "");
    row.className = "faces";
    row.append(...face.near.map(neighbour));
    words.append(element("p", face.name), path, element("p", "Nearest, with squared distances:"), row);
    panel.replaceChildren(photo(face), words);
  }

  // One stop of the Tab key for the whole map; the arrow keys walk inside it.
  function focus(number) {
    spots[current].tabIndex = -1;
    current = number;
    spots[current].tabIndex = 0;
    spots[current].focus();
  }

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // The nearest face in that direction; one that lies aside counts as farther.
  function neighbourTowards(number, [right, down]) {
    const [x, y] = faces[number].cell;
    let best = number, least = Infinity;
    faces.forEach(({ cell }, other) => {
      const ahead = (cell[0] - x) * right + (cell[1] - y) * down;
      const aside = Math.abs((cell[0] - x) * down) + Math.abs((cell[1] - y) * right);
      if (ahead > 0 && ahead + 2 * aside < least) [best, least] = [other, ahead + 2 * aside];
    });
    return best;
  }

  spots.forEach((spot, number) => {
    spot.setAttribute("role", "button");
    spot.tabIndex = number ? -1 : 0;
    spot.addEventListener("focus", () => show(number));
    spot.addEventListener("click", () => focus(number));
    spot.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") show(number);
    });
    spot.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS)) return;
      event.preventDefault();
      focus(neighbourTowards(number, STEPS[event.key]));
    });
  });
  drawing.classList.add("interactive");
  panel.append(element("p", "No face chosen yet."));
  panel.hidden = false;
  document.querySelector("#map .hint").hidden = false;
})();
