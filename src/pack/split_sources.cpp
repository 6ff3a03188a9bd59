// Which source packs which task.
#include <algorithm>
#include <string_view>

#include "core/error.hpp"
#include "pack/classification_source.hpp"
#include "pack/panoptic_source.hpp"
#include "pack/semantic_source.hpp"
#include "pack/split_source.hpp"
#include "pack/unlabeled_source.hpp"

namespace muster::pack {
namespace {

using MakeSource = std::unique_ptr<SplitSource> (*)(const PackOptions&, const std::string&, const SplitSources&, std::vector<std::string>&);

struct SourceOfTask {
  std::string_view task;
  MakeSource make;
};

constexpr SourceOfTask kSources[] = {{"semantic_segmentation", make_semantic_source},
                                     {"panoptic_segmentation", make_panoptic_source},
                                     {"image_classification", make_classification_source},
                                     {"pretrain", make_unlabeled_source}};

}  // namespace

std::unique_ptr<SplitSource> make_split_source(const PackOptions& options, const std::string& split, const SplitSources& sources,
                                               std::vector<std::string>& notices) {
  const auto found = std::ranges::find(kSources, std::string_view(options.task), &SourceOfTask::task);
  if (found == std::end(kSources)) {
    throw ConfigError("task={}: nothing is packed for it", options.task);
  }
  return found->make(options, split, sources, notices);
}

}  // namespace muster::pack
