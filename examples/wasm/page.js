// page.js: the picture of a search. Steps: open() -> look() chooses vectors and plane -> ask() searches -> show...() draw.
// A state is its hash, so it can be linked: #which=0&plane=17&zoom=1&drag=1.5,-2&k=10&nprobe=4&k_factor=2
// SPDX-License-Identifier: MIT
'use strict';

const SIZE = 640;                    // of the picture, in its own units
const LISTS_OF_2D = 60;              // as many as the voice index has
const EVERYTHING = 1e6;              // a k_factor that makes all frames candidates
const state = {which: 0, plane: 5, zoom: 1, x: 0, y: 0, k: 10, nprobe: 8, k_factor: 4};
const $ = id => document.getElementById(id);
const number = n => n.toLocaleString('en', {maximumFractionDigits: 1});

let lib;                             // the compiled library
let directions;                      // mean [d] and two directions [d] of the centroids, and the share of what lies in them
let frames;                          // of each frame: where it is drawn
let queries;                         // frames of other recordings [d]
let scale;                           // all frames and queries lie within this far of the middle, in both directions
let pane = {x: 0, y: 0, half: 1};    // what is drawn of the plane: its middle and half of its side
let view;                            // what look() makes of the state
let shown = {cells: [], frames: []}; // SVG elements
let names = [];                      // of each frame: recording and number

// --- memory of the library

function bytesOf(id) {
    return Uint8Array.from(atob($(id).textContent.trim()), c => c.charCodeAt(0));
}
function floatsAt(pointer, n) {
    return new Float32Array(lib.HEAPU8.buffer, pointer, n);
}
function check(message) {
    if (message !== 0) throw new Error(lib.UTF8ToString(message));
}

// --- geometry

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

// The direction in which rows [n][d] vary most, by power iteration, at right angles to `others`.
function leadingDirection(rows, others) {
    let v = rows[0].map((_, i) => Math.sin(i + 1));
    let variance = 0;
    for (let step = 0; step < 200; ++step) {
        const w = new Float64Array(v.length);
        for (const row of rows) {
            const s = dot(row, v);
            for (let i = 0; i < w.length; ++i) w[i] += s * row[i];
        }
        for (const other of others) {
            const s = dot(w, other);
            for (let i = 0; i < w.length; ++i) w[i] -= s * other[i];
        }
        variance = Math.hypot(...w);
        v = w.map(x => x / variance);
    }
    return {v, variance};
}

function principal(rows) {
    const mean = rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
    const centred = rows.map(row => row.map((x, i) => x - mean[i]));
    const first = leadingDirection(centred, []), second = leadingDirection(centred, [first.v]);
    return {mean, axes: [first.v, second.v]};
}

const projected = row => directions.axes.map(axis => dot(row, axis) - dot(directions.mean, axis));

// The part of a convex polygon where a * x + b * y <= c.
function clipped(polygon, a, b, c) {
    const out = [];
    polygon.forEach((p, i) => {
        const q = polygon[(i + 1) % polygon.length];
        const at = a * p[0] + b * p[1] - c, next = a * q[0] + b * q[1] - c;
        if (at <= 0) out.push(p);
        if (at * next < 0) out.push([0, 1].map(j => p[j] + (q[j] - p[j]) * at / (at - next)));
    });
    return out;
}

// The places of the plane whose nearest centroid is number i: every place p is at |p - s|^2 + w from a centroid with the shadow
// s on the plane and the squared distance w from it, so cells are bounded by straight lines.
function cell(sites, i) {
    const weight = ({s, w}) => s[0] * s[0] + s[1] * s[1] + w;
    const {x, y, half} = pane;
    let polygon = [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]];
    const own = sites[i];
    for (const other of sites) {
        const [a, b] = [0, 1].map(j => 2 * (other.s[j] - own.s[j]));
        if (other !== own) polygon = clipped(polygon, a, b, weight(other) - weight(own));
    }
    return polygon;
}

function areaAndMiddle(polygon) {
    let area = 0, x = 0, y = 0;
    polygon.forEach((p, i) => {
        const q = polygon[(i + 1) % polygon.length], cross = p[0] * q[1] - q[0] * p[1];
        area += cross / 2, x += (p[0] + q[0]) * cross / 6, y += (p[1] + q[1]) * cross / 6;
    });
    return {area: Math.abs(area), middle: [x / area, y / area]};
}

const toScreen = ([x, y]) => [((x - pane.x) / pane.half + 1) * SIZE / 2, (1 - (y - pane.y) / pane.half) * SIZE / 2];
const toPlane = ([x, y]) => [pane.x + (x / SIZE * 2 - 1) * pane.half, pane.y + (1 - y / SIZE * 2) * pane.half];

// --- opening

function row(which, id) {
    return Float64Array.from(floatsAt(lib._demo_row(which, id), lib._demo_dim(which)));
}
function centroid(which, list) {
    return Float64Array.from(floatsAt(lib._demo_centroid(which, list), lib._demo_dim(which)));
}
const range = n => Array.from({length: n}, (_, i) => i);

function readQueries(d) {
    const bytes = bytesOf('queries'), stride = 4 + 4 * d;  // each row: its length, then the values
    const values = i => new Float32Array(bytes.buffer.slice(i * stride + 4, (i + 1) * stride));
    return range(bytes.length / stride).map(i => Float64Array.from(values(i)));
}

function openVoice() {
    const bytes = bytesOf('voice');
    const pointer = lib._aligned_alloc(64, Math.ceil(bytes.length / 64) * 64);
    lib.HEAPU8.set(bytes, pointer);
    check(lib._demo_open(pointer, bytes.length));
}

function shareOfVariance(rows) {
    const mean = rows[0].map((_, i) => rows.reduce((sum, r) => sum + r[i], 0) / rows.length);
    let all = 0;
    for (const r of rows) for (let i = 0; i < r.length; ++i) all += (r[i] - mean[i]) ** 2;
    const drawn = range(2).map(j => frames.reduce((sum, f) => sum + f[j], 0) / frames.length);
    return frames.reduce((sum, f) => sum + (f[0] - drawn[0]) ** 2 + (f[1] - drawn[1]) ** 2, 0) / all;
}

function project() {
    const n = lib._demo_ntotal(0), rows = range(n).map(i => row(0, i));
    directions = principal(range(lib._demo_nlist(0)).map(l => centroid(0, l)));
    frames = rows.map(projected);
    directions.share = shareOfVariance(rows);
    scale = 1.04 * Math.max(...[...frames, ...queries.map(projected)].flat().map(Math.abs));
}

function trainDrawn() {
    const pointer = lib._malloc(frames.length * 8);
    floatsAt(pointer, frames.length * 2).set(frames.flat());
    check(lib._demo_train(pointer, frames.length, LISTS_OF_2D));
    lib._free(pointer);
}

async function open() {
    lib = await lutraDemo();
    openVoice();
    queries = readQueries(lib._demo_dim(0));
    project();
    trainDrawn();
    for (const line of $('recordings').textContent.trim().split('\n')) {
        const [name, rows] = line.split(':');
        for (let i = 0; i < Number(rows); ++i) names.push(`${name}, ${i}`);
    }
}

// --- searching

const anchor = () => state.plane < 0 ? directions.mean : queries[state.plane];

// The whole, or a part with the cross in the middle.
function choosePane() {
    const half = scale / state.zoom, middle = x => clamp(x, half - scale, scale - half);
    pane = {x: middle(state.x), y: middle(state.y), half};
}

// What is drawn until vectors, plane or zoom change: the list of each frame, and the cells.
function look() {
    const which = state.which, nlist = lib._demo_nlist(which);
    const origin = projected(anchor());
    const sites = range(nlist).map(l => {
        const c = centroid(which, l);
        if (which === 1) return {s: [c[0], c[1]], w: 0};
        const s = projected(c), away = c.map((x, i) => x - anchor()[i]);
        return {s, w: dot(away, away) - (s[0] - origin[0]) ** 2 - (s[1] - origin[1]) ** 2};
    });
    const lists = Int32Array.from(new Int32Array(lib.HEAPU8.buffer, lib._demo_lists(which), lib._demo_ntotal(which)));
    view = {nlist, origin, lists, cells: sites.map((_, i) => cell(sites, i))};
}

// The query at the cross: in the plane through the anchor; exactly the anchor where the cross has not been moved.
function query() {
    if (state.which === 1) return [state.x, state.y];
    const [a, b] = [state.x - view.origin[0], state.y - view.origin[1]], [u, v] = directions.axes;
    return anchor().map((value, i) => value + a * u[i] + b * v[i]);
}

function step(i) {
    const n = lib._demo_count(i), ids = new Int32Array(lib.HEAPU8.buffer, lib._demo_ids(i), n);
    const distances = floatsAt(lib._demo_distances(i), n);
    return range(n).map(j => ({id: ids[j], distance: distances[j]})).filter(hit => hit.id >= 0);
}

// Of one search, the best of 5 batches. Browsers' clocks are coarse: as many searches as last 4 ms are a batch.
function microseconds(nprobe, k_factor) {
    let best = Infinity;
    for (let times = 4, batches = 0; batches < 5;) {
        const start = performance.now();
        lib._demo_repeat(state.which, state.k, nprobe, k_factor, times);
        const time = performance.now() - start;
        if (time < 4) times *= 2;
        else ++batches, best = Math.min(best, time * 1000 / times);
    }
    return best;
}

function ask() {
    const q = query();
    floatsAt(lib._demo_query(state.which), q.length).set(q);
    check(lib._demo_search(state.which, state.k, view.nlist, EVERYTHING));
    const exact = step(2);
    check(lib._demo_search(state.which, state.k, state.nprobe, state.k_factor));
    const found = {exact, lists: step(0), candidates: step(1), neighbours: step(2)};
    const visited = new Set(found.lists.map(l => l.id)), ids = new Set(found.neighbours.map(h => h.id));
    found.visited = visited;
    found.scanned = view.lists.reduce((sum, l) => sum + visited.has(l), 0);
    const furthest = found.neighbours.at(-1)?.distance;  // one as far as the last one found is no better
    const full = found.neighbours.length === exact.length;
    found.missed = exact.filter(h => !ids.has(h.id) && !(full && h.distance === furthest));
    return found;
}

// --- drawing

function svg(tag, attributes, parent) {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent.append(element);
    return element;
}

function drawFrames() {
    for (const layer of ['cells', 'frames', 'names', 'marks']) shown[layer + 'Layer'] = svg('g', {}, $('plot'));
    shown.frames = frames.map(() => svg('circle', {class: 'frame', r: 1.6}, shown.framesLayer));
}

function placeFrames() {
    shown.frames.forEach((element, id) => {
        const [x, y] = toScreen(frames[id]);
        element.setAttribute('cx', x.toFixed(1)), element.setAttribute('cy', y.toFixed(1));
    });
}

function drawCells() {
    shown.cellsLayer.replaceChildren();
    shown.cells = view.cells.map(polygon => {
        const points = polygon.map(p => toScreen(p).map(x => x.toFixed(1)).join()).join(' ');
        return svg('polygon', {class: 'cell', points}, shown.cellsLayer);
    });
}

function showCells(found) {
    const places = new Map(found.lists.map((l, i) => [l.id, i]));
    shown.namesLayer.replaceChildren();
    shown.cells.forEach((element, list) => {
        const place = places.get(list);
        element.setAttribute('class', place === undefined ? 'cell' : 'cell visited');
        const strength = 0.6 - 0.4 * place / Math.max(found.lists.length, 8);  // the list visited first is the darkest
        element.setAttribute('fill-opacity', place === undefined ? 0 : strength.toFixed(2));
        const {area, middle} = areaAndMiddle(view.cells[list]);
        if (place === undefined || area * (SIZE / 2 / pane.half) ** 2 < 900) return;
        const [x, y] = toScreen(middle);
        svg('text', {class: 'cell-name', x, y}, shown.namesLayer).textContent = list;
    });
}

function showFrames(found) {
    shown.frames.forEach((element, id) => {
        const scanned = found.visited.has(view.lists[id]);
        if (element.scanned === scanned) return;
        element.scanned = scanned;
        element.setAttribute('class', scanned ? 'frame scanned' : 'frame');
        element.setAttribute('r', scanned ? 2.2 : 1.6);
    });
}

// Marks keep their size where the picture is small.
function showMarks(found) {
    const u = clamp(SIZE / $('plot').clientWidth, 1, 2), at = id => toScreen(frames[id]);
    const circle = (name, [x, y], r) => svg('circle', {class: name, cx: x, cy: y, r: r * u}, shown.marksLayer);
    const path = (name, [x, y], d) =>
        svg('path', {class: name, transform: `translate(${x} ${y}) scale(${u})`, d}, shown.marksLayer);
    $('plot').style.setProperty('--unit', u);
    shown.marksLayer.replaceChildren();
    for (const {id} of found.candidates) circle('candidate', at(id), 5);
    [...found.neighbours].reverse().forEach(({id}, i) => {
        const [x, y] = at(id);
        circle('answer', [x, y], 7.5);
        svg('text', {class: 'answer-rank', x, y}, shown.marksLayer).textContent = found.neighbours.length - i;
    });
    for (const {id} of found.missed) path('missed', at(id), 'M-5 -5L5 5M-5 5L5 -5');
    circle('cross', toScreen([state.x, state.y]), 11);
    path('cross', toScreen([state.x, state.y]), 'M-18 0H-5M5 0H18M0 -18V-5M0 5V18');
}

function cells(tr, values) {
    for (const [text, name] of values) {
        const td = tr.insertCell();
        td.textContent = text, td.className = name ?? '';
    }
}

function showTable(found) {
    const body = $('table').tBodies[0], byCode = new Map(found.candidates.map(c => [c.id, c.distance]));
    body.replaceChildren();
    const line = (rank, hit, estimate) => {
        const tr = body.insertRow();
        cells(tr, [[rank, 'number'], [hit.id, 'number'], [names[hit.id]], [view.lists[hit.id], 'number'],
                   [hit.distance.toPrecision(4), 'number'], [estimate, 'number']]);
        return tr;
    };
    found.neighbours.forEach((hit, i) => line(i + 1, hit, byCode.has(hit.id) ? byCode.get(hit.id).toPrecision(4) : ''));
    for (const hit of found.missed)
        line('missed', hit, found.visited.has(view.lists[hit.id]) ? 'no candidate' : 'list not visited').className = 'lost';
}

function showSteps(found) {
    const n = frames.length, listed = found.lists.length;
    const rows = [[`lists`, listed / view.nlist, `${listed} of ${view.nlist} visited`],
                  [`codes`, found.scanned / n, `${number(found.scanned)} of ${number(n)} frames scanned`],
                  [`candidates`, found.candidates.length / n, `${number(found.candidates.length)} compared exactly`],
                  [`neighbours`, found.neighbours.length / n, `${found.neighbours.length} found`]];
    $('steps').replaceChildren();
    for (const [name, share, text] of rows) {
        const label = document.createElement('span'), value = document.createElement('div'), bar = document.createElement('div');
        label.textContent = name, value.textContent = text, bar.className = 'bar', bar.style.width = `${100 * share}%`;
        value.append(bar), $('steps').append(label, value);
    }
}

function showWords(found) {
    const unvisited = found.missed.filter(h => !found.visited.has(view.lists[h.id])).length, lost = found.missed.length - unvisited;
    const why = [unvisited ? `${unvisited} in lists not visited (raise nprobe)` : '',
                 lost ? `${lost} not among the candidates (raise k_factor)` : ''];
    $('summary').textContent = `${found.exact.length - found.missed.length} of the ${found.exact.length} true neighbours found` +
        (found.missed.length ? `; missed: ${why.filter(Boolean).join(', ')}.` : '.');
    const unseen = l => view.cells[l].length === 0;
    $('visited').textContent = found.lists.map(l => `${l.id}${unseen(l.id) ? '*' : ''} (${l.distance.toFixed(1)})`).join(', ') +
        '. In brackets: the squared distance of the centroid.' +
        (found.lists.some(l => unseen(l.id)) ? ' *: not met by what is drawn of the plane.' : '');
}

function showTime() {
    $('time').textContent = `${number(microseconds(state.nprobe, state.k_factor))} µs a search in this browser, one thread; ` +
        `${number(microseconds(view.nlist, EVERYTHING))} µs with all lists visited and all frames compared exactly.`;
}

function showTruth() {
    const seen = view.cells.filter(c => c.length > 0).length;
    $('factory').textContent = state.which === 0 ? 'IVF60,PQ64x4fs,RFlat' : 'IVF60,PQ2x4fs,RFlat';
    $('truth').textContent = state.which === 0 ?
        `A frame has 256 numbers. Drawn are the two directions in which the ${view.nlist} centroids differ most; they hold ` +
        `${number(100 * directions.share)} % of the variance of the frames. The query moves in a plane along these two, through ` +
        `${state.plane < 0 ? 'the mean of the centroids' : `frame ${state.plane} of recordings that are not in the index`}. ` +
        `Cells are exact: the cut of this plane through the partition; the part drawn meets ${seen} of ${view.nlist} lists. ` +
        'Dots are only the shadows of frames, so a neighbour may be drawn far from the cross, and a frame outside of the cell ' +
        'of its list. With 2 dimensions what is near is drawn near.' +
        (state.plane < 0 ? ' The mean is no frame: many lists are about as far from it, so a low nprobe misses more.' : '') :
        'The same shadows of the frames, but indexed as they are drawn, in two dimensions: an index trained in this page. ' +
        'Nothing is hidden: cells hold the frames of their lists, and distances are those you see. A 4-bit code knows 16 values ' +
        'of each direction, so frames of one of the 16 x 16 blocks are alike to it: candidates come by blocks, and a low ' +
        'k_factor misses neighbours. Zoom in to see them.';
}

function showControls() {
    for (const name of ['k', 'nprobe', 'k_factor', 'zoom', 'plane']) $(name).value = state[name];
    for (const name of ['k', 'nprobe', 'k_factor', 'zoom']) $(name).nextElementSibling.textContent = state[name];
        $('plane-name').textContent = state.plane < 0 ? 'mean' : `frame ${state.plane}`;
    $('plane').setAttribute('aria-valuetext', $('plane-name').textContent);
    $('plane-control').style.display = state.which === 0 ? '' : 'none';
    for (const radio of document.getElementsByName('which')) radio.checked = Number(radio.value) === state.which;
}

let resting = 0;
function showAnswer() {
    const found = ask();
    showCells(found), showFrames(found), showMarks(found), showTable(found), showSteps(found), showWords(found);
    clearTimeout(resting);
    resting = setTimeout(showTime, 150);  // the clock runs when the cross rests
}
function showAll() {
    choosePane(), look();
    placeFrames(), drawCells(), showControls(), showTruth(), showAnswer();
}

// --- moving

const clamp = (x, least, most) => Math.min(Math.max(x, least), most);
let waiting = 0;
function soon(show) {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { show(), writeHash(); });
}

function move(x, y) {
    state.x = clamp(x, pane.x - pane.half, pane.x + pane.half), state.y = clamp(y, pane.y - pane.half, pane.y + pane.half);
    soon(showAnswer);
}
function toAnchor() {
    [state.x, state.y] = projected(anchor());
}

function writeHash() {
    const {which, plane, zoom, x, y, k, nprobe, k_factor} = state;
    const drag = `${x.toFixed(3)},${y.toFixed(3)}`, settings = `k=${k}&nprobe=${nprobe}&k_factor=${k_factor}`;
    history.replaceState(null, '', `#which=${which}&plane=${plane}&zoom=${zoom}&drag=${drag}&${settings}`);
}
function readHash() {
    const words = new URLSearchParams(location.hash.slice(1));
    const whole = (name, least, most) => {
        const value = parseInt(words.get(name), 10);
        if (!Number.isNaN(value)) state[name] = clamp(value, least, most);
    };
    whole('which', 0, 1), whole('plane', -1, queries.length - 1), whole('zoom', 1, 8);
    whole('k', 1, 20), whole('nprobe', 1, 60), whole('k_factor', 1, 20);
    toAnchor();
    const [x, y] = (words.get('drag') ?? '').split(',').map(Number);
    if (Number.isFinite(x) && Number.isFinite(y)) state.x = clamp(x, -scale, scale), state.y = clamp(y, -scale, scale);
}

function listen() {
    const plot = $('plot');
    const follow = event => {
        const box = plot.getBoundingClientRect();
        move(...toPlane([(event.clientX - box.left) / box.width * SIZE, (event.clientY - box.top) / box.height * SIZE]));
    };
    plot.addEventListener('pointerdown', event => { plot.setPointerCapture(event.pointerId), follow(event); });
    plot.addEventListener('pointermove', event => { if (event.buttons & 1) follow(event); });
    plot.addEventListener('keydown', event => {
        const by = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
        if (by === undefined) return;
        event.preventDefault();
        move(state.x + by[0] * pane.half / 40, state.y + by[1] * pane.half / 40);
    });
    for (const name of ['k', 'nprobe', 'k_factor'])
        $(name).addEventListener('input', event => { state[name] = Number(event.target.value), showControls(), soon(showAnswer); });
    $('zoom').addEventListener('input', event => { state.zoom = Number(event.target.value), soon(showAll); });
    $('plane').addEventListener('input', event => { state.plane = Number(event.target.value), toAnchor(), soon(showAll); });
    for (const radio of document.getElementsByName('which'))
        radio.addEventListener('change', () => { state.which = Number(radio.value), soon(showAll); });
    addEventListener('resize', () => soon(showAnswer));
    addEventListener('hashchange', () => { readHash(), showAll(); });
}

async function start() {
    await open();
    $('plane').max = queries.length - 1;
    readHash(), drawFrames(), showAll(), listen();
}
start().catch(error => { $('error').textContent = `This page does not work here: ${error.message}`; });
