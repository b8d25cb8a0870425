// Opens cited passages in the panel and draws diagrams; registered once, survives re-rendering of the component.
const panel = element;
const GONE = "script, iframe, object, embed, image, img, audio, video, form, input, button, select, textarea, link, meta, base,"
  + " animate, animateMotion, animateTransform, set, feImage";
const REACHES = /url\(\s*(?!['"]?#)|@import|position\s*:|\\/i;
// What Mermaid made, without anything that leads away, loads or acts: the second lock after its own strict mode.
function styled(text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  return [...sheet.cssRules].map((rule) => rule.cssText).filter((rule) => !REACHES.test(rule)).join("\n");
}
function harmless(svg) {
  const held = document.createElement("template");
  held.innerHTML = svg;
  for (const e of held.content.querySelectorAll(GONE)) e.remove();
  for (const link of held.content.querySelectorAll("a")) {
    const group = document.createElementNS(link.namespaceURI, link.namespaceURI.endsWith("svg") ? "g" : "span");
    if (link.getAttribute("transform")) group.setAttribute("transform", link.getAttribute("transform"));
    group.append(...link.childNodes);
    link.replaceWith(group);
  }
  for (const e of held.content.querySelectorAll("*")) {
    if (e.localName === "style") e.textContent = styled(e.textContent);
    for (const { name, value } of [...e.attributes]) {
      const points = /^(xlink:)?href$|^src$|^action$/i.test(name) && !value.startsWith("#");
      if (points || /^on|^(target|srcset|formaction)$/i.test(name) || REACHES.test(value)) e.removeAttribute(name);
    }
  }
  return held.content;
}
let drawing = Promise.resolve(), drawn = 0;
async function draw(block) {
  const loaded = await import("@MERMAID@");
  const mermaid = loaded.default || Object.values(loaded).find((v) => v && v.render && v.initialize);
  const dark = document.body.classList.contains("dark");
  mermaid.initialize({
    startOnLoad: false, securityLevel: "strict", theme: dark ? "dark" : "neutral", maxTextSize: 20000, maxEdges: 500,
    suppressErrorRendering: true,
    secure: ["secure", "securityLevel", "startOnLoad", "maxTextSize", "maxEdges", "suppressErrorRendering", "theme",
      "themeCSS", "themeVariables", "fontFamily", "altFontFamily", "dompurifyConfig", "htmlLabels", "flowchart"],
  });
  const source = block.textContent;
  const id = "diagram-" + Date.now() + "-" + drawn++;
  try {
    const { svg } = await mermaid.render(id, source);
    if (!block.isConnected) return;
    if (block.textContent !== source) return draw(block);
    const figure = document.createElement("figure");
    figure.className = "diagram";
    figure.append(harmless(svg));
    block.replaceWith(figure);
  } catch (error) {
    block.classList.add("plain");
    document.getElementById("d" + id)?.remove();  // what Mermaid leaves on the page when it fails
  }
}
function drawAll() {
  for (const block of document.querySelectorAll("#panel pre.mermaid:not([data-drawn]), #drawn pre.mermaid:not([data-drawn])")) {
    block.dataset.drawn = "1";
    drawing = drawing.then(() => draw(block));
  }
  return drawing;
}
// A message is HTML: what is copied is what is read.
function asRead(text) {
  if (!/^<div class="prose">/.test(text)) return text;
  const held = new DOMParser().parseFromString(text, "text/html");
  for (const e of held.querySelectorAll("li")) e.prepend("- ");
  for (const e of held.querySelectorAll("p, li, tr, br")) e.append("\n");
  return held.body.textContent.trim();
}
if (!window.tutorPanel) {
  window.tutorPanel = { open: null };
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href*="#cite-"]');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    window.tutorPanel.open(link.getAttribute("href").split("#cite-")[1]);
  }, true);
  const board = navigator.clipboard;
  if (board) {
    const write = board.writeText.bind(board);
    board.writeText = (text) => write(asRead(text));
  }
  document.addEventListener("copy", (event) => {
    const text = document.activeElement && document.activeElement.value;
    if (!text || !text.startsWith('<div class="prose">')) return;
    event.clipboardData.setData("text/plain", asRead(text));
    event.preventDefault();
  });
  new MutationObserver(() => {
    for (const e of document.querySelectorAll('[data-testid="bot"][aria-label*="<"]')) e.setAttribute("aria-label", "Answer");
    for (const e of document.querySelectorAll('[data-testid="user"][aria-label*="<"]')) e.setAttribute("aria-label", "You");
    window.tutorPanel.drawAll();
  }).observe(document.documentElement, { childList: true, subtree: true });
}
window.tutorPanel.drawAll = drawAll;
window.tutorPanel.open = async (target) => {
  const html = await server.passage(target);
  if (!html) return;
  props.value = { html };
  await new Promise((done) => setTimeout(done, 60));
  const root = document.querySelector("#panel");
  root.classList.add("open");
  const mark = root.querySelector("mark");
  const title = root.querySelector("h3");
  if (title) title.focus({ preventScroll: true });
  const small = window.matchMedia("(max-width: 900px)").matches;
  if (small) root.scrollIntoView({ block: "start" });
  const box = root.querySelector(".page") || root;
  if (mark) mark.scrollIntoView({ block: "center" }); else box.scrollTop = 0;
  await drawAll();
  if (mark) mark.scrollIntoView({ block: "center" });
};
