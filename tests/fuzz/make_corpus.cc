// Makes the seeds for libFuzzer of the golden captures: whole segments for replay_fuzzer, the headers
// of their entries for header_fuzzer; expressions for filter_fuzzer, and profiles for profile_fuzzer.
// `make_corpus REPLAY_DIR HEADER_DIR FILTER_DIR PROFILE_DIR FILE...`
#include <cstdio>
#include <filesystem>

#include "format/entry.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/testing.h"

using namespace dse::format;

int main(int argc, char** argv) {
  if (argc < 6) return 64;
  std::string replay_dir = argv[1], header_dir = argv[2], filter_dir = argv[3], profile_dir = argv[4];
  std::filesystem::create_directories(replay_dir);
  std::filesystem::create_directories(header_dir);
  std::filesystem::create_directories(filter_dir);
  std::filesystem::create_directories(profile_dir);
  for (std::size_t i = 0; i < filter_seeds().size(); ++i)
    write_file(filter_dir + "/seed-" + std::to_string(i), filter_seeds()[i]);
  for (std::size_t i = 0; i < profile_seeds().size(); ++i)
    write_file(profile_dir + "/seed-" + std::to_string(i), profile_seeds()[i]);
  for (int i = 5; i < argc; ++i) {
    std::string bytes = read_file(argv[i]), name = "seed-" + std::to_string(i);
    write_file(replay_dir + "/" + name, bytes);
    SegmentReader reader(memory_byte_source(bytes, true), nullptr);
    for (int number = 0;; ++number) {
      auto entry = reader.next();
      if (!entry || !*entry) break;
      std::string header = string_of(encode_header((*entry)->header)).substr(kSkippableBytes);
      write_file(header_dir + "/" + name + "-" + std::to_string(number), header);
    }
  }
  return 0;
}
