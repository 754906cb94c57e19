// SocketStateChange: every change of state of a TCP, MPTCP, SCTP or DCCP socket.
#include <fmt/format.h>

#include <unordered_map>

#include "replay/from_state.h"
#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

constexpr std::uint64_t kTcp = 6, kClose = 7, kListen = 10;  // IPPROTO_TCP, TCP_*
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
                         "{sock.oldstate} -> {sock.newstate}"
                         "((  of {sock.owner.name}[{sock.owner.pid}]))"
                         "((  in {sock.owner.container}))  on {proc.name}[{proc.pid}]") {}

  format::KindSet kinds() const override {
    return format::kind_bit(DSE_SOCKET_STATE) | format::kind_bit(DSE_SOCKET_SNAPSHOT);
  }
  void reset() override { existing_.clear(); }

  Status process(const format::Batch& batch, const State&, EventBatch& out) override {
    if (batch.snapshot() && batch.table(DSE_SOCKET_SNAPSHOT)) DSE_TRY(note_existing(batch));
    return out.use_table(batch.table(DSE_SOCKET_STATE));
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    const TableView sockets = TableView::columns_of(events.batch(), DSE_SOCKET_STATE);
    if (sockets.rows() == 0) return {};
    if (field.name == "evt.self") return is_self(sockets, events, out);
    if (field.name.starts_with("sock.owner.")) return owner(field.name, sockets, events, out);
    if (field.name == "sock.age" || field.name == "sock.oldstate_duration")
      return since(field.name == "sock.age" ? "born" : "since", sockets, events, out);
    for (const auto& [name, column] : kTraffic)
      if (field.name == name) return traffic(column, sockets, events, out);
    if (field.name == "sock.lip") return addresses(sockets, "localAddress", events, out);
    if (field.name == "sock.rip") return addresses(sockets, "remoteAddress", events, out);
    auto name_column = [&](const char* column, auto name) -> Status {
      DSE_TRY_ASSIGN(EventColumn numbers, events.source_column(column));
      out = name_numbers(events, numbers, [&](std::uint64_t n) { return std::optional(name(n)); });
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
  struct Owner {
    std::uint64_t pid = 0, uid = 0, ns_pid = 0, cgroup_id = 0, source = 0;
    std::string name;
  };

  static constexpr std::pair<std::string_view, const char*> kTraffic[] = {
      {"sock.bytes_sent", "bytesSent"},      {"sock.bytes_received", "bytesReceived"},
      {"sock.segs_sent", "segmentsSent"},    {"sock.segs_received", "segmentsReceived"},
      {"sock.retransmits", "retransmitted"},
  };

  // The columns that tell of owners, in records of a change and of the snapshot alike.
  struct OwnerColumns {
    std::span<const std::uint64_t> pid, uid, ns_pid, cgroup, source, cookie;
    format::StringColumn name;

    static Result<OwnerColumns> open(const TableView& table) {
      OwnerColumns columns;
      DSE_TRY_ASSIGN(columns.pid, table.ints("ownerPid"));
      DSE_TRY_ASSIGN(columns.uid, table.ints("ownerUid"));
      DSE_TRY_ASSIGN(columns.ns_pid, table.ints("ownerNsPid"));
      DSE_TRY_ASSIGN(columns.cgroup, table.ints("ownerCgroupId"));
      DSE_TRY_ASSIGN(columns.source, table.ints("ownerSource"));
      DSE_TRY_ASSIGN(columns.cookie, table.ints("cookie"));
      DSE_TRY_ASSIGN(columns.name, table.strings("ownerComm"));
      return columns;
    }
    Owner at(std::uint32_t row) const {
      return {pid[row],    uid[row],    ns_pid[row],
              cgroup[row], source[row], std::string(until_nul(name[row]))};
    }
  };

  // Who had which socket open when recording began: for changes in the moments before the kernel side
  // was told.
  Status note_existing(const format::Batch& batch) {
    DSE_TRY_ASSIGN(TableView table, TableView::open(batch, DSE_SOCKET_SNAPSHOT));
    DSE_TRY_ASSIGN(OwnerColumns columns, OwnerColumns::open(table));
    for (std::uint32_t row = 0; row < table.rows(); ++row)
      if (columns.source[row] != DSE_OWNER_UNKNOWN)
        existing_[columns.cookie[row]] = columns.at(row);
    return {};
  }

  Status owner(std::string_view field, const TableView& sockets, const EventBatch& events,
               EventColumn& out) const {
    if (events.state().info().abi_version < 2) return {};  // owners were not recorded
    DSE_TRY_ASSIGN(OwnerColumns columns, OwnerColumns::open(sockets));
    std::uint32_t n = events.size();
    auto& numbers = events.own_numbers(n);
    auto& present = events.own_flags(n);
    TextColumn texts(events);
    bool number = field == "sock.owner.pid" || field == "sock.owner.uid";
    bool pid = field == "sock.owner.pid", name = field == "sock.owner.name";
    bool source = field == "sock.owner.source";
    for (std::uint32_t i = 0; i < n; ++i) {
      const Owner* existing = nullptr;
      if (columns.source[i] == DSE_OWNER_UNKNOWN) {
        auto found = existing_.find(columns.cookie[i]);
        if (found != existing_.end()) existing = &found->second;
      }
      std::uint64_t how = existing ? existing->source : columns.source[i];
      if (source) texts.set(i, source_name(how));
      if (source || how == DSE_OWNER_UNKNOWN) continue;
      if (number) {
        present[i] = 1;
        numbers[i] = pid ? (existing ? existing->pid : columns.pid[i])
                         : (existing ? existing->uid : columns.uid[i]);
      } else if (name) {
        texts.set(i, existing ? std::string_view(existing->name) : until_nul(columns.name[i]));
      } else if (const Container* container = events.state().container(
                     existing ? existing->cgroup_id : columns.cgroup[i],
                     static_cast<std::uint32_t>(existing ? existing->ns_pid : columns.ns_pid[i]),
                     events.number(i))) {
        texts.set(i, container->id);
      }
    }
    if (number) {
      out.numbers = numbers;
      out.present = present;
    } else {
      out = texts.column();
    }
    return {};
  }

  // A packet that comes in while the recorder runs is none of its doing: the owner counts. The recorder
  // itself has no such sockets.
  static Status is_self(const TableView& sockets, const EventBatch& events, EventColumn& out) {
    if (events.state().info().abi_version < 2) return {};
    DSE_TRY_ASSIGN(auto pid, sockets.ints("ownerPid"));
    out = self_column(events, [&](std::uint32_t i) { return pid[i]; });
    return {};
  }

  static std::string_view source_name(std::uint64_t source) {
    switch (source) {
      case DSE_OWNER_CONNECT: return "connect";
      case DSE_OWNER_LISTEN: return "listen";
      case DSE_OWNER_ACCEPT: return "accept";
      case DSE_OWNER_SNAPSHOT: return "snapshot";
      default: return "unknown";
    }
  }

  // Time from a moment that the record names, if it does.
  static Status since(const char* column, const TableView& sockets, const EventBatch& events,
                      EventColumn& out) {
    DSE_TRY_ASSIGN(auto begin, sockets.ints(column));
    DSE_TRY_ASSIGN(auto time, sockets.time());
    auto& spans = events.own_numbers(events.size());
    auto& present = events.own_flags(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i) {
      present[i] = begin[i] != 0 && begin[i] <= time[i];
      if (present[i]) spans[i] = time[i] - begin[i];
    }
    out.numbers = spans;
    out.present = present;
    return {};
  }

  // What went over a TCP connection, once there is one.
  static Status traffic(const char* column, const TableView& sockets, const EventBatch& events,
                        EventColumn& out) {
    if (events.state().info().abi_version < 2) return {};
    DSE_TRY_ASSIGN(auto values, sockets.ints(column));
    DSE_TRY_ASSIGN(auto protocol, sockets.ints("protocol"));
    DSE_TRY_ASSIGN(auto old_state, sockets.ints("oldState"));
    auto& present = events.own_flags(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i)
      present[i] = protocol[i] == kTcp && old_state[i] != kClose && old_state[i] != kListen;
    out.numbers = values;
    out.present = present;
    return {};
  }

  // An address is rendered once per family and distinct value.
  static Status addresses(const TableView& sockets, const char* column, const EventBatch& events,
                          EventColumn& out) {
    DSE_TRY_ASSIGN(format::StringColumn bytes, sockets.strings(column));
    DSE_TRY_ASSIGN(auto family, sockets.ints("family"));
    auto& keys = events.own_numbers(family.size());
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = bytes.index[i] << 16 | family[i];
    EventColumn numbers;
    numbers.numbers = keys;
    out = name_numbers(events, numbers, [&](std::uint64_t key) -> std::optional<std::string> {
      std::string_view address = bytes.values[key >> 16];
      std::uint64_t kind = key & 0xffff;
      if (kind == kInet) return ipv4(address);
      if (kind == kInet6) return ipv6(address);
      return {};
    });
    return {};
  }

  std::unordered_map<std::uint64_t, Owner> existing_;  // by cookie
};

}  // namespace

std::unique_ptr<ObservationPoint> socket_state_change() {
  return std::make_unique<SocketStateChange>();
}

}  // namespace dse::replay
