#include "tests/fuzz/targets.h"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "format/capture_reader.h"
#include "format/entry.h"
#include "replay/points/points.h"
#include "replay/render.h"
#include "replay/session.h"

using namespace dse::format;

namespace {

// A small file can stand for a million equal records. All columns are unpacked all the same; showing
// all of them would only make fuzzing slow.
constexpr std::size_t kMaxEvents = 2000;

void fail(const char* what) {
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

struct Renderers {
  dse::replay::JsonRenderer json;
  dse::replay::TextRenderer text;
};

std::size_t replay(std::string_view bytes, bool seekable) {
  dse::replay::Session session(
      std::make_unique<CaptureReader>(memory_byte_source(std::string(bytes), seekable), "fuzz"));
  for (const std::string& name : dse::replay::point_names())
    session.add(dse::replay::make_point(name));
  // As the commands print: one of each for a point. Event::json() would make them anew for each event.
  std::map<const dse::replay::ObservationPoint*, Renderers> renderers;
  for (const auto& point : session.points())
    renderers.emplace(point.get(), Renderers{dse::replay::JsonRenderer(*point),
                                             dse::replay::TextRenderer(*point, false)});
  std::size_t events = 0;
  std::string json, text;
  for (const dse::replay::Event& event : session) {
    const Renderers& renderer = renderers.at(&event.batch().point());
    json.clear();
    text.clear();
    renderer.json.append(event.batch(), event.row(), json);
    renderer.text.append(event.batch(), event.row(), text);
    if (json.find('\n') != json.npos || json.front() != '{') fail("an event is not one line");
    if (text.find_first_of("\n\x1b") != text.npos) fail("an event steers the terminal");
    if (++events >= kMaxEvents) break;
  }
  for (const Note& note : session.source().notes())
    if (note.text.empty()) fail("a note that says nothing");
  (void)session.source().losses();
  return events;
}

struct Observer final : CaptureReader::Observer {
  void segment(const std::string&, const SegmentInfo& info) override { sum += info.options.size(); }
  void entry(const EntryHeader& header) override { sum += header.raw_bytes(); }
  void end(const EndInfo& info) override { sum += info.index.size() + info.losses.size(); }
  std::uint64_t sum = 0;
};

// As `dse info` reads.
void info(std::string_view bytes) {
  CaptureReader reader(memory_byte_source(std::string(bytes), true), "fuzz");
  Observer observer;
  reader.observe(&observer);
  reader.want(0);
  reader.want_gaps();
  while (true) {
    auto step = reader.next();
    if (!step || step->what == Step::What::end) break;
    if (step->what != Step::What::batch) continue;
    for (const Gap& gap : step->batch->gaps())
      if (const Table* table = step->batch->table(gap.kind)) (void)table->time();
  }
}

// As `dse filter` reads.
void records(std::string_view bytes) {
  CaptureReader reader(memory_byte_source(std::string(bytes), true), "fuzz");
  while (true) {
    auto step = reader.next();
    if (!step || step->what == Step::What::end) break;
    if (step->what != Step::What::batch) continue;
    // Each layout in its turn; all of them for each batch would only cost time.
    unsigned abi_version = step->batch->count() % (DSE_ABI_VERSION + 1);
    std::size_t count = 0;
    auto status = step->batch->for_each_record(
        abi_version, [&](std::span<const std::byte>) -> dse::Status {
          if (++count > 4 * kMaxEvents) return dse::Error(dse::ErrorCode::damaged, "enough");
          return {};
        });
    if (status && count != step->batch->count()) fail("a batch with too few records");
  }
}

// ---- taking captures apart -----------------------------------------------------------------------

struct Entry {
  EntryHeader header;
  std::vector<std::string> frames;  // decompressed
};

// Empty when the bytes are not a whole capture.
std::vector<Entry> take_apart(const std::string& bytes) {
  std::vector<Entry> entries;
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::uint32_t magic = 0, size = 0;
    if (bytes.size() - at < kSkippableBytes) return {};
    std::memcpy(&magic, bytes.data() + at, 4);
    std::memcpy(&size, bytes.data() + at + 4, 4);
    at += kSkippableBytes;
    if (magic != kSkippableMagic || size > bytes.size() - at) return {};
    auto header = decode_header(std::as_bytes(std::span(bytes.data() + at, size)));
    if (!header) return {};
    at += size;
    Entry entry{*header, {}};
    for (const FrameInfo& frame : entry.header.frames) {
      if (frame.compressed > bytes.size() - at || frame.raw > (4u << 20)) return {};
      std::string raw(frame.raw, '\0');
      std::size_t n = ZSTD_decompress(raw.data(), raw.size(), bytes.data() + at, frame.compressed);
      if (ZSTD_isError(n) || n != raw.size()) return {};
      entry.frames.push_back(std::move(raw));
      at += frame.compressed;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string put_together(std::vector<Entry>& entries) {
  std::string out;
  std::size_t segment_start = 0;
  for (Entry& entry : entries) {
    EntryHeader& header = entry.header;
    if (header.type == EntryType::segment) segment_start = out.size();
    header.position = out.size() - segment_start;
    header.frames.clear();
    std::string body;
    for (const std::string& raw : entry.frames) {
      std::string compressed(ZSTD_compressBound(raw.size()), '\0');
      compressed.resize(
          ZSTD_compress(compressed.data(), compressed.size(), raw.data(), raw.size(), 1));
      header.frames.push_back({static_cast<std::uint32_t>(compressed.size()),
                               static_cast<std::uint32_t>(raw.size()),
                               XXH3_64bits(compressed.data(), compressed.size())});
      body += compressed;
    }
    auto encoded = encode_header(header);
    out.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
    out += body;
  }
  return out;
}

std::uint64_t odd_number(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0: return 0;
    case 1: return random() % 16;
    case 2: return ~std::uint64_t{0};
    case 3: return std::uint64_t{1} << random() % 64;
    case 4: return random() % (1u << 21);
    default: return random();
  }
}

// Numbers, and the pointers and counts of Cap'n Proto, are all words or parts of them.
void mutate_words(std::string& raw, std::mt19937_64& random) {
  if (raw.size() < 8) return;
  auto place = [&](std::size_t size) { return random() % (raw.size() / size) * size; };
  auto load = [&](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, raw.data() + at, 8);
    return word;
  };
  std::size_t at = place(8);
  std::uint64_t word = load(at);
  switch (random() % 7) {
    case 0: word ^= std::uint64_t{1} << random() % 64; break;
    case 1: word = odd_number(random); break;
    case 2: word = load(place(8)); break;
    case 3: word += random() % 9 - 4; break;
    case 4: word ^= (random() % 8) << 32; break;        // the element size of a list
    case 5: word += ((random() % 5) - 2) << 35; break;  // and how many there are
    default: {
      std::size_t width = std::size_t{1} << random() % 3, to = place(width);
      std::uint64_t value = odd_number(random);
      std::memcpy(raw.data() + to, &value, width);
      return;
    }
  }
  std::memcpy(raw.data() + at, &word, 8);
}

void mutate_header(EntryHeader& header, std::mt19937_64& random) {
  switch (random() % 8) {
    case 0: header.count = odd_number(random); break;
    case 1: header.first = odd_number(random); break;
    case 2: header.inline_segments = static_cast<std::uint32_t>(random() % 5); break;
    case 3: header.capture = odd_number(random); break;
    case 4: header.lost = odd_number(random); break;
    case 5: header.min_time = odd_number(random); break;
    case 6: header.type = static_cast<EntryType>(1 + random() % 6); break;
    default:
      if (header.kinds.empty() || random() % 2)
        header.kinds.push_back(
            {static_cast<Kind>(random() % 70), static_cast<std::uint32_t>(odd_number(random))});
      else
        header.kinds[random() % header.kinds.size()].count = static_cast<std::uint32_t>(
            odd_number(random));
  }
  if (header.kinds.size() > kMaxKinds) header.kinds.resize(kMaxKinds);
}

}  // namespace

std::size_t fuzz_replay(std::string_view bytes) {
  std::size_t from_file = replay(bytes, true), from_pipe = replay(bytes, false);
  if (from_file != from_pipe) fail("a pipe gives other events than a file");
  info(bytes);
  records(bytes);
  return from_file;
}

void fuzz_header(std::string_view bytes) {
  auto header = decode_header(std::as_bytes(std::span(bytes.data(), bytes.size())));
  if (!header) {
    if (header.error().message().empty()) fail("an error that says nothing");
    return;
  }
  if (header->raw_bytes() > kMaxMessageBytes || header->body_bytes() > kMaxMessageBytes ||
      header->frames.size() > kMaxFrames)
    fail("a header beyond the limits");
  // Bytes that are reserved need not come back; all else must.
  auto encoded = encode_header(*header);
  auto again = decode_header(std::span(encoded).subspan(kSkippableBytes));
  if (!again || again->first != header->first || again->count != header->count ||
      again->kinds.size() != header->kinds.size() || again->position != header->position)
    fail("a header that does not come back");
}

std::string mutate_structure(const std::string& bytes, std::mt19937_64& random) {
  std::vector<Entry> entries = take_apart(bytes);
  if (entries.empty()) return bytes;
  for (std::uint64_t n = 1 + random() % 3; n-- > 0;) {
    Entry& entry = entries[random() % entries.size()];
    switch (random() % 12) {
      case 0: mutate_header(entry.header, random); break;
      case 1:
        if (!entry.frames.empty()) {
          // Of any size, whole words or not.
          std::string& raw = entry.frames[random() % entry.frames.size()];
          raw.resize(random() % 3 ? raw.size() + 8 * (random() % 4) : random() % (raw.size() + 1));
        }
        break;
      case 2: std::swap(entry, entries[random() % entries.size()]); break;
      default:
        // The first frame has the structure, the others only numbers.
        if (!entry.frames.empty()) {
          std::string& raw = entry.frames[random() % 3 ? 0 : random() % entry.frames.size()];
          for (std::uint64_t words = 1 + random() % 4; words-- > 0;) mutate_words(raw, random);
        }
    }
  }
  return put_together(entries);
}

std::string mutate_bytes(std::string bytes, std::mt19937_64& random) {
  for (std::uint64_t n = 1 + random() % 8; n-- > 0 && !bytes.empty();) {
    std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0: bytes[at] = static_cast<char>(random()); break;
      case 1: bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8); break;
      case 2: bytes.erase(at, random() % 16); break;
      case 3: bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 64)); break;
      default: bytes.resize(at + 1); break;
    }
  }
  return bytes;
}
