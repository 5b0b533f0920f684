// Looks at the page that is open; returns what is wrong with it, a line each.
const wrong = [];

// Contrast, as WCAG 2.2 computes it (relative luminance, 1.4.3): 4.5 for every text, whatever its size.
const parse = (color) => {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { red, green, blue, alpha };
};
const over = (upper, lower) => {
  const mix = (name) => upper[name] * upper.alpha + lower[name] * (1 - upper.alpha);
  return { red: mix('red'), green: mix('green'), blue: mix('blue'), alpha: 1 };
};
const background = (element) => {
  const own = parse(getComputedStyle(element).backgroundColor);
  if (own.alpha === 1) return own;
  const below = element.parentElement ? background(element.parentElement) : { red: 255, green: 255, blue: 255, alpha: 1 };
  return over(own, below);
};
const luminance = ({ red, green, blue }) => {
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
};
const contrast = (element, color) => {
  const ground = background(element);
  const [dark, light] = [luminance(over(parse(color), ground)), luminance(ground)].sort((left, right) => left - right);
  return (light + 0.05) / (dark + 0.05);
};
let texts = 0;
const check = (element, text, color) => {
  texts += 1;
  const ratio = contrast(element, color);
  if (!(ratio >= 4.5)) wrong.push(`contrast ${ratio.toFixed(2)}: ${text.trim().slice(0, 40)}`);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.data;
  if (text.trim() && element.checkVisibility({ visibilityProperty: true })) check(element, text, getComputedStyle(element).color);
}
for (const field of document.querySelectorAll('input:not([type=hidden]), select')) {
  check(field, field.value || 'a field', getComputedStyle(field).color);
  if (field.placeholder) check(field, field.placeholder, getComputedStyle(field, '::placeholder').color);
  if (field.labels.length === 0) wrong.push(`no label: ${field.id}`);
}
if (texts < 3) wrong.push('there is hardly a text');

// Structure.
if (document.documentElement.lang !== 'en') wrong.push('no language');
for (const landmark of ['header', 'main']) if (document.querySelectorAll(landmark).length !== 1) wrong.push(`not one ${landmark}`);
if (!document.querySelector('a.skip[href="#main"]')) wrong.push('no skip link');
let level = 0;
for (const heading of document.querySelectorAll('h1, h2, h3, h4')) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) wrong.push(`heading out of order: ${heading.textContent}`);
  level = next;
}
if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
for (const cell of document.querySelectorAll('th')) if (!['col', 'row'].includes(cell.scope)) wrong.push(`no scope: ${cell.textContent}`);
for (const cell of document.querySelectorAll('thead th')) if (!cell.textContent.trim()) wrong.push('an empty column head');
const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
if (new Set(ids).size !== ids.length) wrong.push(`an id twice: ${ids}`);
for (const named of document.querySelectorAll('[aria-labelledby]')) {
  if (!document.getElementById(named.getAttribute('aria-labelledby'))) wrong.push(`no label: ${named.outerHTML.slice(0, 60)}`);
}
for (const region of document.querySelectorAll('[role=region]')) {
  if (!region.hasAttribute('aria-label') && !region.hasAttribute('aria-labelledby')) wrong.push('a region without a name');
}
if (document.documentElement.scrollWidth > window.innerWidth) wrong.push(`wider than the window: ${document.documentElement.scrollWidth}`);
return wrong;
