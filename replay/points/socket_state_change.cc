// SocketStateChange: every change of state of a TCP, MPTCP, SCTP or DCCP socket.
#include <fmt/format.h>

#include <cstring>

#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

constexpr std::uint64_t kInet = 2, kInet6 = 10;  // address families, the same on every machine

std::string number_or(std::string_view name, std::uint64_t number) {
  return name.empty() ? std::to_string(number) : std::string(name);
}

std::string ipv4(std::string_view bytes) {
  auto b = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  return fmt::format("{}.{}.{}.{}", b(0), b(1), b(2), b(3));
}

// RFC 5952: lower case, the longest run of zero groups as "::", IPv4-mapped in dotted form.
std::string ipv6(std::string_view bytes) {
  std::uint16_t group[8];
  for (std::size_t i = 0; i < 8; ++i)
    group[i] = static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[2 * i]) << 8 |
                                          static_cast<std::uint8_t>(bytes[2 * i + 1]));
  bool mapped = group[5] == 0xffff;
  for (std::size_t i = 0; i < 5; ++i) mapped = mapped && group[i] == 0;
  if (mapped) return "::ffff:" + ipv4(bytes.substr(12));

  std::size_t best = 8, best_length = 1;  // a single zero group is written out
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t length = 0;
    while (i + length < 8 && group[i + length] == 0) ++length;
    if (length > best_length) {
      best = i;
      best_length = length;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == best) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += fmt::format("{:x}", group[i]);
  }
  return out;
}

class SocketStateChange final : public ObservationPoint {
 public:
  SocketStateChange()
      : ObservationPoint("SocketStateChange",
                         "{sock.lip}:{sock.lport} -> {sock.rip}:{sock.rport}  {sock.proto}  "
                         "{sock.oldstate} -> {sock.newstate}  on {proc.name}[{proc.pid}]") {}

  format::KindSet kinds() const override { return format::kind_bit(DSE_SOCKET_STATE); }

  Status process(const format::Batch& batch, const State&, EventBatch& out) override {
    return out.use_table(batch.table(DSE_SOCKET_STATE));
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    DSE_TRY_ASSIGN(TableView sockets, TableView::open(events.batch(), DSE_SOCKET_STATE));
    if (field.name == "sock.lip") return addresses(sockets, "localAddress", events, out);
    if (field.name == "sock.rip") return addresses(sockets, "remoteAddress", events, out);
    auto name_column = [&](const char* column, auto name) -> Status {
      DSE_TRY_ASSIGN(auto numbers, sockets.ints(column));
      out = name_numbers(events, numbers, name);
      return {};
    };
    if (field.name == "sock.family")
      return name_column("family", [](std::uint64_t n) {
        return number_or(address_family_name(static_cast<unsigned>(n)), n);
      });
    if (field.name == "sock.proto")
      return name_column("protocol", [](std::uint64_t n) {
        return number_or(protocol_name(static_cast<unsigned>(n)), n);
      });
    bool old = field.name == "sock.oldstate";
    if (old || field.name == "sock.newstate")
      return name_column(old ? "oldState" : "newState", [](std::uint64_t n) {
        return number_or(tcp_state_name(static_cast<unsigned>(n)), n);
      });
    return {};
  }

 private:
  // An address is rendered once per family and distinct value.
  static Status addresses(const TableView& sockets, const char* column, const EventBatch& events,
                          EventColumn& out) {
    DSE_TRY_ASSIGN(format::StringColumn bytes, sockets.strings(column));
    DSE_TRY_ASSIGN(auto family, sockets.ints("family"));
    std::vector<std::uint64_t> keys(family.size());
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = bytes.index[i] << 16 | family[i];
    out = name_numbers(events, keys, [&](std::uint64_t key) -> std::string {
      std::string_view address = bytes.values[key >> 16];
      std::uint64_t kind = key & 0xffff;
      if (kind == kInet) return ipv4(address);
      if (kind == kInet6) return ipv6(address);
      return {};
    });
    return {};
  }
};

}  // namespace

std::unique_ptr<ObservationPoint> socket_state_change() {
  return std::make_unique<SocketStateChange>();
}

}  // namespace dse::replay
