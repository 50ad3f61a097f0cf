#!/usr/bin/env node
// A person at a browser, for `BROWSER`: opens the URL in headless Chromium, signs in on the page it finds there, agrees, and
// ends when the page of the CLI's callback is there. Stuck, it says what it saw and ends with 1.
//
// Usage: browser.mjs URL. Variables: OPEN_CLI_TEST_USER (who signs in), OPEN_CLI_TEST_LOGIN_CODE (what the evaluation broker
// printed in its terminal), OPEN_CLI_TEST_REFUSE (cancel where one could agree), OPEN_CLI_TEST_CHROMIUM (the program),
// OPEN_CLI_TEST_PAGES (a directory: each page leaves its picture and its text there, `stuck.txt` why it did not go on).

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { chromium } from 'playwright-core';

const PATIENCE = 15_000;
const STEPS = 6;
// A browser that hangs before it has a page keeps to no other limit.
const ALL_IN_ALL = 60_000;

const env = process.env;

// The pages that are known, by the fields a person would look for: what to fill in, and what to press.
const PAGES = [
  {
    name: 'login',
    field: 'input[name=login]',
    fill: async () => {
      await page.fill('input[name=login]', env.OPEN_CLI_TEST_USER ?? 'grace');
      await page.fill('input[name=password]', 'any');
    },
    agree: 'button[type=submit]',
  },
  {
    name: 'consent',
    field: 'input[name=prompt][value=consent]',
    fill: async () => {},
    agree: 'button[type=submit]',
    refuse: 'text="[ Cancel ]"',
  },
  {
    name: 'evaluation',
    field: 'input[name=code]',
    fill: async () => {
      await page.check(`input[name=user][value="${env.OPEN_CLI_TEST_USER}"]`);
      await page.fill('input[name=code]', env.OPEN_CLI_TEST_LOGIN_CODE ?? '');
    },
    agree: 'button[value=allow]',
    refuse: 'button[value=deny]',
  },
];

const start = new URL(process.argv[2]);
const callback = new URL(start.searchParams.get('redirect_uri'));

let browser;
let page;
const watch = setTimeout(async () => {
  await keep('stuck', `not done within ${ALL_IN_ALL} ms, at ${page?.url()}`);
  process.exit(1);
}, ALL_IN_ALL);
try {
  browser = await chromium.launch(chosen());
  page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
  await page.goto(start.href);
  for (let step = 1; !arrived(); step += 1) {
    if (step > STEPS) throw new Error(`not at ${callback} after ${STEPS} pages`);
    await pass(step);
  }
  await keep('callback', await seen());
} catch (error) {
  const there = page ? await seen().catch((blind) => blind.message) : '';
  await keep('stuck', `${error.message}\n${there}`);
  process.exitCode = 1;
} finally {
  clearTimeout(watch);
  await browser?.close();
}

// A fresh profile is what a launch gives anyway.
function chosen() {
  return {
    executablePath: env.OPEN_CLI_TEST_CHROMIUM ?? '/usr/bin/chromium',
    timeout: 3 * PATIENCE,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Nothing leaves the machine: no name resolves, and a page that asks for another address does not get it (above).
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  };
}

// The callback's page may take the code out of its address, so only the origin is compared.
function arrived() {
  return new URL(page.url()).origin === callback.origin;
}

// Does what the page asks, and waits for the one that follows.
async function pass(step) {
  const known = await recognised();
  if ((await page.locator('[role=alert]').count()) > 0) throw new Error('the page has a complaint');
  await known.fill();
  await keep(`${step}-${known.name}`, await seen());
  const pressed = (env.OPEN_CLI_TEST_REFUSE && known.refuse) || known.agree;
  await Promise.all([page.waitForNavigation(), page.locator(pressed).first().click()]);
}

async function recognised() {
  for (const known of PAGES) {
    if ((await page.locator(known.field).count()) > 0) return known;
  }
  throw new Error('no page that is known');
}

async function seen() {
  return `${page.url()}\n${(await page.locator('body').innerText()).trim()}\n`;
}

// Prints a text, and leaves it with a picture of the page where that is wanted.
async function keep(name, text) {
  console.log(`${name}: ${text}`);
  if (!env.OPEN_CLI_TEST_PAGES) return;
  await mkdir(env.OPEN_CLI_TEST_PAGES, { recursive: true });
  const path = join(env.OPEN_CLI_TEST_PAGES, name);
  // The text last: whoever waits for it may remove the directory then.
  await page?.screenshot({ path: `${path}.png` }).catch((error) => console.log(error.message));
  await writeFile(`${path}.txt`, text);
}
