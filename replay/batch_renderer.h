// Many events of a batch as lines. Events that differ in few values share a template, made by the renderer
// itself (see replay/row_classes.h): for an event its template is copied, with the values that vary.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "replay/render.h"
#include "replay/row_classes.h"
#include "replay/text_buffer.h"
#include "replay/timestamp.h"

namespace dse::replay {

class BatchRenderer {
 public:
  // The events to render, by their rows; `columns` are the renderer's of this batch. All of it outlives the
  // calls of append(). Memory is reused.
  void begin(const Renderer& renderer, const EventBatch& events,
             std::span<const EventColumn* const> columns, std::span<const std::uint32_t> chosen);
  // Appends the line of the `nth` of them, without a newline.
  void append(std::size_t nth, TextBuffer& out);

 private:
  struct Cut {
    std::size_t end;    // where the literal text before it ends, in literals_
    std::size_t value;  // by number; kNoValue: the line ends
  };
  struct Template {
    std::size_t begin = 0, end = 0;  // in literals_
    std::size_t cuts = 0;            // where its cuts begin; 0: not made yet
  };

  // A text as it is written, with its quotes and escapes: a piece of texts_.
  struct Piece {
    std::uint32_t begin = 0, size = 0;  // size 0: not made yet; none is empty
  };

  void make(Template& of, std::uint32_t event);
  void forget_templates();
  void plan_pieces();
  const Piece* piece_of(std::size_t value, std::uint32_t event);
  char* write_value(std::size_t value, std::uint32_t event, char* at, TextBuffer& out,
                    std::size_t rest);

  const Renderer* renderer_ = nullptr;
  const EventBatch* events_ = nullptr;
  std::span<const EventColumn* const> columns_;
  std::span<const std::uint32_t> chosen_;
  RowClasses classes_;
  std::vector<std::uint8_t> varies_;  // by value
  std::vector<Template> templates_;   // by class
  std::string literals_;
  std::vector<Cut> cuts_;
  std::vector<std::vector<Piece>> pieces_;  // by value, and then by slot of its column; empty: not kept
  std::string texts_;
  TimeWriter times_;
  // Scratch:
  std::vector<Line::Cut> line_cuts_;
  std::string text_;
};

}  // namespace dse::replay
