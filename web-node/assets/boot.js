// Starts the page's program, or says in a sentence why it cannot start. A file of its own, since
// the content security policy allows no inline script. Trunk puts the hashed names of the
// program's files into this script's element (Trunk.toml, `pattern_script`).

const SENTENCES = {
  en: {
    starting: "Starting the node…",
    slow: "Still loading. On a slow network the first visit takes a while.",
    reload: "Reload",
    wasm: "This browser has no WebAssembly, or it is switched off, so no node can run here. Allow it, or open this address in a current Chrome, Edge, Firefox or Safari.",
    unreachable: "The relay does not answer, so the page could not be loaded in full. Check that the relay runs and that this device is on its network, then reload.",
    broken: "The page's program does not start. Reload; if that does not help, empty the browser's cache for this address.",
  },
  pt: {
    starting: "Iniciando o nó…",
    slow: "Ainda carregando. Numa rede lenta, a primeira visita demora um pouco.",
    reload: "Recarregar",
    wasm: "Este navegador não tem WebAssembly, ou ele está desligado, e nenhum nó pode rodar aqui. Permita-o, ou abra este endereço num Chrome, Edge, Firefox ou Safari atual.",
    unreachable: "O relay não responde, e a página não pôde ser carregada por inteiro. Verifique se o relay está rodando e se este aparelho está na rede dele, e recarregue.",
    broken: "O programa da página não inicia. Recarregue; se não adiantar, esvazie o cache do navegador para este endereço.",
  },
};

const SLOW_MS = 8_000;
/** All files are fetched once more to be kept: the node's start goes first. */
const KEEP_AFTER_MS = 3_000;

const element = (id) => document.getElementById(id);
const isPortuguese = (stored("tabchain.language") ?? navigator.language).toLowerCase().startsWith("pt");
const language = isPortuguese ? "pt-BR" : "en";
const say = SENTENCES[isPortuguese ? "pt" : "en"];

/** What this browser keeps under a name; nothing where it refuses its storage. */
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Shows the theme before the first paint; the program takes over from here. */
function applyTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const chosen = stored("tabchain.theme");
  document.documentElement.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : system;
  document.documentElement.lang = language;
}

/** Replaces "Starting…" by what went wrong. */
function fail(sentence, cause) {
  if (cause) console.error(cause);
  const error = element("boot-error");
  if (!error) return;
  element("boot-text").hidden = true;
  error.textContent = sentence;
  error.hidden = false;
  const reload = element("boot-reload");
  reload.textContent = say.reload;
  reload.hidden = false;
  reload.addEventListener("click", () => location.reload());
}

/** Whether the relay answers at all: tells a dead relay from a broken program. */
async function relayAnswers() {
  try {
    await fetch("/api/v1/health", { cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}

/** The page's messages in a language; src/page/locale.rs reads them. */
async function fetchMessages() {
  const response = await fetch(`/${language}.ftl`);
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return response.text();
}

/** Lets the page open without the relay from now on. Only secure contexts have what it takes. */
async function keepForOffline() {
  try {
    await navigator.serviceWorker?.register("/service-worker.js");
    await navigator.serviceWorker?.ready;
    document.documentElement.dataset.kept = String("serviceWorker" in navigator);
  } catch (cause) {
    // As with a certificate that the browser does not trust. All else works.
    console.warn(cause);
  }
}

async function start() {
  const text = element("boot-text");
  text.textContent = say.starting;
  if (typeof WebAssembly !== "object") return fail(say.wasm);

  const slow = setTimeout(() => (text.textContent = say.slow), SLOW_MS);
  const { js, wasm } = document.querySelector("script[data-js]").dataset;
  try {
    const load = async () => {
      const program = await import(js);
      await program.default({ module_or_path: wasm });
      return program;
    };
    const [program, messages] = await Promise.all([load(), fetchMessages()]);
    program.open(language, messages);
    setTimeout(keepForOffline, KEEP_AFTER_MS);
  } catch (cause) {
    fail((await relayAnswers()) ? say.broken : say.unreachable, cause);
  } finally {
    clearTimeout(slow);
  }
}

applyTheme();
start();
