#!/usr/bin/env python3
"""A second reader of dse captures, written from format/FORMAT.md alone.

Prints one JSON line per raw record, in arrival order, for capture directories and files; in a filtered
capture with the events of it that are shown, as pairs of point and place among its events. It shares no
code with dse, so that what FORMAT.md says and what dse does cannot drift apart unnoticed. It needs the
`zstd` program, and checks XXH3-64 checksums only where the Python module `xxhash` is installed.
"""

import json
import os
import struct
import subprocess
import sys

try:
    import xxhash
except ImportError:
    xxhash = None

SKIPPABLE_MAGIC = 0x184D2A5D
MARKER = bytes.fromhex("89445345 0d0a1af1")
SEGMENT, SNAPSHOT, BLOCK, END, TRAILER = 1, 2, 3, 4, 5
MAX_HEADER, MAX_FRAMES, MAX_KINDS, MAX_MESSAGE = 128 << 10, 4096, 64, 128 << 20
MAX_RECORDS = 1 << 20
MAX_POINTS, MAX_SHOWN, MAX_SHOWN_OF_POINT, MAX_POINT_NAME = 64, 1 << 22, 1 << 20, 256
MASK = (1 << 64) - 1


class Damaged(Exception):
    pass


class Torn(Exception):
    """The file stops in the middle of an entry."""


def check(condition, what):
    if not condition:
        raise Damaged(what)


# ---- entries (FORMAT.md, section 3) --------------------------------------------------------------


class Entry:
    def __init__(self, content):
        check(len(content) >= 88 and content[:8] == MARKER, "not a dse entry")
        (checksum,) = struct.unpack("<Q", content[-8:])
        if xxhash:
            check(xxhash.xxh3_64_intdigest(content[:-8]) == checksum, "header checksum")
        (version, self.type, _, frames, kinds, self.inline_segments, self.capture, self.first,
         self.count, self.min_time, self.max_time, self.lost, self.position) = struct.unpack(
             "<HBBIII7Q", content[8:80])
        check(version in (1, 2), f"format version {version}")
        check(frames <= MAX_FRAMES and kinds <= MAX_KINDS, "entry header counts")
        check(len(content) >= 80 + 16 * frames + 8 * kinds + 8, "entry header size")
        self.frames = [struct.unpack_from("<IIQ", content, 80 + 16 * i) for i in range(frames)]
        at = 80 + 16 * frames
        self.kinds = {}
        for i in range(kinds):
            kind, _, count = struct.unpack_from("<HHI", content, at + 8 * i)
            self.kinds[kind] = count
        self.body_size = sum(frame[0] for frame in self.frames)
        check(max(self.body_size, sum(frame[1] for frame in self.frames)) <= MAX_MESSAGE, "size")
        check((self.type == TRAILER) == (frames == 0), "a trailer has no frames, the others have")

    def message(self, body):
        """The Cap'n Proto message of the entry: its root struct."""
        at = 0
        for compressed, raw, checksum in self.frames:
            if xxhash:
                check(xxhash.xxh3_64_intdigest(body[at:at + compressed]) == checksum, "checksum")
            check(raw % 8 == 0 and raw > 0, "a frame that is not whole words")
            at += compressed
        run = subprocess.run(["zstd", "-dcq"], input=body, capture_output=True, check=False)
        check(run.returncode == 0, f"zstd: {run.stderr.decode(errors='replace').strip()}")
        data = run.stdout
        check(len(data) == sum(frame[1] for frame in self.frames), "frame sizes")
        frames, at = [], 0
        for _, raw, _ in self.frames:
            frames.append(data[at:at + raw])
            at += raw

        count = struct.unpack_from("<I", frames[0])[0] + 1
        inline = self.inline_segments
        check(1 <= inline <= count and count - inline + 1 == len(frames), "message segments")
        sizes = struct.unpack_from(f"<{count}I", frames[0], 4)
        at = (4 * (count + 1) + 7) // 8 * 8
        segments = []
        for size in sizes[:inline]:
            check(at + 8 * size <= len(frames[0]), "a message segment leaves its frame")
            segments.append(frames[0][at:at + 8 * size])
            at += 8 * size
        check(at == len(frames[0]), "the first frame is larger than its message segments")
        for size, frame in zip(sizes[inline:], frames[1:]):
            check(8 * size == len(frame), "a message segment is not as large as its frame")
            segments.append(frame)
        return Message(segments).root()


# ---- Cap'n Proto, as much as is needed -----------------------------------------------------------


class Message:
    def __init__(self, segments):
        self.segments = segments

    def root(self):
        return self.pointer(0, 0) or Struct(self, 0, 0, 0, 0)

    def word(self, segment, at):
        check(segment < len(self.segments), "a far pointer to nowhere")
        check(0 <= at and 8 * at + 8 <= len(self.segments[segment]), "a pointer to nowhere")
        return struct.unpack_from("<Q", self.segments[segment], 8 * at)[0]

    def pointer(self, segment, at):
        """What the pointer at a word refers to: None, a Struct or a List."""
        word = self.word(segment, at)
        if word == 0:
            return None
        start = at + 1
        if word & 3 == 2:
            landing, far, double = word >> 3 & 0x1FFFFFFF, word >> 32, word >> 2 & 1
            segment, at = far, landing
            word = self.word(segment, at)
            start = at + 1
            if double:
                check(word & 7 == 2, "a double-far pointer without a landing pad")
                tag = self.word(segment, at + 1)
                segment, start = word >> 32, word >> 3 & 0x1FFFFFFF
                word = tag
                check(word >> 2 & 0x3FFFFFFF == 0, "a tag with an offset")
        check(word & 3 in (0, 1), "a pointer of another kind")
        offset = word >> 2 & 0x3FFFFFFF  # signed
        start += offset - (1 << 30) if offset >> 29 else offset
        if word & 3 == 0:
            made = Struct(self, segment, start, word >> 32 & 0xFFFF, word >> 48)
            made.check_bounds()
            return made
        return List(self, segment, start, word >> 32 & 7, word >> 35)


class Struct:
    def __init__(self, message, segment, at, data_words, pointers):
        self.message, self.segment, self.at = message, segment, at
        self.data_words, self.pointers = data_words, pointers

    def check_bounds(self):
        end = 8 * (self.at + self.data_words + self.pointers)
        check(self.segment < len(self.message.segments) and self.at >= 0
              and end <= len(self.message.segments[self.segment]), "a struct leaves its segment")

    def number(self, byte, size, signed=False):
        if byte + size > 8 * self.data_words:
            return 0
        at = 8 * self.at + byte
        return int.from_bytes(self.message.segments[self.segment][at:at + size], "little",
                              signed=signed)

    def pointer(self, index):
        if index >= self.pointers:
            return None
        return self.message.pointer(self.segment, self.at + self.data_words + index)

    def struct(self, index):
        found = self.pointer(index)
        check(found is None or isinstance(found, Struct), "not a struct")
        return found or Struct(self.message, 0, 0, 0, 0)

    def list(self, index):
        found = self.pointer(index)
        check(found is None or isinstance(found, List), "not a list")
        return found or List(self.message, 0, 0, 0, 0)


class List:
    WIDTHS = {2: 1, 3: 2, 4: 4, 5: 8}

    def __init__(self, message, segment, at, code, count):
        self.message, self.segment, self.at, self.code, self.count = (message, segment, at, code,
                                                                      count)

    def raw(self, size):
        at = 8 * self.at
        check(self.segment < len(self.message.segments) and at >= 0
              and at + size <= len(self.message.segments[self.segment]), "a list leaves its segment")
        return self.message.segments[self.segment][at:at + size]

    def bytes(self):
        if self.count == 0:
            return b""
        check(self.code == 2, "not bytes")
        return self.raw(self.count)

    def numbers(self, width):
        if self.count == 0:
            return []
        check(self.WIDTHS.get(self.code) == width, "a list of another width")
        return list(struct.unpack(f"<{self.count}{ {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[width]}",
                                  self.raw(self.count * width)))

    def lists(self):
        if self.count == 0:
            return []
        check(self.code == 6, "not a list of lists")
        self.raw(8 * self.count)
        found = [self.message.pointer(self.segment, self.at + i) for i in range(self.count)]
        check(all(one is None or isinstance(one, List) for one in found), "not a list")
        return found

    def structs(self):
        if self.count == 0:
            return []
        check(self.code == 7, "not a list of structs")
        tag = self.message.word(self.segment, self.at)
        count, data, pointers = tag >> 2 & 0x3FFFFFFF, tag >> 32 & 0xFFFF, tag >> 48
        check(count * (data + pointers) <= self.count, "a list of structs that overflows")
        self.raw(8 * (1 + self.count))
        return [Struct(self.message, self.segment, self.at + 1 + i * (data + pointers), data,
                       pointers) for i in range(count)]


# ---- columns (FORMAT.md, section 6) --------------------------------------------------------------


def read_packed(ints, rows):
    tag = ints.number(18, 2)
    check(tag <= 5, "an unknown form of integers")
    if tag == 0:
        return [0] * rows
    if tag < 5:
        return ints.list(0).numbers(1 << (tag - 1))
    packed = [0] * rows
    planes = ints.list(0).lists()
    check(len(planes) <= 8, "more planes than a number has bytes")
    for place, plane in enumerate(planes):
        plane = plane.bytes() if plane else b""
        check(len(plane) == rows, "a plane that does not have the rows of its table")
        packed = [number | byte << 8 * place for number, byte in zip(packed, plane)]
    return packed


def read_ints(ints, rows, times=None):
    base, start, flags = ints.number(0, 8), ints.number(8, 8), ints.number(16, 1)
    packed = read_packed(ints, rows)
    check(len(packed) == rows, "a column that does not have the rows of its table")
    values = [base + value & MASK for value in packed]
    if flags & 1:
        value = start
        for i, difference in enumerate(values):
            value = value + difference & MASK
            values[i] = value
    if not flags & 2:
        listed = ints.number(24, 8)
        check(not listed or (not flags & 1 and ints.number(18, 2) <= 1
                             and all(listed >> number & 1 for number in packed)),
              "a value that its column does not list")
        return values
    check(not ints.number(24, 8), "a list of values where there are references")
    check(times is not None, "references to times where there are none")
    rest = ints.struct(1)
    check(not rest.number(16, 1) & 2, "references to times where there are none")
    rest = iter(read_ints(rest, values.count(1)))
    for i, reference in enumerate(values):
        if reference == 1:
            values[i] = next(rest)
        elif reference != 0:
            check(reference - 2 <= i, "a time of a row in front of the first one")
            values[i] = times[i - (reference - 2)]
    return values


def read_strings(strings, rows, fixed_size=0):
    if strings is None:  # the column was not recorded
        return [bytes(fixed_size)] * rows
    check(isinstance(strings, Struct), "not a struct")
    count = strings.number(0, 4)
    check(count <= rows, "more values than rows")
    index = read_ints(strings.struct(0), rows)
    ends = read_ints(strings.struct(1), count)
    data = strings.list(2).bytes()
    values, begin = [], 0
    for end in ends:
        check(begin <= end <= len(data), "values that overlap")
        check(fixed_size in (0, end - begin), "a value of the wrong size")
        values.append(data[begin:end])
        begin = end
    check(all(i < count for i in index), "a value that is not there")
    return [values[i] for i in index]


# ---- records (FORMAT.md, sections 7 and 8) -------------------------------------------------------

# The columns in the order of the fixed body; pointer 0 is `common` (of Task: the first column). What
# follows a "2:" exists since version 2 of the layout.
TASK = "u64 u64 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 u32 fixed16".split()
KINDS = {  # kind: name, pointer in Block, columns
    1: ("process_fork", 6, "u64 u64 u32 u32 u32 u32 2: u32 u32"),
    2: ("process_exec", 7, "u32 u32 u32 u32 bytes bytes 2: u64 u64 u64 u64 u32 u32 u32 u32 u32 u32 u32"
        " u32 bytes bytes bytes bytes"),
    3: ("process_exit", 8, "u64 u32 u32 2: u32 u32"),
    4: ("cgroup_mkdir", 9, "u64 u64 u32 bytes"),
    5: ("cgroup_rmdir", 10, "u64 u64 u32 bytes"),
    6: ("cgroup_attach", 11, "u64 u32 u32 u32 u32 u32 bytes"),
    7: ("socket_state", 12, "u64 u32 u16 u16 u16 u16 u16 u8 u8 fixed16 fixed16 2: u64 u64 u64 u64 u64"
        " u64 u32 u32 u32 u32 u32 u32 u32 u32 fixed16"),
    8: ("signal_generate", 13, "s32 s32 s32 s32 u32 u32 u32 u32 u32 u32 2: u64"),
    9: ("signal_deliver", 14, "u64 s32 s32 s32 s32 u32 u32 2: u64 u32 u32"),
    10: ("process_exec_fail", 18, "s32 u32 u32 s32 u32 bytes bytes bytes"),
    16: ("clock_sample", 15, "u64"),
    17: ("process_snapshot", 16, "u32 u32 bytes bytes 2: u64 u64 u64 u64 u32 u32 u32 u32 u32 u32 u32"
         " u32 bytes bytes"),
    18: ("cgroup_snapshot", 17, "u64 u32 bytes"),
    19: ("socket_snapshot", 19, "u64 u64 u64 u32 u32 u32 u32 u16 u16 u16 u16 u32 u32 fixed16 fixed16"
         " fixed16"),
    20: ("container_metadata", 20, "bytes bytes bytes bytes bytes bytes bytes bytes bytes bytes"),
    21: ("observer_sample", 21, "u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64"),
    22: ("program_sample", 22, "u64 u64 u64 u64 u64 u64 u32 u32"),
}
INT_SIZES = {"u8": 1, "u16": 2, "u32": 4, "s32": 4, "u64": 8}


def columns_at(columns, abi_version):
    """Those that records of a version of the layout have."""
    present = []
    for part in columns.split():
        if not part.endswith(":"):
            present.append(part)
        elif int(part[:-1]) > abi_version:
            break
    return present


def read_rows(table, first_pointer, columns, rows, times=None):
    """(fixed body, variable parts) of each row. `times`: what columns may refer to."""
    bodies = [bytearray() for _ in range(rows)]
    tails = [bytearray() for _ in range(rows)]
    for i, abi in enumerate(columns):
        column = table.pointer(first_pointer + i)
        if abi in INT_SIZES:
            size = INT_SIZES[abi]
            values = read_ints(table.struct(first_pointer + i), rows, times)
            for body, value in zip(bodies, values):
                body += (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        elif abi == "bytes":
            for body, tail, value in zip(bodies, tails, read_strings(column, rows)):
                body += len(value).to_bytes(4, "little")
                tail += value
        else:
            check(abi == "fixed16", f"a column of the form {abi}")
            for body, value in zip(bodies, read_strings(column, rows, 16)):
                body += value
    return bodies, tails


def read_records(block, abi_version):
    """(name of the kind, bytes) of each record of a Block, in arrival order."""
    count = block.number(8, 4)
    check(count <= MAX_RECORDS, "too many records")
    kinds = block.list(0).numbers(2) or [0]
    check(len(kinds) <= MAX_KINDS and kinds[0] == 0, "kinds")
    order = read_ints(block.struct(1), count)
    check(all(slot < len(kinds) for slot in order), "a slot that is not there")

    tasks = block.struct(4)
    task_count = tasks.number(0, 4)
    check(task_count <= MAX_RECORDS, "too many tasks")
    task_bodies, _ = read_rows(tasks, 0, TASK, task_count)

    sequences = {(s.number(0, 2), s.number(2, 2)): s.number(8, 8)
                 for s in block.list(2).structs()}
    gaps = {(g.number(0, 2), g.number(4, 4)): g.number(8, 8, signed=True)
            for g in block.list(3).structs()}

    by_slot = [None] * len(kinds)
    by_slot[0] = (("raw", value) for value in read_strings(block.struct(5), order.count(0)))
    for slot, kind in enumerate(kinds):
        if slot == 0 or kind not in KINDS:
            continue
        name, pointer, columns = KINDS[kind]
        table = block.struct(pointer)
        common = table.struct(0)
        rows = common.number(0, 4)
        check(rows == order.count(slot), "rows of a table")
        times = read_ints(common.struct(0), rows)
        cpus = read_ints(common.struct(1), rows)
        task_of = read_ints(common.struct(2), rows)
        check(all(task < task_count for task in task_of), "a task that is not there")
        bodies, tails = read_rows(table, 1, columns_at(columns, abi_version), rows, times)
        records = []
        for row in range(rows):
            cpu = cpus[row] & 0xFFFF
            seq = sequences.get((kind, cpu), 0) + gaps.get((kind, row), 0) & MASK
            sequences[kind, cpu] = seq + 1 & MASK
            size = 120 + len(bodies[row]) + len(tails[row])
            records.append((name, struct.pack("<QQIHH", times[row], seq, size, kind, cpu)
                            + task_bodies[task_of[row]] + bodies[row] + tails[row]))
        by_slot[slot] = iter(records)
    for slot in order:
        check(by_slot[slot] is not None, f"records of kind {kinds[slot]}, which is not known")
        yield next(by_slot[slot])


# ---- filtered captures (FORMAT.md, section 5.1) --------------------------------------------------


def rises(values):
    return all(a < b for a, b in zip(values, values[1:]))


def read_filter(block, snapshot):
    """Of each record of a Block (number that tools show, shown events), or None: nothing is said of them.

    The events are None where all are shown.
    """
    filtered, numbered = block.number(12, 1) & 1, block.number(12, 1) & 2
    if not filtered and not numbered:
        return None
    count = block.number(8, 4)
    check(count <= MAX_RECORDS, "too many records")
    numbers = read_ints(block.struct(23), count)
    if not snapshot or any(numbers):
        check(rises([0] + numbers), "numbers of the original that do not rise")
    if not filtered:
        return [(number, None) for number in numbers]
    shown = [[] for _ in range(count)]
    items = block.list(24).structs()
    check(len(items) <= MAX_POINTS, "too many points")
    events = [item.number(0, 4) for item in items]
    check(all(n <= MAX_SHOWN_OF_POINT for n in events) and sum(events) <= MAX_SHOWN,
          "too many shown events")
    seen = set()
    for item, n in zip(items, events):
        text = item.list(0).bytes()
        check(not text or text[-1] == 0, "a text without its end")
        point = text[:-1]
        check(len(point) <= MAX_POINT_NAME and point not in seen, "point")
        seen.add(point)
        positions, nth = read_ints(item.struct(1), n), read_ints(item.struct(2), n)
        check(rises(list(zip(positions, nth))), "shown events that are not in order")
        check(all(at < count for at in positions) and all(i < 1 << 32 for i in nth), "shown event")
        for at, i in zip(positions, nth):
            shown[at].append([point.decode(), i])
    return list(zip(numbers, shown))


# ---- segments and captures (FORMAT.md, sections 1, 2 and 10) -------------------------------------


def read_entries(file):
    """(entry, body) of each entry of a file."""
    offset = segment_start = 0
    began = sealed = False
    while True:
        prefix = file.read(8)
        if not prefix:
            if not sealed:
                raise Torn()
            return
        if len(prefix) < 8:
            raise Torn()
        magic, size = struct.unpack("<II", prefix)
        check(magic == SKIPPABLE_MAGIC and size <= MAX_HEADER, f"no entry at byte {offset}")
        content = file.read(size)
        if len(content) < size:
            raise Torn()
        entry = Entry(content)
        if entry.type == SEGMENT:
            segment_start = offset
        else:
            check(began and not sealed, "an entry behind the end of its segment")
        check(entry.position == offset - segment_start, "an entry that belongs elsewhere")
        began, sealed = True, entry.type == TRAILER
        body = file.read(entry.body_size)
        if len(body) < entry.body_size:
            raise Torn()
        yield entry, body
        offset += 8 + size + entry.body_size


def list_segments(path):
    if not os.path.isdir(path):
        if not os.path.exists(path) and os.path.exists(path + ".open"):
            return [path + ".open"]
        return [path]
    names = [name for name in os.listdir(path) if name.endswith((".dse", ".dse.open"))]
    return [os.path.join(path, name) for name in sorted(names)]


class Capture:
    """Follows the segments of captures: (number, kind, record, shown events) of everything in them."""

    def __init__(self):
        self.id = None
        self.abi_version = 1
        self.next_record = 0
        self.take_snapshot = False

    def read_segment(self, path):
        with open(path, "rb") as file:
            for entry, body in read_entries(file):
                try:
                    yield from self.read_entry(entry, body)
                except Damaged as damage:
                    print(f"{path}: {damage}", file=sys.stderr)

    def read_entry(self, entry, body):
        if entry.type == SEGMENT:
            root = entry.message(body)
            check(root.number(0, 2) == 0, "not a segment header")
            header = root.struct(0)
            capture_id, first = header.list(0).bytes(), header.number(8, 8)
            check(len(capture_id) == 16 and int.from_bytes(capture_id[:8], "little")
                  == entry.capture, "capture id")
            self.abi_version = header.number(2, 2) or 1
            goes_on = capture_id == self.id and first == self.next_record
            self.id, self.next_record, self.take_snapshot = capture_id, first, not goes_on
        elif entry.type == SNAPSHOT:
            if not self.take_snapshot:
                return
            root = entry.message(body)
            check(root.number(0, 2) == 1, "not a snapshot")
            rows = root.struct(0).struct(2)
            marks = read_filter(rows, True)
            for i, (kind, record) in enumerate(read_records(rows, self.abi_version)):
                number, shown = marks[i] if marks else (0, None)
                yield number, kind, record, shown
        elif entry.type == BLOCK:
            check(self.id and int.from_bytes(self.id[:8], "little") == entry.capture,
                  "a block of another capture")
            self.next_record = entry.first + entry.count
            root = entry.message(body)
            check(root.number(0, 2) == 2, "not a block")
            block = root.struct(0)
            check(block.number(0, 8) == entry.first and block.number(8, 4) == entry.count,
                  "a block that does not agree with its header")
            marks = read_filter(block, False)
            for i, (kind, record) in enumerate(read_records(block, self.abi_version)):
                number, shown = marks[i] if marks else (entry.first + i + 1, None)
                yield number, kind, record, shown


def main(paths):
    if not xxhash:
        print("no Python module xxhash: checksums are not checked", file=sys.stderr)
    capture = Capture()
    for path in paths:
        for segment in list_segments(path):
            try:
                for number, kind, record, shown in capture.read_segment(segment):
                    events = "" if shown is None else f',"shown":{json.dumps(shown)}'
                    print(f'{{"num":{number},"kind":"{kind}"{events},"record":"{record.hex()}"}}')
            except Torn:
                print(f"{segment}: not sealed", file=sys.stderr)
            except Damaged as damage:
                print(f"{segment}: {damage}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
