// Writes a capture of plausible random records: `write_random_capture FILE SEED RECORDS RECORDS_PER_BATCH`.
#include <cstdio>
#include <cstdlib>

#include "tests/unit/testing.h"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  RandomRecords random(std::strtoull(argv[2], nullptr, 10), RandomRecords::Style::plausible);
  Records snapshot = random.snapshot(50);
  Records records = random.take(std::strtoull(argv[3], nullptr, 10));
  auto status = write_capture(argv[1], snapshot, cut(records, std::strtoull(argv[4], nullptr, 10)),
                              dse::format::FileSystem::host());
  if (status) return 0;
  std::fprintf(stderr, "%s\n", status.error().message().c_str());
  return 1;
}
