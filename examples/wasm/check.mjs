// check.mjs: checks build/wasm/voice.html. `examples/wasm/check` runs it.  SPDX-License-Identifier: MIT
// 1  node runs the program in the page: for all queries it finds the ids that the command LUTRA does, at the same distances
// 2  Chromium opens the page from the disk: a query of the table, a drag by the mouse, sliders, both kinds of vectors, a narrow and
//    a dark page; nothing may be fetched or fail. Pictures are left in build/wasm/
import {execFileSync, spawn} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {resolve} from 'node:path';

const [lutra] = process.argv.slice(2);
const QUERIES = 'examples/data/speech/query.fvecs', INDEX = 'build/wasm/voice.index', PAGE = 'build/wasm/voice.html';
const SETTINGS = [[10, 1, 1], [10, 4, 2], [1, 8, 10], [20, 60, 1], [5, 16, 4], [10, 60, 20]];  // k, nprobe, k_factor

function expect(what, is, wanted) {
    if (JSON.stringify(is) === JSON.stringify(wanted)) return;
    console.error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
    process.exit(1);
}

// [nq][k] of {id, distance}
function native(k, nprobe, k_factor, queries = QUERIES) {
    const args = ['search', INDEX, queries, '-k', k, '--param', `nprobe=${nprobe},k_factor=${k_factor}`, '--json', '-q'];
    const text = execFileSync(lutra, args.map(String), {encoding: 'utf8', maxBuffer: 1 << 26});
    const lines = text.trim().split('\n').map(line => JSON.parse(line));
    return lines.filter(line => line.ids !== undefined).map(line => line.ids.map((id, i) => ({id, distance: line.distances[i]})));
}

async function openModule() {
    const html = readFileSync(PAGE, 'utf8'), program = /<script id="demo">\n([\s\S]*?)\n<\/script>/.exec(html)[1];
    const lib = await new Function('require', '__filename', '__dirname', `${program}; return lutraDemo`)(
        (await import('node:module')).createRequire(import.meta.url), resolve(PAGE), resolve('build/wasm'))();
    const file = Buffer.from(/id="voice">\n(.*?)\n</.exec(html)[1], 'base64');
    const at = lib._aligned_alloc(64, (file.length + 63) & ~63);
    lib.HEAPU8.set(file, at);
    expect('demo_open', lib._demo_open(at, file.length), 0);
    return lib;
}

function answers(lib, query, k, nprobe, k_factor) {
    new Float32Array(lib.HEAPU8.buffer, lib._demo_query(0), query.length).set(query);
    expect('demo_search', lib._demo_search(0, k, nprobe, k_factor), 0);
    const n = lib._demo_count(2), ids = new Int32Array(lib.HEAPU8.buffer, lib._demo_ids(2), n);
    const candidates = new Set(new Int32Array(lib.HEAPU8.buffer, lib._demo_ids(1), lib._demo_count(1)));
    const distances = new Float32Array(lib.HEAPU8.buffer, lib._demo_distances(2), n);
    for (const id of ids) if (id >= 0) expect(`neighbour ${id} is a candidate`, candidates.has(id), true);
    return Array.from(ids, (id, i) => ({id, distance: distances[i]}));
}

async function checkModule() {
    const lib = await openModule(), bytes = readFileSync(QUERIES), d = lib._demo_dim(0), stride = 4 + 4 * d;
    let compared = 0, furthest = 0;
    for (const [k, nprobe, k_factor] of SETTINGS)
        native(k, nprobe, k_factor).forEach((wanted, i) => {
            const from = bytes.byteOffset + i * stride;
            const query = new Float32Array(bytes.buffer.slice(from + 4, from + stride));
            const is = answers(lib, query, k, nprobe, k_factor);
            expect(`ids of query ${i}, k ${k}, nprobe ${nprobe}, k_factor ${k_factor}`, is.map(h => h.id), wanted.map(h => h.id));
            is.forEach((h, j) => { if (h.id >= 0) furthest = Math.max(furthest, Math.abs(h.distance / wanted[j].distance - 1)); });
            compared += k;
        });
    expect('distances agree to 1e-5', furthest < 1e-5, true);
    expect('answers compared', compared, 140 * SETTINGS.reduce((sum, [k]) => sum + k, 0));
    const within = furthest.toExponential(1);
    console.log(`node: ${compared} ids of ${SETTINGS.length} settings are those of the command; distances within ${within}`);
}

// --- Chromium, by the DevTools protocol over pipes: messages end with a zero byte

class Browser {
    constructor(command) {
        const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-lcd-text', '--remote-debugging-pipe', '--no-first-run',
                       'about:blank'];
        this.process = spawn(command, flags, {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
        this.waiting = new Map(), this.next = 1, this.events = [];
        let text = '';
        this.process.stdio[4].setEncoding('utf8').on('data', part => {
            const messages = (text + part).split('\0');
            text = messages.pop();
            for (const message of messages.map(m => JSON.parse(m))) {
                if (message.id === undefined) this.events.push(message);
                else this.waiting.get(message.id)(message);
            }
        });
    }
    async call(method, params = {}) {
        const id = this.next++;
        this.process.stdio[3].write(`${JSON.stringify({id, method, params, sessionId: this.session})}\0`);
        const answer = await new Promise(done => this.waiting.set(id, done));
        if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
        return answer.result;
    }
    async openPage(url) {
        const {targetId} = await this.call('Target.createTarget', {url: 'about:blank'});
        this.session = (await this.call('Target.attachToTarget', {targetId, flatten: true})).sessionId;
        for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await this.call(`${domain}.enable`);
        await this.look(1240, 1060, 'light');
        await this.call('Page.navigate', {url});
        await this.until(`typeof $ === 'function' && $('table').tBodies[0].rows.length > 0`);
    }
    async look(width, height, scheme) {
        await this.call('Emulation.setDeviceMetricsOverride', {width, height, deviceScaleFactor: 1, mobile: false});
        await this.call('Emulation.setEmulatedMedia', {features: [{name: 'prefers-color-scheme', value: scheme}]});
    }
    async ask(expression) {
        const {result, exceptionDetails} = await this.call('Runtime.evaluate', {expression, returnByValue: true, awaitPromise: true});
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
    }
    async until(condition) {
        for (let i = 0; i < 600; ++i, await new Promise(done => setTimeout(done, 100))) if (await this.ask(condition)) return;
        throw new Error(`not within a minute: ${condition}; ${await this.ask(`document.body.innerText.slice(0, 600)`)}`);
    }
    mouse(type, x, y, buttons) {
        return this.call('Input.dispatchMouseEvent', {type, x, y, button: 'left', buttons, clickCount: 1});
    }
    async picture(file) {
        await new Promise(done => setTimeout(done, 1000));  // the time of a search is shown when the cross rests
        const {data} = await this.call('Page.captureScreenshot', {format: 'png'});
        writeFileSync(file, Buffer.from(data, 'base64'));
    }
}

const painted = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`;
const tableIds = `[...document.querySelectorAll('#table tbody tr:not(.lost)')].map(tr => Number(tr.cells[1].textContent))`;

async function go(browser, hash) {
    await browser.ask(`location.hash = '${hash}'; ${painted}`);
}

async function drag(browser, from, to) {
    const box = await browser.ask(`(({left, top, width}) => ({left, top, width}))($('plot').getBoundingClientRect())`);
    const at = ([x, y]) => [box.left + x * box.width, box.top + y * box.width];
    await browser.mouse('mousePressed', ...at(from), 1);
    for (let i = 1; i <= 8; ++i) {
        await browser.mouse('mouseMoved', ...at(from.map((x, j) => x + (to[j] - x) * i / 8)), 1);
        await browser.ask(painted);
    }
    await browser.mouse('mouseReleased', ...at(to), 0);
    const [x, y] = await browser.ask(`toScreen([state.x, state.y]).map(x => x / SIZE)`);
    expect('the cross is where the drag ended', [Math.abs(x - to[0]) < 0.01, Math.abs(y - to[1]) < 0.01], [true, true]);
}

async function checkAnswers(browser) {
    for (const i of [0, 17, 99]) {
        await go(browser, `which=0&plane=${i}&k=10&nprobe=4&k_factor=2`);
        expect(`ids in the page, query ${i}`, await browser.ask(tableIds), native(10, 4, 2)[i].map(h => h.id));
    }
    await go(browser, 'which=1&plane=-1&zoom=1&k=10&nprobe=60&k_factor=20&drag=1,1');
    const summary = await browser.ask(`$('summary').textContent`);
    expect('all lists and many candidates', summary, '10 of the 10 true neighbours found.');
    const nearest = `frames.map((f, id) => [(f[0] - state.x) ** 2 + (f[1] - state.y) ** 2, id]).sort((a, b) => a[0] - b[0])[0][1]`;
    expect('the nearest in 2 dimensions is the one drawn nearest', (await browser.ask(tableIds))[0], await browser.ask(nearest));
}

// The command finds the same for the query under the cross.
async function checkDragged(browser) {
    const query = await browser.ask('Array.from(query())'), file = 'build/wasm/dragged.fvecs';
    const parts = [Int32Array.of(query.length), Float32Array.from(query)];
    writeFileSync(file, Buffer.concat(parts.map(part => Buffer.from(part.buffer))));
    expect('the query has moved', await browser.ask('Math.abs(query()[0] - queries[17][0]) > 0'), true);
    expect('ids in the page after a drag', await browser.ask(tableIds), native(10, 4, 2, file)[0].map(h => h.id));
}

async function checkCells(browser) {
    const inside = `(() => {
        const near = ask().lists[0].id, {x, y} = state;
        const left = ([ax, ay], [bx, by]) => (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= -1e-9;
        const holds = c => c.length > 0 && c.every((a, j) => left(a, c[(j + 1) % c.length]));
        return view.cells.flatMap((c, i) => holds(c) ? [i === near] : []);
    })()`;
    for (const which of [0, 1])
        for (const plane of [-1, 17])
            for (const place of ['0.3,-0.7', '2,1.5', '-3,0.4']) {
                await go(browser, `which=${which}&plane=${plane}&zoom=${1 + which}&drag=${place}`);
                expect(`the cell at ${place} is that of the first list visited`, await browser.ask(inside), [true]);
            }
}

async function checkControls(browser) {
    await go(browser, 'which=0&plane=17&drag=0,0&k=10&nprobe=4&k_factor=2');
    const set = (id, value) => browser.ask(`$('${id}').value = ${value}; $('${id}').dispatchEvent(new Event('input')); ${painted}`);
    await set('nprobe', 60), await set('k', 7), await set('k_factor', 3);
    expect('the steps by sliders', await browser.ask(`$('steps').innerText.match(/\\d[\\d,]*/g).join()`), '60,60,2,368,2,368,21,7');
    await browser.ask(`document.querySelector('[name=which][value="1"]').click(); ${painted}`);
    expect('2 dimensions by the button', await browser.ask('query().length'), 2);
    await browser.ask(`$('plot').focus()`);
    const before = await browser.ask('state.x');
    for (const type of ['rawKeyDown', 'keyUp']) await browser.call('Input.dispatchKeyEvent', {type, key: 'ArrowRight', windowsVirtualKeyCode: 39});
    expect('an arrow key moves the cross', await browser.ask('state.x') > before, true);
    expect('the address has it', await browser.ask(`${painted}.then(() => location.hash.includes('drag=' + state.x.toFixed(3)))`), true);
}

async function checkPage() {
    const browser = new Browser(process.env.CHROMIUM ?? 'chromium');
    try {
        await browser.openPage(`file://${resolve(PAGE)}`);
        await browser.picture('build/wasm/start.png');
        await checkAnswers(browser);
        await checkCells(browser);
        await checkControls(browser);
        await go(browser, 'which=0&plane=17&zoom=1&k=10&nprobe=4&k_factor=2');
        await drag(browser, [0.5, 0.5], [0.62, 0.41]);
        await checkDragged(browser);
        await browser.picture('build/wasm/drag_256.png');
        const time = await browser.ask(`$('time').textContent`);
        await go(browser, 'which=1&plane=-1&zoom=6&k=10&nprobe=2&k_factor=2&drag=0.6,0.4');
        await drag(browser, [0.5, 0.5], [0.6, 0.43]);
        await browser.picture('build/wasm/drag.png');
        await browser.look(1240, 1060, 'dark');
        await browser.picture('build/wasm/dark.png');
        await browser.look(400, 1500, 'light');
        expect('a narrow page is as wide as the screen', await browser.ask('document.documentElement.scrollWidth <= 400'), true);
        await browser.picture('build/wasm/narrow.png');
        const is = kind => e => e.method === kind;
        const urls = browser.events.filter(is('Network.requestWillBeSent')).map(e => e.params.request.url);
        expect('fetched', urls.filter(url => !/^(data|about|blob):/.test(url) && !url.includes('/voice.html')), []);
        const failed = browser.events.filter(e => is('Runtime.exceptionThrown')(e) || is('Log.entryAdded')(e));
        expect('errors', failed.map(e => e.params), []);
        console.log(`Chromium: ids, cells and drags are right; nothing was fetched. ${time}`);
    } finally {
        browser.process.kill();
    }
}

await checkModule();
await checkPage();
