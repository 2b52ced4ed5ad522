#!/usr/bin/env python3
"""Reads faiss index files without lutra: a second opinion on what lutra writes.  SPDX-License-Identifier: MIT

    parse_faiss.py FILE...     prints each file's records; fails if one is malformed, has bytes left, or re-emits differently

The layout is described once, by functions that walk a record through a Reader (which returns what it reads) or a Writer
(which emits what it is given), so that reading and writing cannot drift apart. Only the records lutra writes are known.
"""
import struct
import sys


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, n, _=None):
        assert n <= len(self.data) - self.at, f"truncated: {n} bytes at {self.at}"
        self.at += n
        return self.data[self.at - n:self.at]

    def value(self, kind, _=None):
        return struct.unpack("<" + kind, self.raw(struct.calcsize("<" + kind)))[0]

    def vector(self, kind, _=None):
        n, size = self.value("Q"), struct.calcsize("<" + kind)
        return list(struct.unpack(f"<{n}{kind}", self.raw(n * size)))


class Writer:
    def __init__(self):
        self.out = b""

    def raw(self, n, data):
        assert n == len(data)
        self.out += data
        return data

    def value(self, kind, v):
        self.out += struct.pack("<" + kind, v)
        return v

    def vector(self, kind, v):
        self.value("Q", len(v))
        self.out += struct.pack(f"<{len(v)}{kind}", *v)
        return v


def field(s, o, name, kind):
    o[name] = s.value(kind, o.get(name))
    return o[name]


def header(s, o):
    for name, kind in (("d", "i"), ("ntotal", "q"), ("unused1", "q"), ("unused2", "q"), ("is_trained", "B"), ("metric", "i")):
        field(s, o, name, kind)
    assert o["d"] > 0 and o["ntotal"] >= 0 and o["is_trained"] in (0, 1) and o["metric"] in (0, 1), o
    assert o["unused1"] == 1 << 20 and o["unused2"] - (1 << 20) in (0, ord("a"))  # "a": codes of PQ{M}x4fsa


def flat(s, o):
    header(s, o)
    o["rows"] = s.vector("f", o.get("rows"))
    assert len(o["rows"]) == o["ntotal"] * o["d"]


def lists(s, o, code_size):
    o["fourcc"] = s.raw(4, o.get("fourcc"))
    assert o["fourcc"] == b"ilar", o["fourcc"]
    assert field(s, o, "nlist", "Q") > 0
    field(s, o, "code_size", "Q")
    assert o["code_size"] == code_size
    o["kind"] = s.raw(4, o.get("kind"))
    o["sizes"] = s.vector("Q", o.get("sizes"))
    nlist, sizes = o["nlist"], o["sizes"]
    if o["kind"] == b"full":
        assert len(sizes) == nlist
        filled = [n for n in sizes if n]
        assert len(filled) > nlist // 2
    else:
        assert o["kind"] == b"sprs" and sizes[0::2] == sorted(set(sizes[0::2])) and all(n < nlist for n in sizes[0::2])
        filled = sizes[1::2]
        assert all(filled) and len(filled) <= nlist // 2
    o.setdefault("codes", [None] * len(filled))
    o.setdefault("ids", [None] * len(filled))
    for i, n in enumerate(filled):
        o["codes"][i] = s.raw(n * code_size, o["codes"][i])
        o["ids"][i] = s.raw(n * 8, o["ids"][i])
    return nlist, sum(filled)


def direct_map(s, o, ntotal):
    kind = field(s, o, "kind", "b")
    assert kind in (0, 1, 2)
    o["array"] = s.vector("q", o.get("array"))
    assert len(o["array"]) == (ntotal if kind == 1 else 0)
    if kind == 2:
        n = field(s, o, "pairs", "Q")
        o["table"] = s.raw(16 * n, o.get("table"))


def ivf_front(s, o):
    header(s, o)
    nlist = field(s, o, "nlist", "Q")
    assert 1 <= field(s, o, "nprobe", "Q") <= nlist
    coarse = record(s, o.setdefault("coarse", {}))
    assert coarse["fourcc"] in (b"IxF2", b"IxFI") and coarse["d"] == o["d"]
    assert coarse["ntotal"] == (nlist if o["is_trained"] else 0)
    direct_map(s, o.setdefault("map", {}), o["ntotal"])
    return nlist


def ivf_flat(s, o):
    nlist = ivf_front(s, o)
    found = lists(s, o.setdefault("lists", {}), 4 * o["d"])
    assert found == (nlist, o["ntotal"]), found


def quantizer(s, o, d):
    assert field(s, o, "pq_d", "Q") == d and d % field(s, o, "M", "Q") == 0 and field(s, o, "bits", "Q") == 4
    o["centroids"] = s.vector("f", o.get("centroids"))
    assert len(o["centroids"]) == d * 16


def padding_is_zero(codes, n, bbs, m, m2):
    """Every nibble of a vector past the last, or of the sub-quantizer that makes M even, is 0."""
    places = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15]
    for at, both in enumerate(codes):
        block, rest = divmod(at, bbs * m2 // 2)
        pair, rest = divmod(rest, bbs)
        v = block * bbs + rest // 32 * 32 + places[rest % 16]
        sub = 2 * pair + rest // 16 % 2
        for nibble, vector in ((both & 15, v), (both >> 4, v + 16)):
            if nibble and (vector >= n or sub >= m):
                return False
    return True


def fast_scan(s, o):
    header(s, o)
    quantizer(s, o, o["d"])
    assert field(s, o, "implem", "i") == 0 and field(s, o, "bbs", "i") % 32 == 0 and o["bbs"] > 0
    assert field(s, o, "qbs", "i") == 0
    assert field(s, o, "ntotal2", "Q") == -(-o["ntotal"] // o["bbs"]) * o["bbs"]
    assert field(s, o, "M2", "Q") == o["M"] + o["M"] % 2
    n = field(s, o, "code_bytes", "Q")
    assert n == o["ntotal2"] * o["M2"] // 2
    o["codes"] = s.raw(n, o.get("codes"))
    assert padding_is_zero(o["codes"], o["ntotal"], o["bbs"], o["M"], o["M2"])


def block_lists(s, o, index):
    o["fourcc"] = s.raw(4, o.get("fourcc"))
    assert o["fourcc"] == b"ilbl", o["fourcc"]
    assert field(s, o, "nlist", "Q") == index["nlist"] and field(s, o, "code_size", "Q") == 2**64 - 1
    assert field(s, o, "block", "Q") == index["bbs"]
    assert field(s, o, "block_bytes", "Q") == index["bbs"] * index["M2"] // 2
    o.setdefault("ids", [None] * o["nlist"])
    o.setdefault("codes", [None] * o["nlist"])
    o.setdefault("code_bytes", [None] * o["nlist"])
    for i in range(o["nlist"]):
        o["ids"][i] = s.vector("q", o["ids"][i])
        o["code_bytes"][i] = s.value("Q", o["code_bytes"][i])
        assert o["code_bytes"][i] == -(-len(o["ids"][i]) // o["block"]) * o["block_bytes"]
        o["codes"][i] = s.raw(o["code_bytes"][i], o["codes"][i])
        assert padding_is_zero(o["codes"][i], len(o["ids"][i]), o["block"], index["M"], index["M2"])
    assert sum(map(len, o["ids"])) == index["ntotal"]


def ivf_fast_scan(s, o):
    ivf_front(s, o)
    assert field(s, o, "by_residual", "B") in (0, 1)
    field(s, o, "code_size", "Q")
    assert field(s, o, "bbs", "i") % 32 == 0 and o["bbs"] > 0
    field(s, o, "M2", "Q")
    assert field(s, o, "implem", "i") == 0 and field(s, o, "qbs", "Q") == 0
    quantizer(s, o, o["d"])
    assert o["M2"] == o["M"] + o["M"] % 2 and o["code_size"] == o["M2"] // 2
    block_lists(s, o.setdefault("lists", {}), o)


def transformed(s, o):
    header(s, o)
    assert field(s, o, "transforms", "i") == 1
    o["transform"] = s.raw(4, o.get("transform"))
    assert o["transform"] == b"VNrm" and field(s, o, "norm", "f") == 2
    assert field(s, o, "d_in", "i") == field(s, o, "d_out", "i") == o["d"]
    assert field(s, o, "transform_is_trained", "B") == 1
    inner = record(s, o.setdefault("index", {}))
    assert (inner["d"], inner["ntotal"], inner["metric"]) == (o["d"], o["ntotal"], o["metric"])


def id_map(s, o):
    header(s, o)
    inner = record(s, o.setdefault("index", {}))
    o["ids"] = s.vector("q", o.get("ids"))
    assert len(o["ids"]) == o["ntotal"] == inner["ntotal"] and inner["d"] == o["d"]


def refined(s, o):
    header(s, o)
    inner, rows = record(s, o.setdefault("index", {})), record(s, o.setdefault("rows", {}))
    assert rows["fourcc"] in (b"IxF2", b"IxFI")
    for part in inner, rows:
        assert (part["d"], part["ntotal"], part["metric"]) == (o["d"], o["ntotal"], o["metric"])
    assert 1 <= field(s, o, "k_factor", "f") <= 1000


RECORDS = {b"IxF2": flat, b"IxFI": flat, b"IwFl": ivf_flat, b"IPfs": fast_scan, b"IwPf": ivf_fast_scan, b"IxPT": transformed,
           b"IxMp": id_map, b"IxM2": id_map, b"IxRF": refined}


def record(s, o):
    o["fourcc"] = s.raw(4, o.get("fourcc"))
    assert o["fourcc"] in RECORDS, o["fourcc"]
    RECORDS[o["fourcc"]](s, o)
    if o["fourcc"] == b"IxF2":
        assert o["metric"] == 1
    if o["fourcc"] == b"IxFI":
        assert o["metric"] == 0
    return o


def describe(o):
    inner = o.get("index")
    text = f"{o['fourcc'].decode()} d={o['d']} ntotal={o['ntotal']}"
    return text + (f" [{describe(inner)}]" if inner else f" nlist={o['nlist']}" if "nlist" in o else "")


def main(paths):
    bad = 0
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        try:
            reader, writer = Reader(data), Writer()
            o = record(reader, {})
            assert reader.at == len(data), f"{len(data) - reader.at} bytes are left"
            record(writer, o)
            assert writer.out == data, "written again it differs"
            print(f"{path}: {describe(o)}")
        except AssertionError as error:
            bad += 1
            print(f"{path}: {error!r}", file=sys.stderr)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
