#include "record/snapshot.h"

#include <gtest/gtest.h>

#include "tests/unit/testing.h"

using namespace dse::record;
using dse::format::NameRedactor;
using dse::format::Redactor;

namespace {

std::string name_of(const dse_task& task) { return reinterpret_cast<const char*>(task.comm); }

TEST(snapshot, names_that_it_hides_the_stream_hides_too) {
  Redactor rules = *Redactor::make({"[a-z-]+-SECRET"}, {});
  NameRedactor names(rules);
  dse::format::Rows rows;
  dse::format::StreamTable streams;
  SnapshotBuilder builder(rows, streams, rules, names, {0, 0}, [] {});
  ProcessRow process{};
  process.task = make_task(7, "telltale-and-so-on-SECRET");
  process.task.flags = DSE_TASK_KERNEL_THREAD;  // nothing of it is looked for in /proc
  process.exe = "/bin/telltale-and-so-on-SECRET";
  builder.add(process);
  dse_socket_snapshot socket{};
  std::copy_n(process.task.comm, sizeof(socket.owner_comm), socket.owner_comm);
  builder.add(socket);

  auto batch = batch_of(rows);
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  for (const Record& record : records_of(*batch)) {
    EXPECT_EQ(record.find("telltale"), std::string::npos);
    EXPECT_EQ(record.find("SECRET"), std::string::npos);
  }
  EXPECT_EQ(name_of(rows.tasks().tasks()[0]), "***");

  Record later = deliver_record(process.task, 15, 0);
  std::vector<std::byte> kept(bytes_of(later).begin(), bytes_of(later).end());
  names.apply_to_record(kept);
  EXPECT_EQ(name_of(header_of_record(string_of(kept)).task), "***");
}

}  // namespace
