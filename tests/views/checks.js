/*
 * What a page must hold for people who do not see it well or do not use a mouse; returns a list of complaints.
 * A small part of what an accessibility checker looks at: names, structure, references, contrast, size, overflow.
 */
(() => {
  const complaints = [];
  const say = (what, element) => complaints.push(`${what}: <${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${(element.textContent ?? "").slice(0, 60)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen") && element.getClientRects().length > 0;
  const nameOf = (element) => element.getAttribute("aria-label") || (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim() || element.textContent.trim();

  if (document.documentElement.lang === "") complaints.push("the document names no language");
  if (document.title === "") complaints.push("the document has no title");
  if (all("main").length !== 1) complaints.push(`${all("main").length} main landmarks`);

  const ids = all("[id]").map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) complaints.push(`the id ${id} occurs twice`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls"])
    for (const element of all(`[${attribute}]`))
      for (const id of element.getAttribute(attribute).split(" ")) if (!document.getElementById(id)) say(`${attribute} names nothing`, element);

  for (const element of all("button, [role=region], [role=group], [tabindex='0'], section[aria-labelledby]")) if (nameOf(element) === "") say("no name", element);
  for (const element of all("svg")) if (element.getAttribute("aria-hidden") !== "true" && !element.getAttribute("aria-label")) say("a picture that is neither named nor hidden", element);
  for (const cell of all("th")) if (!cell.getAttribute("scope")) say("a heading cell without scope", cell);
  for (const item of all("ul > *, ol > *")) if (item.tagName !== "LI") say("a list holds something else than items", item);
  for (const inner of all("button button, button a, summary button")) say("one control inside another", inner);

  let level = 0;
  for (const heading of all("h1, h2, h3, h4").filter(seen)) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say("a heading level is skipped", heading);
    level = own;
  }

  for (const button of all("button").filter(seen)) {
    const { width, height } = button.getBoundingClientRect();
    if ((width < 24 || height < 24) && !button.matches(".link, .choice button")) say(`a target of ${Math.round(width)} by ${Math.round(height)}`, button);
  }

  // Contrast: any CSS colour becomes numbers on a canvas; backgrounds are laid over each other from the root down.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const solid = (layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of ["white", ...layers]) {
      canvas.fillStyle = layer;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (const element of all("body *").filter((one) => seen(one) && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""))) {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(element);
    const [a, b] = [light(solid([...layers, style.color])), light(solid(layers))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
  }

  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) complaints.push(`the page is ${wide} px wider than its window`);
  return complaints;
})();
