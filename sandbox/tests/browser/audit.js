// Returns a list of what is wrong with the page; an empty one is good. WCAG 2.2, 1.4.3: text has a contrast of 4.5 to 1.
const faults = new Set();
const channels = (color) => {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
};
const luminance = ({ red, green, blue }) => {
  const [r, g, b] = [red, green, blue].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = channels(getComputedStyle(at).backgroundColor);
    if (color.alpha > 0) return color;
  }
  return { red: 255, green: 255, blue: 255, alpha: 1 };
};
for (const element of document.querySelectorAll("body *")) {
  const holdsText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!holdsText || !element.checkVisibility() || element.disabled) continue;
  const [ink, paper] = [luminance(channels(getComputedStyle(element).color)), luminance(ground(element))];
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  if (ratio < 4.5) faults.add(`contrast ${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
}
for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  if (field.labels.length === 0) faults.add(`no label: ${field.name}`);
}
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.add(`doubled id: ${id}`);
for (const name of ["aria-labelledby", "aria-describedby"]) {
  for (const element of document.querySelectorAll(`[${name}]`)) {
    if (!ids.includes(element.getAttribute(name))) faults.add(`${name} names nothing: ${element.getAttribute(name)}`);
  }
}
return [...faults];
