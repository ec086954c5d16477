// What the scripts of the page share: JSON requests, the grid's answers, and elements.

/**
 * @typedef {{letter: string, heading: string, field: string, at: number, fixed: boolean, choices: string[]}} Column
 * @typedef {{column: string, text: string, holds: boolean}} Told
 * @typedef {{text: string, advice: string, holds: boolean, fix: string}} Problem
 * @typedef {{row: number, name: string, fate: string, ready: boolean, out: boolean, cells: (string | null)[],
 *   wrong: Record<string, Problem[]>, told: Told[], edited: string[], likely: Record<string, string>}} Line
 * @typedef {{key: string, title: string, holds: boolean, count: number, columns: string[], told: string[], advice: string}} Cause
 * @typedef {{version: number, heading: string, sub: string, wrong: number, partial: number, again: Again[], causes: Cause[],
 *   counts: Record<string, number>, columns: Column[], found: number, pages: number, lines: Line[], undoable: boolean}} State
 * @typedef {{row: number, column: string, was: string, now: string, alike?: boolean}} Edit
 * @typedef {{heading: string, name: string, edit: Edit}} Again
 * @typedef {State & {saved: number, alike: number}} Saved the state without columns and pages, and the rows that changed
 */

/** A refusal of the server: its sentence, a page to see instead, the rows as they are now, and whether an undo may help. */
export class Refusal extends Error {
  /** @param {string} sentence @param {string} [see] @param {State} [state] @param {boolean} [undo] */
  constructor(sentence, see, state, undo) {
    super(sentence);
    this.see = see;
    this.state = state;
    this.undo = undo;
  }
}

/**
 * Ask the server for JSON, or send it some. Throws Refusal; any other error if nobody answers.
 * @param {string} address
 * @param {object} [body] what is sent, as a POST
 * @returns {Promise<any>}
 */
export async function ask(address, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const sent = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const answer = await fetch(address, sent);
  if (answer.headers.get("Content-Type")?.startsWith("application/json")) {
    const found = await answer.json();
    if (answer.ok) return found;
    if (answer.status < 500) throw new Refusal(found.sentence ?? "", found.see, found.lines && found, found.undo);
    throw new Error(found.sentence);
  }
  throw new Error("The page is not answered any more. Load it again; if that does not help, start “importer web” again.");
}

/**
 * Make an element.
 * @param {string} name
 * @param {Record<string, any>} [attributes] null and false: the element does not have it
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Return the parts of an advice; what is between backticks is something to type. */
export const prose = (/** @type {string} */ text) => text.split("`").map((part, n) => (n % 2 ? make("code", {}, part) : part));

/** Say once, on a page of something that runs, that nothing on it is up to date, if the server is silent for 15 seconds. */
export function unanswered(/** @type {number} */ since) {
  if (Date.now() - since < 15000 || at("silent")) return;
  document.querySelector(".actions")?.replaceChildren();
  document.querySelector(".head")?.after(make("p", { id: "silent", class: "banner bad", role: "alert" },
    "The page is not answered any more, so this is how far it was. It may go on. Load the page again; if that does not help, start “importer web” again."));
}

/** @param {string} id @returns {any} the element with this ID */
export const at = (id) => document.getElementById(id);
