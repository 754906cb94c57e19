// Events as documents of the Elastic Common Schema, 8.x.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/render.h"

namespace dse::replay {

class EcsRenderer {
 public:
  static constexpr std::string_view kVersion = "8.17.0";

  // Of all fields that events of `point` show unasked. What the schema has no field for is under "dse.".
  explicit EcsRenderer(const ObservationPoint& point);

  // Appends one JSON object without a newline.
  void append(const EventBatch& events, std::uint32_t event, std::string& out) const;

  // The fields that it reads, by name.
  const std::vector<std::string>& fields() const { return used_; }

 private:
  // What stands in a place of the document.
  enum class What {
    value,   // of a field, as `dse replay` has it
    string,  // a number as a string: ids of users are keywords
    array,   // an array of this one
    argv,    // the first argument, then the others
    end,  // of the local end of a socket, or the other one, whichever is the source (destination)
    constant,  // the same in all documents
    if_there,  // the same in all that have the field
    kind,
    type,
    action,
    outcome,
    direction,
    host_name,
    host_kernel,
    host_machine,
    host_boot,
  };
  struct Part {
    std::vector<std::string> groups;  // "process", "parent" of "process.parent.pid"
    std::string key;                  // "\"pid\":"
    What what;
    std::optional<ShownField> shown, other;
    std::string constant;  // JSON
  };
  // What an event is, in the words of the schema.
  struct Facts {
    std::string_view kind = "event", outcome;
    std::string_view types;  // JSON
    std::string action;
    bool outgoing = true;  // the local end of a socket is the source
    std::string_view direction;
  };

  Part& add(const std::string& path, What what);
  void add_field(const std::string& path, std::string_view field, What what = What::value);
  void add_constant(const std::string& path, std::string_view text);
  void add_if_there(const std::string& path, std::string_view field, std::string_view text);
  void add_common();
  void add_process();
  void add_container();
  void add_socket();
  void add_ends(const char* path, std::string_view local, std::string_view remote);
  void add_rest();
  void sort();

  Facts facts(const EventBatch& events, std::uint32_t event) const;
  void socket_facts(const EventBatch& events, std::uint32_t event, Facts& facts) const;
  std::optional<std::string_view> text(const EventBatch& events, std::uint32_t event,
                                       std::string_view field) const;
  bool append_part(const EventBatch& events, std::uint32_t event, const Part& part,
                   const Facts& facts, std::string& out) const;
  bool append_field(const EventBatch& events, std::uint32_t event, const Part& part,
                    const ShownField& shown, std::string& out) const;

  const ObservationPoint* point_;
  std::vector<Part> parts_;
  std::vector<std::string> used_;
};

}  // namespace dse::replay
