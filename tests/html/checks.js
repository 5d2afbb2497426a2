// What a page must fulfil for everyone to read it: a list of sentences, one per problem.
(() => {
  const problems = [];
  const name = (element) =>
      `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ` +
      element.textContent.trim().slice(0, 40);
  const shown = (element) => element.checkVisibility({contentVisibilityAuto: true,
                                                      visibilityProperty: true});

  // Nothing wider than the screen but what scrolls by itself.
  // A phone would widen the page to its widest part and shrink it: the screen is what counts.
  const width = screen.width;
  if (document.documentElement.scrollWidth > width) {
    problems.push(`the page is ${document.documentElement.scrollWidth} wide, not ${width}`);
  }
  for (const element of document.body.querySelectorAll('*')) {
    if (!shown(element) || element.closest('.scroll') || element.closest('.skip')) continue;
    const box = element.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) problems.push(`beyond the edge: ${name(element)}`);
  }

  // Names: drawings, regions, tables' headers; headings one level at a time.
  for (const svg of document.querySelectorAll('svg, img, [role="img"]')) {
    if (svg.getAttribute('aria-hidden') === 'true') continue;
    const by = (svg.getAttribute('aria-labelledby') ?? '').split(/\s+/).filter(Boolean)
                   .map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
    const own = svg.querySelector(':scope > title')?.textContent ?? '';
    if (!(by + own).trim()) problems.push(`without a name: ${name(svg)}`);
  }
  for (const region of document.querySelectorAll('section, nav, [role="region"]')) {
    const label = region.getAttribute('aria-label') ??
        document.getElementById(region.getAttribute('aria-labelledby'))?.textContent;
    if (!label?.trim()) problems.push(`a region without a name: ${name(region)}`);
  }
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) problems.push(`level ${next} after ${level}: ${name(heading)}`);
    level = next;
  }
  if (document.querySelectorAll('h1').length !== 1) problems.push('not exactly one h1');
  if (document.querySelectorAll('main').length !== 1) problems.push('not exactly one main');
  if (document.querySelector('[tabindex]:not([tabindex="0"])')) problems.push('a forced tab order');

  // Contrast of every piece of text with what is behind it (WCAG 2.2: 4.5 to 1).
  const parse = (text) => {
    const parts = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    return {rgb: parts.slice(0, 3), alpha: text.startsWith('rgba') ? parts[3] : 1};
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => value / 255)
        .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const backgroundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.alpha === 1) return colour.rgb;
      if (colour.alpha > 0) problems.push(`a half transparent background: ${name(at)}`);
    }
    return [255, 255, 255];
  };
  // The last rectangle of the drawing that holds the text's middle.
  const behindInDrawing = (text) => {
    const box = text.getBoundingClientRect();
    const x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    let found = null;
    for (const rect of text.ownerSVGElement.querySelectorAll('rect')) {
      if (rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING) continue;
      const frame = rect.getBoundingClientRect();
      if (frame.left <= x && x <= frame.right && frame.top <= y && y <= frame.bottom) found = rect;
    }
    return found;
  };
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('title, desc, style') ||
        element.closest('.skip') || !shown(element)) {
      continue;
    }
    ++texts;
    const style = getComputedStyle(element);
    const drawn = element.ownerSVGElement;
    const rect = drawn ? behindInDrawing(element) : null;
    const colour = parse(drawn ? style.fill : style.color);
    const behind = rect ? parse(getComputedStyle(rect).fill).rgb : backgroundOf(drawn ?? element);
    const ratio = contrast(colour.rgb, behind);
    if (ratio < 4.5 || colour.alpha < 1) {
      problems.push(`contrast ${ratio.toFixed(2)}: ${name(element)}`);
    }
    const size = element.getBoundingClientRect();
    if (size.width < 1 || size.height < 1) problems.push(`text without room: ${name(element)}`);
    if (rect) {
      const frame = rect.getBoundingClientRect();
      if (size.left < frame.left || size.right > frame.right) {
        problems.push(`text leaves its frame: ${name(element)}`);
      }
    }
    // Letters of a drawing shrink with it.
    const scale = drawn?.viewBox.baseVal?.width ? drawn.getBoundingClientRect().width /
                                                  drawn.viewBox.baseVal.width : 1;
    const letters = parseFloat(style.fontSize) * scale;
    if (letters < 10.5) problems.push(`letters of ${letters.toFixed(1)} pixels: ${name(element)}`);
  }
  if (texts < 30) problems.push(`only ${texts} pieces of text are shown`);

  // Texts of one line of a drawing do not cover each other.
  for (const svg of document.querySelectorAll('svg.groups')) {
    if (!shown(svg)) continue;
    const rows = new Map();
    for (const text of svg.querySelectorAll('text')) {
      const box = text.getBoundingClientRect();
      const row = rows.get(text.getAttribute('y')) ?? [];
      for (const other of row) {
        if (box.left < other.right && other.left < box.right) {
          problems.push(`one text over another: ${name(text)}`);
        }
      }
      row.push(box);
      rows.set(text.getAttribute('y'), row);
    }
  }
  return problems;
})()
