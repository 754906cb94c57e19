#include "format/segment_info.h"

#include <xxhash.h>

#include <algorithm>

#include <cstring>

#include "capture.capnp.h"
#include "format/entry_message.h"
#include "format/message.h"

namespace dse::format {
namespace {

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

void put_losses(capnp::List<schema::Loss>::Builder to, const std::vector<Loss>& losses) {
  for (unsigned i = 0; i < losses.size(); ++i) {
    to[i].setKind(losses[i].kind);
    to[i].setCause(losses[i].cause);
    to[i].setCount(losses[i].count);
  }
}

std::vector<Loss> get_losses(capnp::List<schema::Loss>::Reader from) {
  std::vector<Loss> losses;
  for (auto loss : from)
    losses.push_back({loss.getKind(), loss.getCause().cStr(), loss.getCount()});
  return losses;
}

unsigned length(std::size_t n) { return static_cast<unsigned>(n); }

// Opens the message of an entry and lets `read` take it apart.
template <typename Read>
Status read_entry(const EntryHeader& header, BodyReader body, Read read) {
  auto entry = std::make_shared<LazyEntry>(header, std::move(body), nullptr);
  DSE_TRY_ASSIGN(std::unique_ptr<LazyMessage> message, LazyEntry::open(entry));
  bool right_type = false;
  DSE_TRY(guarded(message.get(), [&] { right_type = read(message->getRoot<schema::Entry>()); }));
  if (!right_type) return damaged("an entry does not agree with its header");
  return {};
}

}  // namespace

std::uint64_t short_id(const CaptureId& id) {
  std::uint64_t value;
  std::memcpy(&value, id.data(), sizeof(value));
  return value;
}

CaptureId derived_id(const CaptureId& id, std::string_view how) {
  std::string text(id.begin(), id.end());
  text += how;
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(text.data(), text.size()));
  CaptureId out;
  std::copy_n(canonical.digest, out.size(), out.begin());
  return out;
}

bool is_merged(const SegmentInfo& info) {
  return std::find(info.options.begin(), info.options.end(),
                   std::pair<std::string, std::string>(kNumberedOption, kMergedValue)) !=
         info.options.end();
}

std::unique_ptr<ColumnMessage> encode_segment_info(const SegmentInfo& info) {
  auto message = std::make_unique<ColumnMessage>();
  auto to = message->initRoot<schema::Entry>().initSegment();
  to.setFormatVersion(kFormatVersion);
  to.setAbiVersion(info.abi_version);
  to.setCaptureId({info.capture_id.data(), info.capture_id.size()});
  to.setSegment(info.segment);
  to.setFirst(info.first);
  to.setRecorderVersion(info.recorder_version);
  to.setRecorderPid(info.recorder_pid);
  to.setHostName(info.host_name);
  to.setKernelRelease(info.kernel_release);
  to.setKernelVersion(info.kernel_version);
  to.setMachine(info.machine);
  to.setBootId(info.boot_id);
  to.setCpus(info.cpus);
  to.setPageSize(info.page_size);
  to.setCgroupHierarchy(info.cgroup_hierarchy);
  to.setCgroupControllers(info.cgroup_controllers);
  to.setBootTime(info.boot_time);
  to.setRealTime(info.real_time);
  to.setBootOfStart(info.boot_of_start);
  auto options = to.initOptions(length(info.options.size()));
  for (unsigned i = 0; i < info.options.size(); ++i) {
    options[i].setName(info.options[i].first);
    options[i].setValue(info.options[i].second);
  }
  auto kinds = to.initKinds(length(info.kinds.size()));
  for (unsigned i = 0; i < info.kinds.size(); ++i) kinds.set(i, info.kinds[i]);
  return message;
}

std::unique_ptr<ColumnMessage> encode_end_info(const EndInfo& info) {
  auto message = std::make_unique<ColumnMessage>();
  auto to = message->initRoot<schema::Entry>().initEnd();
  to.setRecords(info.records);
  to.setReason(info.reason);
  to.setLast(info.last);
  put_losses(to.initLosses(length(info.losses.size())), info.losses);
  put_losses(to.initSeen(length(info.seen.size())), info.seen);
  auto streams = to.initStreams(length(info.streams.size()));
  for (unsigned i = 0; i < info.streams.size(); ++i) {
    streams[i].setKind(info.streams[i].kind);
    streams[i].setCpu(info.streams[i].cpu);
    streams[i].setSeq(info.streams[i].seq);
  }
  auto index = to.initIndex(length(info.index.size()));
  for (unsigned i = 0; i < info.index.size(); ++i) {
    const IndexItem& item = info.index[i];
    index[i].setOffset(item.offset);
    index[i].setType(static_cast<std::uint8_t>(item.type));
    index[i].setFirst(item.first);
    index[i].setCount(item.count);
    index[i].setMinTime(item.min_time);
    index[i].setMaxTime(item.max_time);
    index[i].setLost(item.lost);
    index[i].setKinds(item.kinds);
  }
  return message;
}

Result<SegmentInfo> open_segment_info(const EntryHeader& header, BodyReader body) {
  SegmentInfo info;
  bool id_ok = true;
  DSE_TRY(read_entry(header, std::move(body), [&](schema::Entry::Reader entry) {
    if (!entry.isSegment()) return false;
    auto from = entry.getSegment();
    info.format_version = from.getFormatVersion();
    info.abi_version = from.getAbiVersion();
    auto id = from.getCaptureId();
    id_ok = id.size() == info.capture_id.size();
    if (id_ok) std::memcpy(info.capture_id.data(), id.begin(), id.size());
    info.segment = from.getSegment();
    info.first = from.getFirst();
    info.recorder_version = from.getRecorderVersion().cStr();
    info.recorder_pid = from.getRecorderPid();
    info.host_name = from.getHostName().cStr();
    info.kernel_release = from.getKernelRelease().cStr();
    info.kernel_version = from.getKernelVersion().cStr();
    info.machine = from.getMachine().cStr();
    info.boot_id = from.getBootId().cStr();
    info.cpus = from.getCpus();
    info.page_size = from.getPageSize();
    info.cgroup_hierarchy = from.getCgroupHierarchy();
    info.cgroup_controllers = from.getCgroupControllers().cStr();
    info.boot_time = from.getBootTime();
    info.real_time = from.getRealTime();
    info.boot_of_start = from.getBootOfStart();
    for (auto option : from.getOptions())
      info.options.emplace_back(option.getName().cStr(), option.getValue().cStr());
    for (auto kind : from.getKinds()) info.kinds.push_back(kind);
    return true;
  }));
  if (!id_ok) return damaged("a capture id that is not 16 bytes");
  if (short_id(info.capture_id) != header.capture)
    return damaged("a segment header with the id of another capture");
  return info;
}

Result<EndInfo> open_end_info(const EntryHeader& header, BodyReader body) {
  EndInfo info;
  DSE_TRY(read_entry(header, std::move(body), [&](schema::Entry::Reader entry) {
    if (!entry.isEnd()) return false;
    auto from = entry.getEnd();
    info.records = from.getRecords();
    info.reason = from.getReason().cStr();
    info.last = from.getLast();
    info.losses = get_losses(from.getLosses());
    info.seen = get_losses(from.getSeen());
    for (auto stream : from.getStreams())
      info.streams.push_back({stream.getKind(), stream.getCpu(), stream.getSeq()});
    for (auto item : from.getIndex())
      info.index.push_back({item.getOffset(), static_cast<EntryType>(item.getType()),
                            item.getFirst(), item.getCount(), item.getMinTime(), item.getMaxTime(),
                            item.getLost(), item.getKinds()});
    return true;
  }));
  return info;
}

}  // namespace dse::format
