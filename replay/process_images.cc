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
    const std::uint64_t key = std::uint64_t{paths.index[row]} << 32 | args.index[row];
    std::uint32_t at = known.find(key);
    if (at == FlatIndex::kAbsent) {
      at = static_cast<std::uint32_t>(block->images.size());
      block->images.push_back({path_texts[paths.index[row]], arg_texts[args.index[row]]});
      known.insert(key, at);
    }
    images.of_row_.push_back(at);
  }
  images.block_ = std::move(block);
  return images;
}

ProcessImages::Image ProcessImages::copy_of(const ProcessImage& image) {
  auto block = std::make_shared<Block>();
  block->bytes.reserve(image.exepath.size() + image.args.size());
  block->bytes.append(image.exepath).append(image.args);
  const std::string_view bytes = block->bytes;
  block->images.push_back(
      {bytes.substr(0, image.exepath.size()), bytes.substr(image.exepath.size())});
  const ProcessImage* copy = block->images.data();
  return {std::move(block), copy};
}

void ProcessImages::keep(Image& image) {
  if (!block_ || !image) return;
  const std::vector<ProcessImage>& images = block_->images;
  const std::less<const ProcessImage*> before;
  if (before(image.get(), images.data()) || !before(image.get(), images.data() + images.size()))
    return;
  const auto place = static_cast<std::size_t>(image.get() - images.data());
  kept_.resize(images.size());
  if (!kept_[place]) kept_[place] = copy_of(images[place]);
  image = kept_[place];
}

}  // namespace dse::replay
