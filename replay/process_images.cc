#include "replay/process_images.h"

#include <functional>

#include "replay/flat_index.h"

namespace dse::replay {
namespace {

std::size_t size_of(const format::StringColumn& column) {
  std::size_t size = 0;
  for (std::string_view value : column.values) size += value.size();
  return size;
}

// Copies of the distinct values, behind what there is in `bytes`, which does not move.
std::vector<std::string_view> copied(const format::StringColumn& column, std::string& bytes) {
  std::vector<std::string_view> copies;
  copies.reserve(column.values.size());
  for (std::string_view value : column.values) {
    copies.emplace_back(bytes.data() + bytes.size(), value.size());
    bytes += value;
  }
  return copies;
}

}  // namespace

Result<ProcessImages> ProcessImages::open(const TableView& table, std::string_view exepath) {
  ProcessImages images;
  DSE_TRY_ASSIGN(format::StringColumn paths, table.strings(exepath));
  DSE_TRY_ASSIGN(format::StringColumn args, table.strings("args"));
  if (table.rows() == 0) return images;
  auto block = std::make_shared<Block>();
  block->bytes.reserve(size_of(paths) + size_of(args));
  const std::vector<std::string_view> path_texts = copied(paths, block->bytes),
                                      arg_texts = copied(args, block->bytes);
  FlatIndex known;  // by both indices
  images.of_row_.reserve(table.rows());
  for (std::uint32_t row = 0; row < table.rows(); ++row) {
    const auto path = static_cast<std::uint32_t>(paths.index[row]);
    const auto arg = static_cast<std::uint32_t>(args.index[row]);
    const std::uint64_t key = std::uint64_t{path} << 32 | arg;
    std::uint32_t at = known.find(key);
    if (at == FlatIndex::kAbsent) {
      at = static_cast<std::uint32_t>(block->images.size());
      block->images.push_back({path_texts[path], arg_texts[arg]});
      block->parts.push_back({path, arg});
      known.insert(key, at);
    }
    images.of_row_.push_back(at);
  }
  images.block_ = std::move(block);
  return images;
}

ProcessImages::Image ProcessImages::copy_of(std::size_t place) {
  struct Kept {
    std::shared_ptr<const std::string> exepath, args;
    ProcessImage image;
  };
  auto text_of = [](Texts& texts, std::uint32_t index, std::string_view text) {
    if (texts.size() <= index) texts.resize(std::size_t{index} + 1);
    if (!texts[index]) texts[index] = std::make_shared<const std::string>(text);
    return texts[index];
  };
  const ProcessImage& image = block_->images[place];
  auto kept = std::make_shared<Kept>();
  kept->exepath = text_of(kept_paths_, block_->parts[place].exepath, image.exepath);
  kept->args = text_of(kept_args_, block_->parts[place].args, image.args);
  kept->image = {*kept->exepath, *kept->args};
  const ProcessImage* copy = &kept->image;
  return {std::move(kept), copy};
}

void ProcessImages::keep(Image& image) {
  if (!block_ || !image) return;
  const std::vector<ProcessImage>& images = block_->images;
  const std::less<const ProcessImage*> before;
  if (before(image.get(), images.data()) || !before(image.get(), images.data() + images.size()))
    return;
  const auto place = static_cast<std::size_t>(image.get() - images.data());
  kept_.resize(images.size());
  if (!kept_[place]) kept_[place] = copy_of(place);
  image = kept_[place];
}

}  // namespace dse::replay
