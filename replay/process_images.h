// What processes execute, of the records of one table that tell it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"
#include "replay/table_view.h"

namespace dse::replay {

// The same for all that a process forks.
struct ProcessImage {
  std::string_view exepath;
  std::string_view args;  // each with a NUL
};

// Images of the batch at hand share one piece of memory, as most processes end before the batch does; of
// those that stay, keep() has pieces of their own.
class ProcessImages {
 public:
  using Image = std::shared_ptr<const ProcessImage>;

  static Result<ProcessImages> open(const TableView& table, std::string_view exepath);

  // Equal ones are one.
  Image at(std::uint32_t row) const { return {block_, &block_->images[of_row_[row]]}; }

  // Puts what outlives the batch in the place of an image that is one of these.
  void keep(Image& image);

 private:
  // Texts by their places in the dictionary: nullptr where nobody needed one yet.
  using Texts = std::vector<std::shared_ptr<const std::string>>;
  struct Parts {
    std::uint32_t exepath, args;  // places in the dictionaries
  };
  struct Block {
    std::string bytes;
    std::vector<ProcessImage> images;
    std::vector<Parts> parts;  // of the image at the same place
  };

  Image copy_of(std::size_t place);

  std::shared_ptr<const Block> block_;
  std::vector<std::uint32_t> of_row_;  // in block_->images
  std::vector<Image> kept_;            // the same place; nullptr: nobody needed it yet
  Texts kept_paths_, kept_args_;       // what several of them may share
};

}  // namespace dse::replay
