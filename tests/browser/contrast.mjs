// WCAG 2.2 contrast of the text that is on the screen, measured from the computed colours.

// Runs in the page. Every element with text of its own: the ratio between its colour and what is painted behind it.
function textContrasts() {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return {r, g, b, a: a / 255};
  };
  const over = (top, under) => {
    const mix = (a, b) => a * top.a + b * (1 - top.a);
    return {r: mix(top.r, under.r), g: mix(top.g, under.g), b: mix(top.b, under.b), a: 1};
  };
  const luminance = ({r, g, b}) => {
    const linear = (value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
        matchMedia("(prefers-color-scheme: dark)").matches;
    const canvasColour = dark ? {r: 0, g: 0, b: 0, a: 1} : {r: 255, g: 255, b: 255, a: 1};
    return layers.reverse().reduce((under, layer) => over(layer, under), canvasColour);
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "") ||
      (element.placeholder && !element.value);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!hasText(element) || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    if (element.closest(":disabled, [aria-disabled=true]")) continue;  // WCAG leaves inactive parts out
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1) continue;  // for screen readers only
    const pseudo = element.placeholder && !element.value ? "::placeholder" : undefined;
    const style = getComputedStyle(element, pseudo);
    const ground = behind(element);
    const ink = over(rgba(style.color), ground);
    const [high, low] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    found.push({text: (element.textContent || element.placeholder).trim().slice(0, 40), tag: element.tagName,
                ratio: (high + 0.05) / (low + 0.05), least: large ? 3 : 4.5});
  }
  return found;
}

// The texts that do not reach AA; `measured` says how many were looked at.
export async function lowContrasts(page) {
  const all = await page.evaluate(textContrasts);
  const low = all.filter(({ratio, least}) => ratio < least);
  return {measured: all.length,
          low: low.map(({text, tag, ratio}) => `${tag} "${text}" ${ratio.toFixed(2)}`)};
}

// The controls without a name that a screen reader could say.
export async function namelessControls(page) {
  return page.evaluate(() => [...document.querySelectorAll("button, a[href], input, select, textarea, summary")]
    .filter((control) => control.checkVisibility())
    .filter((control) => !(control.getAttribute("aria-label") || control.labels?.length || control.textContent.trim() ||
                           control.title))
    .map((control) => control.outerHTML.slice(0, 80)));
}
