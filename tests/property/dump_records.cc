// Prints the raw records of captures, one JSON line each, for comparison with a reader that was
// written from FORMAT.md alone; in a filtered capture with the events that are shown of each.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "format/capture_reader.h"

namespace {

using namespace dse;
using namespace dse::format;

// [["point",nth],...] for the record at `position`, as Python writes it.
std::string shown_of(const Batch& batch, std::uint32_t position) {
  std::string out;
  for (const ShownEvents& events : batch.shown())
    for (std::size_t i = 0; i < events.position.size(); ++i)
      if (events.position[i] == position)
        out += fmt::format("{}[\"{}\", {}]", out.empty() ? "" : ", ", events.point, events.nth[i]);
  return out;
}

Status dump(const Batch& batch, unsigned abi_version) {
  DSE_TRY_ASSIGN(auto slots, batch.order());
  std::uint32_t position = 0;
  return batch.for_each_record(abi_version, [&](std::span<const std::byte> record) -> Status {
    Kind kind = slots[position] ? batch.kinds()[slots[position]] : Kind{0};
    std::uint64_t number = batch.number(position);
    std::string shown = batch.filtered() ? fmt::format(",\"shown\":[{}]", shown_of(batch, position))
                                         : "";
    ++position;
    std::string hex;
    for (std::byte byte : record) hex += fmt::format("{:02x}", static_cast<unsigned>(byte));
    fmt::print("{{\"num\":{},\"kind\":\"{}\"{},\"record\":\"{}\"}}\n", number,
               kind ? kind_name(kind) : "raw", shown, hex);
    return {};
  });
}

Status dump_all(const std::vector<std::string>& paths) {
  DSE_TRY_ASSIGN(auto reader, CaptureReader::open(paths));
  while (true) {
    DSE_TRY_ASSIGN(Step step, reader->next());
    if (step.what == Step::What::end) break;
    if (step.what == Step::What::batch) DSE_TRY(dump(*step.batch, reader->info().abi_version));
  }
  for (const Note& note : reader->notes()) fmt::print(stderr, "{}\n", note.text);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Status status = dump_all(std::vector<std::string>(argv + 1, argv + argc));
  if (!status) fmt::print(stderr, "{}\n", status.error().message());
  return status ? 0 : 1;
}
