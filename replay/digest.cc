#include "replay/digest.h"

#include <xxhash.h>

#include <array>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "replay/point.h"
#include "replay/state.h"

namespace dse::replay {

Hash128& Hash128::operator+=(const Hash128& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

std::string Hash128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

Hash128 hash128(std::string_view bytes) {
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

std::vector<std::string> EventDigest::fields(const ObservationPoint& point) {
  std::vector<std::string> names;
  for (const Field& field : point.fields())
    if (field.shown_by(point.name()) && field.name != "evt.num" && field.name != "sig.sender.num" &&
        field.name != "host.name")
      names.push_back(field.name);
  return names;
}

Status EventDigest::add(const EventBatch& events, const filter::Mask& kept) {
  auto found = renderers_.find(&events.point());
  if (found == renderers_.end()) {
    std::vector<std::string> names = fields(events.point());
    found = renderers_.try_emplace(&events.point(), events.point(), &names).first;
  }
  const JsonRenderer& renderer = found->second;
  // So that a damaged column is an error and not a missing value.
  for (std::size_t field : renderer.fields()) DSE_TRY(events.column(field));
  bytes_.assign(events.state().info().host_name);
  bytes_ += '\n';
  const std::size_t host = bytes_.size();
  for (std::uint32_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    bytes_.resize(host);
    renderer.append(events, i, bytes_);
    sum_ += hash128(bytes_);
    ++count_;
  }
  return {};
}

struct RecordDigest::Stream {
  Stream() : state(XXH3_createState()) {
    if (!state) throw std::bad_alloc();
    XXH3_128bits_reset(state);
  }
  ~Stream() { XXH3_freeState(state); }
  XXH3_state_t* state;
};

RecordDigest::RecordDigest() : stream_(std::make_unique<Stream>()) {}
RecordDigest::~RecordDigest() = default;

Status RecordDigest::add(const format::Batch& batch, unsigned abi_version) {
  if (batch.snapshot()) return {};
  return batch.for_each_record(abi_version, [&](std::span<const std::byte> record) -> Status {
    std::array<std::uint8_t, 8> size;
    for (std::size_t i = 0; i < size.size(); ++i)
      size[i] = static_cast<std::uint8_t>(std::uint64_t{record.size()} >> (8 * i));
    XXH3_128bits_update(stream_->state, size.data(), size.size());
    XXH3_128bits_update(stream_->state, record.data(), record.size());
    ++count_;
    return {};
  });
}

Hash128 RecordDigest::hash() const {
  XXH128_hash_t hash = XXH3_128bits_digest(stream_->state);
  return {hash.high64, hash.low64};
}

}  // namespace dse::replay
